"""Fields: presence, repetition, length, data types and HL7 tables of a version, by hl7apy.

hl7apy takes about a millisecond a field and raises at the first fault, so every field is held against
it alone; no fault hides another, and each has its place. It gets text with the usual separators,
whatever the message has. Its words may repeat values, so they are replaced by ours.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from typing import Literal

import hl7apy
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import ChildNotFound, HL7apyException
from hl7apy.parser import parse_field, parse_segment
from hl7apy.validation import Validator

from plexus.codecs.hl7v2 import Message, Segment, SegmentWriter

__all__ = ["VERSIONS", "field_findings"]

VERSIONS: tuple[str, ...] = tuple(
    sorted(hl7apy.SUPPORTED_LIBRARIES, key=lambda v: [int(part) for part in v.split(".")])
)
"""What hl7apy knows, the oldest first."""

_Found = tuple[str, Literal["error", "warning", "note"], str, str]
_MISSING = re.compile(r"Error: Missing required child (?P<of>\w+)\.(?P<child>\w+)")
_LIMIT = re.compile(r"Error: Child limit exceeded (?P<of>\w+)\.(?P<child>\w+)")
_TABLE = re.compile(r" not in table (?P<table>\w+) in element (?P<of>\w+)\.(?P<child>\w+)$")
_LENGTH = re.compile(
    r"Warning: Exceeded max length \((?P<most>\d+)\) of (?P<of>\w+)\.(?P<child>\w+)$"
)
_FIELD = re.compile(r"[A-Z][A-Z0-9]{2}_(?P<field>\d+)")
_WORDS = {
    "MaxLengthReached": "is longer than the standard allows",
    "ChildNotValid": "has more parts than its data type",
    "OperationNotAllowed": "has more parts than its data type",
    "ChildNotFound": "has more parts than its data type",
    "InvalidName": "has more parts than its data type",
    "no field": "is no field of this version",
    "ValueError": "does not fit its data type",
    "InvalidDataType": "does not fit its data type",
    "MaxChildLimitReached": "has more parts than its data type",
}
_RULES = {"MaxLengthReached": "length", "ValueError": "datatype", "InvalidDataType": "datatype"}
_HEADER_FIELDS = 2
_USUAL = SegmentWriter()


def field_findings(message: Message, version: str) -> Iterator[_Found]:
    """Give place, level, rule and text of every field that breaks the standard."""
    for segment in message.segments:
        place = f"{segment.name}[{segment.index}]"
        if segment.name.startswith("Z"):
            continue
        fields = [_usual(message, segment, n) for n in range(1, segment.field_count() + 1)]
        yield from _of_segment(segment, place, fields, version)
        for number, repetitions in enumerate(fields, 1):
            if segment.name == "MSH" and number <= _HEADER_FIELDS:
                continue
            for repetition, text in enumerate(repetitions, 1):
                trouble = _trouble(text, f"{segment.name}_{number}", version)
                if trouble is not None:
                    rule = _RULES.get(trouble, "field")
                    words = _WORDS.get(trouble, "is not as the standard has it")
                    where = f"{place}-{number}[{repetition}]"
                    yield where, "error", rule, f"{segment.name}-{number} {words}."


def _usual(message: Message, segment: Segment, field: int) -> list[str]:
    """The repetitions of a field, written with the usual separators."""
    if segment.name == "MSH" and field <= _HEADER_FIELDS:
        return [segment.raw(field)]
    below = message.separators.subcomponent
    written = []
    for value in segment.repetitions(field):
        parts = []
        for n, part in enumerate(value.parts(), 1):
            count = part.count(below) + 1 if below else 1
            parts.append([value.get(n, m) for m in range(1, count + 1)])
        written.append(_USUAL.parts(*parts))
    return written


def _trouble(text: str, name: str, version: str) -> str | None:
    """What hl7apy raises for a value of a field, by name of the exception."""
    if not text or text == '""':
        return None
    try:
        hl7apy.load_reference(name, "Field", version)
    except ChildNotFound:
        return "no field"
    try:
        parse_field(text, name, version, None, VALIDATION_LEVEL.STRICT)
    except (HL7apyException, ValueError, ArithmeticError) as exc:
        return type(exc).__name__
    except (AttributeError, KeyError, IndexError, TypeError):
        # Its tables have holes: this is no fault of the message.
        return None
    return None


def _of_segment(
    segment: Segment, place: str, fields: list[list[str]], version: str
) -> Iterator[_Found]:
    seen: set[tuple[str, str]] = set()
    for line in _report(segment, fields, version):
        for pattern, rule, words in (
            (_MISSING, "missing", "is required and has no value."),
            (_LIMIT, "often", "comes more often than it may."),
            (_TABLE, "table", "has a value that is not in table {table}."),
            (_LENGTH, "length", "is longer than {most} characters."),
        ):
            found = pattern.search(line)
            if found is None:
                continue
            name = found["child"] if found["of"] == segment.name else found["of"]
            field = _FIELD.fullmatch(name)
            number = field["field"] if field is not None else ""
            where = f"{place}-{number}" if number else place
            named = f"{segment.name}-{number}" if number else f"{found['child'].replace('_', '.')}"
            if found["of"] != segment.name and field is not None:
                named += f" ({found['child'].replace('_', '.')})"
            # Which version it is held against is told already.
            if (where, rule) not in seen and where != "MSH[1]-12":
                seen.add((where, rule))
                level: Literal["error", "warning"] = (
                    "warning" if rule in {"table", "length"} else "error"
                )
                yield where, level, rule, f"{named} {words.format(**found.groupdict())}"


def _report(segment: Segment, fields: list[list[str]], version: str) -> list[str]:
    """The lines of hl7apy's report on a segment; it knows to write them to a file only."""
    texts = ["~".join(repetitions) for repetitions in fields]
    if segment.name == "MSH":
        texts = ["^~\\&", *texts[_HEADER_FIELDS:]]
    written = _USUAL.segment(segment.name, *texts)
    descriptor, path = tempfile.mkstemp(prefix="plexus-lint-")
    os.close(descriptor)
    try:
        element = parse_segment(written, version, None, VALIDATION_LEVEL.TOLERANT)
        # It raises the first of what is in the report.
        with contextlib.suppress(HL7apyException):
            Validator.validate(element, report_file=path)
        with open(path, encoding="utf-8") as report:  # noqa: PTH123 - as hl7apy wrote it
            return report.read().splitlines()
    except (HL7apyException, AttributeError, KeyError, IndexError, TypeError, ValueError):
        return []
    finally:
        os.unlink(path)  # noqa: PTH108
