"""HL7 dates and times as FHIR text: precision as given, no zone that nobody stated.

HL7 v2.5.1 2.A.22 (DTM), 2.A.21 (DT), 2.A.75 (TM). The zone comes from the value, else from the
source's configured time zone at that instant (DST included), else there is none. Minutes without
seconds get ":00", which FHIR R4 `dateTime` allows; an hour without minutes has no FHIR form and is
refused, so that it stays as residue. "" means: not a time.
"""

import re
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["clock_time", "date_time"]

_DTM = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?)?)?(?:([+-])(\d\d)(\d\d))?",
    re.ASCII,
)
# Some senders write a clock time with colons, which can mean nothing else.
_TM = re.compile(r"(\d\d):?(\d\d)(?::?(\d\d)(\.\d{1,9})?)?(?:[+-]\d{4})?", re.ASCII)
_MAX_OFFSET = "1400"
_LONGEST = len("YYYYMMDDHHMMSS.123456789+ZZZZ")
_KEPT = 1024  # of the times that come again and again in the messages of an hour


def date_time(text: str, zone: ZoneInfo | None) -> str:
    """FHIR dateTime text of a DT, DTM or TS value, blanks around it aside; "" where it is none."""
    text = text.strip()
    return _known_date_time(text, zone) if len(text) <= _LONGEST else ""


@lru_cache(_KEPT)
def _known_date_time(text: str, zone: ZoneInfo | None) -> str:
    found = _DTM.fullmatch(text)
    if found is None:
        return ""
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = found.groups()
    written = _written_date(year, month, day)
    if hour is None or not written:
        return written
    second = second or "00"
    if not (hour < "24" and minute < "60" and second < "60"):
        return ""
    suffix = ""
    if sign:
        if off_minutes > "59" or off_hours + off_minutes > _MAX_OFFSET:
            return ""
        suffix = f"{sign}{off_hours}:{off_minutes}"
    elif zone is not None:
        moment = datetime(  # noqa: DTZ001 - the zone is what is being found out
            int(year), int(month), int(day), int(hour), int(minute), int(second)
        )
        try:
            suffix = _suffix(moment, zone)
        except OverflowError:
            return ""
    return f"{written}T{hour}:{minute}:{second}{fraction or ''}{suffix}"


@lru_cache(_KEPT)
def _written_date(year: str, month: str | None, day: str | None) -> str:
    """The date as it is written; "" where the calendar has none such."""
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return ""
    return "-".join(part for part in (year, month, day) if part)


def clock_time(text: str) -> str:
    """FHIR time text of a TM value; "" where it is none. FHIR `time` has no zone: it is refused."""
    found = _TM.fullmatch(text)
    if found is None or "+" in text or "-" in text:
        return ""
    hour, minute, second, fraction = found.groups()
    try:
        time(int(hour), int(minute), int(second or 0))
    except ValueError:
        return ""
    return f"{hour}:{minute}:{second or '00'}{fraction or ''}"


def _suffix(moment: datetime, zone: ZoneInfo) -> str:
    offset = moment.replace(tzinfo=zone).utcoffset()
    assert offset is not None  # a ZoneInfo always knows
    seconds = int(offset.total_seconds())
    if seconds % 60:
        # Local mean time of the 19th century; a FHIR offset has whole minutes only.
        return ""
    sign = "-" if seconds < 0 else "+"
    minutes = abs(seconds) // 60
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"
