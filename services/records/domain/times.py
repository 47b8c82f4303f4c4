"""FHIR dateTime text of any precision and zone, in one total order."""

import datetime
import functools
import re
from typing import Final

__all__ = ["age"]

_DATE_TIME: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(?:(Z)|([+-])(\d\d):(\d\d))?)?)?)?",
    re.ASCII,
)
_NEVER: Final = -1


@functools.lru_cache(maxsize=8192)
def age(text: str) -> int:
    """Nanoseconds from the year 1 to the beginning of the time; -1 where the text is none.

    A day counts from its midnight and a year from January 1, for nothing later was said; a time
    without zone is read as UTC. So every two times compare the same way, whatever else is compared
    with them: the result of a comparison never depends on what came first.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return _NEVER
    year, month, day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = (
        found.groups()
    )
    try:
        date = datetime.date(int(year), int(month or 1), int(day or 1))
        # 60 is a leap second (R4 2.24.0.1 allows it), which datetime.time refuses.
        datetime.time(int(hour or 0), int(minute or 0), min(int(second or 0), 59))
    except ValueError:
        return _NEVER
    minutes = (date.toordinal() * 24 + int(hour or 0)) * 60 + int(minute or 0)
    if sign:
        offset = int(zone_hours) * 60 + int(zone_minutes)
        minutes -= offset if sign == "+" else -offset
    nanoseconds = int((fraction or "").ljust(9, "0")[:9])
    return (minutes * 60 + int(second or 0)) * 1_000_000_000 + nanoseconds
