"""Birth dates as they are compared: year, month and day, each of which may be unknown.

Reads FHIR dateTime text (any precision) and the eight digits of HL7 v2. A date that systems fill in
where none is known is no date; 1 January is a date whose day and month say little.
"""

import re
from typing import Final, NamedTuple

__all__ = ["BirthDate", "read_birth_date"]

_FHIR: Final = re.compile(r"\s*(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T ].*)?\s*\Z", re.ASCII)
_DIGITS: Final = re.compile(r"\s*(\d{4})(\d{2})?(\d{2})?\d*(?:[+-]\d{4})?\s*\Z", re.ASCII)
_AMERICAN: Final = re.compile(r"\s*(\d{1,2})/(\d{1,2})/(\d{4})\s*\Z", re.ASCII)
_EUROPEAN: Final = re.compile(r"\s*(\d{1,2})\.(\d{1,2})\.(\d{4})\s*\Z", re.ASCII)
_FIRST_YEAR: Final = 1850
_LAST_YEAR: Final = 2150
_IN_FOUR_DIGITS: Final = 1000
_NEVER: Final = 9999
"""A whole date of another year than people have is a mistyped one, and still resembles it; 9999 is none."""
_DEFAULTS: Final = frozenset({
    (1899, 12, 30), (1899, 12, 31), (1900, 1, 1), (1900, 1, 0), (1900, 0, 0), (1901, 1, 1),
    (1910, 10, 10), (1911, 11, 11), (1912, 12, 12), (1753, 1, 1), (1850, 1, 1),
})  # fmt: skip
"""What spreadsheets, databases and desks put where no birth date is known."""
_ESTIMATED: Final = frozenset({(1, 1)})


class BirthDate(NamedTuple):
    """A date of birth; 0 where a part is unknown. Holds patient data.

    Month and day are kept as typed, even where no calendar has them: a mistyped date still resembles
    the right one.
    """

    year: int
    month: int = 0
    day: int = 0

    @property
    def is_whole(self) -> bool:
        """Year, month and day are known."""
        return bool(self.month and self.day)

    @property
    def is_estimated(self) -> bool:
        """1 January, or the year alone: what is written where only the age is known."""
        return not self.month or (self.month, self.day) in _ESTIMATED


def read_birth_date(text: str) -> BirthDate | None:
    """The date; None where there is none, or where it is a default."""
    if not text:
        return None
    if found := _FHIR.match(text) or _DIGITS.match(text):
        year, month, day = (int(part or 0) for part in found.groups())
    elif found := _AMERICAN.match(text):
        month, day, year = (int(part) for part in found.groups())
    elif found := _EUROPEAN.match(text):
        day, month, year = (int(part) for part in found.groups())
    else:
        return None
    if not month:
        day = 0
    if month > 12 >= day > 0:
        # Only one order of the two is possible.
        month, day = day, month
    if not _FIRST_YEAR <= year <= _LAST_YEAR and not (_IN_FOUR_DIGITS <= year < _NEVER and day):
        return None
    if (year, month, day) in _DEFAULTS:
        return None
    return BirthDate(year, month, day)
