"""FHIR dates and times from canonical text: precision and zone as given, nothing invented.

A canonical time may stand without a zone, because many senders leave it out. R4 allows no such
`dateTime` (2.24.0.1: a time must have a zone), so it is cut to its date; an `instant` in that state
is left out. Text that is no date of the calendar gives "". Results are cached: the parts of one
message share a few times.
"""

import datetime
import re
from functools import lru_cache

__all__ = ["clock_time", "date", "date_time", "ends_before_start", "instant", "later"]

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_CLOCK = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])(:[0-5][0-9])?(\.[0-9]+)?")
_ZONE = re.compile(r"Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_DAY = 10


@lru_cache(maxsize=8192)
def date(value: str) -> str:
    """A FHIR `date`: the date part of `value`, or ""."""
    day = value.strip().partition("T")[0]
    match = _DATE.fullmatch(day)
    if match is None:
        return ""
    try:
        datetime.date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return ""
    return day


@lru_cache(maxsize=8192)
def date_time(value: str) -> str:
    """A FHIR `dateTime`: `value` itself, its date where it has no zone or no sound time, or ""."""
    day = date(value)
    if len(day) != _DAY:
        return day
    rest = value.strip()[_DAY + 1 :]
    zone_at = next((at for at, sign in enumerate(rest) if sign in "Z+-"), len(rest))
    clock, zone = clock_time(rest[:zone_at]), rest[zone_at:]
    return f"{day}T{clock}{zone}" if clock and _ZONE.fullmatch(zone) else day


def instant(value: str) -> str:
    """A FHIR `instant`: a dateTime that is complete to the second with its zone, or ""."""
    moment = date_time(value)
    return moment if len(moment) > _DAY else ""


def clock_time(value: str) -> str:
    """A FHIR `time`, or ""; seconds that were not sent are zero-filled, as R4 2.24.0.1 asks."""
    match = _CLOCK.fullmatch(value.strip())
    if match is None or (match[3] and not match[2]):
        return ""
    return f"{match[1]}{match[2] or ':00'}{match[3] or ''}"


def ends_before_start(start: str, end: str) -> bool:
    """True where FHIR times `start` and `end` are surely the wrong way round (invariant per-1)."""
    if len(start) > _DAY and len(end) > _DAY:
        try:
            return datetime.datetime.fromisoformat(end) < datetime.datetime.fromisoformat(start)
        except (ValueError, OverflowError):
            return False
    shared = min(len(start), len(end), _DAY)
    return end[:shared] < start[:shared]


def later(start: str, minutes: int) -> str:
    """The FHIR instant `minutes` after the instant `start`, in its zone; "" beyond year 9999."""
    try:
        moment = datetime.datetime.fromisoformat(start) + datetime.timedelta(minutes=minutes)
    except (ValueError, OverflowError):
        return ""
    return f"{moment.isoformat()[:19]}{start[19:]}"
