"""Timing: when something happens, and how often.

R4 (Timing, invariants tim-1 to tim-10) knows units of time only, an offset only beside the event that it
is from, and no times of the day beside an event. What it cannot say in parts is said in the words of the
code, or left out. Neighbours: `orders` and `medications`, which have the time from which to which beside it.
"""

from typing import Final

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import concept, concept_label, span
from plexus.codecs.fhir.elements import Json, filled, text
from plexus.codecs.fhir.quantities import number
from plexus.codecs.terminology import UCUM

__all__ = ["timing"]

# UCUM units of time that R4 permits (value set units-of-time), in seconds; how long the longer ones are varies.
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "wk": 604_800, "mo": 0, "a": 0}
_MOST: Final = 2**31
_MEALS: Final = frozenset({"C", "CM", "CD", "CV"})


def timing(source: canonical.Timing, words: str, bounds: canonical.Period) -> Json:
    """A Timing, or {} where neither the schedule nor the words say anything.

    Args:
        source: the schedule.
        words: the same in words, where it was told so.
        bounds: from when to when; on its own it makes no Timing.
    """
    shown = text(words)
    if not (shown or source.ListFields()):
        return {}
    clocks = [made for each in source.times if (made := times.clock_time(each))]
    when = coded(source.when, codes.EVENT_TIMING)
    code = dict(concept(source.code))
    if when and clocks:
        said = "; ".join(each for each in (concept_label(source.code), ", ".join(clocks)) if each)
        code["text"] = said
    if shown:
        code["text"] = shown
    offset = _minutes(source.offset)
    repeat = filled(
        {
            **_bounds(source.length, bounds),
            "count": source.count if 0 < source.count < _MOST else None,
            **_amount("duration", source.duration),
            **_amount("period", source.period),
            "dayOfWeek": [made for each in source.days if (made := coded(each, codes.DAYS))],
            "timeOfDay": None if when else clocks,
            "when": [when] if when else None,
            "offset": offset if offset and when and when not in _MEALS else None,
        }
    )
    return filled({"repeat": repeat, "code": code})


def _amount(member: str, source: canonical.Quantity) -> Json:
    """A number and its unit of time, which R4 has side by side; nothing where one of them is missing."""
    made = _time(source)
    return {member: made, f"{member}Unit": source.code} if made else {}


def _time(source: canonical.Quantity) -> object:
    if source.code not in _SECONDS or source.value.strip().startswith("-"):
        return None
    return number(source.value)


def _minutes(source: canonical.Quantity) -> int:
    """Whole minutes; 0 where it is none."""
    seconds = _SECONDS.get(source.code, 0)
    value = source.value.strip()
    if not (seconds and value.isascii() and value.isdigit() and len(value) < 10):
        return 0
    whole, rest = divmod(int(value) * seconds, 60)
    return whole if not rest and whole < _MOST else 0


def _bounds(length: canonical.Quantity, bounds: canonical.Period) -> Json:
    """From when to when; how long where that is all there is, and the end that follows from a start."""
    start, end = bounds.start, bounds.end
    if start and not end and (minutes := _minutes(length)):
        began = times.instant(start)
        end = times.later(began, minutes) if began else ""
    if made := span(start, end):
        return {"boundsPeriod": made}
    if (value := _time(length)) is None:
        return {}
    shown = text(length.unit) or length.code
    return {"boundsDuration": {"value": value, "unit": shown, "system": UCUM, "code": length.code}}
