"""Dates of FHIR as spans of time: `2024-03` is the whole month, in the tenant's zone.

Moments are microseconds since 1970 in UTC, whole numbers: they compare fast and print the same on
every machine. A span runs from its start up to, and without, its end.
"""

import datetime
import re
from typing import Final

__all__ = ["ALWAYS", "FOREVER", "NEVER_BEGAN", "Span", "instant", "span", "text_of"]

Span = tuple[int, int]

NEVER_BEGAN: Final = -(2**62)
FOREVER: Final = 2**62
ALWAYS: Final[Span] = (NEVER_BEGAN, FOREVER)

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_SECOND: Final = 1_000_000
# FHIR R4 2.24.0.1, dateTime; seconds may be left out, as partners do.
_SHAPE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)"
    r"(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


def instant(moment: datetime.datetime) -> int:
    """An aware moment in microseconds."""
    return (moment - _EPOCH) // _MICROSECOND


def text_of(moment: int) -> str:
    """A moment as FHIR writes it, in UTC; empty where no calendar reaches it."""
    try:
        return (_EPOCH + moment * _MICROSECOND).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return ""


def span(text: str, zone: datetime.tzinfo) -> Span:
    """What a FHIR date, dateTime or instant spans; without an offset it is a time of `zone`.

    Raises:
        ValueError: it is none of them.
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError("is no date of FHIR")
    year, month, day, hour = found.groups()[:4]
    if hour is not None:
        return _time(found, zone)
    start = datetime.datetime(int(year), int(month or 1), int(day or 1), tzinfo=zone)
    if day is not None:
        after = _next_day(start)
    elif month is not None:
        after = _following(start.year + (start.month == 12), start.month % 12 + 1, zone)
    else:
        after = _following(start.year + 1, 1, zone)
    return instant(start), FOREVER if after is None else instant(after)


def _time(found: re.Match[str], zone: datetime.tzinfo) -> Span:
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    digits = (fraction or ".")[1:7].ljust(6, "0")
    moment = datetime.datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        min(int(second or 0), 59),  # FHIR allows a leap second
        int(digits),
        tzinfo=_zone(offset) if offset else zone,
    )
    start = instant(moment)
    if fraction is not None:
        return start, start + 10 ** max(0, 6 - len(fraction) + 1)
    return start, start + (60 * _SECOND if second is None else _SECOND)


def _zone(offset: str) -> datetime.tzinfo:
    if offset == "Z":
        return datetime.UTC
    minutes = int(offset[1:3]) * 60 + int(offset[4:])
    return datetime.timezone(datetime.timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _next_day(start: datetime.datetime) -> datetime.datetime | None:
    try:
        # Wall-clock arithmetic: the next midnight, however long the day was.
        return start + datetime.timedelta(days=1)
    except OverflowError:
        return None


def _following(year: int, month: int, zone: datetime.tzinfo) -> datetime.datetime | None:
    return datetime.datetime(year, month, 1, tzinfo=zone) if year <= datetime.MAXYEAR else None
