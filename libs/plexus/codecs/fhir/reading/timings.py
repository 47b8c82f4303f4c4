"""Tables of Timing: the inverse of `plexus.codecs.fhir.timings`."""

from typing import Any

from plexus.codecs.fhir.reading.filling import Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Digits, Tree
from plexus.codecs.terminology import UCUM

__all__ = ["timing"]


def _code(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """Words alone are the timing in words."""
    code = source[name]
    if isinstance(code, dict) and "coding" not in code:
        fill({"text": "timing"}, "CodeableConcept", code, target, reading)
    else:
        fill({name: "schedule.code"}, "Timing", source, target, reading)


def _offset(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    minutes = source[name]
    if isinstance(minutes, Digits) and minutes.isdigit() and len(minutes) < 10:
        offset = target.schedule.offset
        offset.value, offset.unit, offset.system, offset.code = str(minutes), "min", UCUM, "min"
        del source[name]


def timing(bounds: str) -> Table:
    """The table of a Timing, whose bounds go to that field; the rest to `schedule` and `timing`."""
    amounts: Table = {
        f"{member}{unit}": f"schedule.{member}.{field}"
        for member in ("duration", "period")
        for unit, field in (("", "value"), ("Unit", "code"))
    }
    return {
        "repeat": {
            "boundsPeriod": bounds,
            "boundsDuration": "schedule.length",
            "count": "schedule.count",
            **amounts,
            "dayOfWeek": "schedule.days",
            "timeOfDay": "schedule.times",
            "when": "schedule.when",
            "offset": _offset,
        },
        "code": _code,
    }
