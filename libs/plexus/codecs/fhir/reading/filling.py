"""Takes what tables say out of a tree into canonical messages.

A table names for each member of a FHIR type where it goes (see `tables`). How a value is converted
follows from its FHIR type, which the definitions of R4 tell, and from the canonical field. A value
that does not fit, or finds its place taken, stays where it is and becomes residue; nothing is refused.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.codecs.fhir.definitions import structure
from plexus.codecs.fhir.reading.scalars import scalar
from plexus.codecs.fhir.reading.tree import Digits, Tree, is_read
from plexus.codecs.fhir.references import FHIR_TYPES, FUNCTION_URL

__all__ = [
    "CANONICAL_TYPES",
    "Each",
    "Extensions",
    "Reading",
    "Rule",
    "Table",
    "Take",
    "fill",
    "take_code",
]

CANONICAL_TYPES: Final[Mapping[str, str]] = {fhir: ours for ours, fhir in FHIR_TYPES.items()}
"""Canonical type of the FHIR types that are named otherwise."""

_PROFILED: Final = {"SimpleQuantity": "Quantity", "Duration": "Quantity"}
_KINDS: Final = {
    "CodeableConcept": frozenset({"Concept"}),
    "Coding": frozenset({"Coding", "Concept"}),
    "ContactPoint": frozenset({"Telecom"}),
}
"""Canonical messages of the FHIR datatypes that are named otherwise."""


class Reading:
    """What comes up while one resource is read.

    Attributes:
        references: each canonical reference with the FHIR one that it was made of.
        subjects: the FHIR references to the person.
        lifted: elements that are resources of their own in the canonical model, by their FHIR type
            and the place they had.
        type_of: what type a FHIR reference leads to; "" where nobody can tell.
        datatypes: the table of each FHIR datatype.
    """

    __slots__ = ("datatypes", "lifted", "references", "subjects", "type_of")

    def __init__(self, type_of: Callable[[Tree], str], datatypes: Mapping[str, "Table"]) -> None:
        self.type_of = type_of
        self.datatypes = datatypes
        self.references: list[tuple[Reference, Tree]] = []
        self.subjects: list[Tree] = []
        self.lifted: list[tuple[str, str, Tree]] = []


Take = Callable[[Tree, str, Any, Reading], None]
"""Takes a member of an object into a canonical message."""


class Each(NamedTuple):
    """A member whose elements each become one element of a repeated field, by a table of their own."""

    field: str
    table: Mapping[str, "Rule"]


class Extensions(NamedTuple):
    """Where the values of extensions go, by URL; those of their parts, where they are complex."""

    by_url: Mapping[str, Any]


Rule = str | Mapping[str, Any] | Each | Extensions | Take
"""A field (or a path of fields); a table for what lies below, into the same message; or a function."""

Table = Mapping[str, Rule]

_REFERENCE: Final[Table] = {
    "identifier": "identifier",
    "display": "display",
    "extension": Extensions({FUNCTION_URL: "role"}),
}


class _Member(NamedTuple):
    """What R4 says of a member: the type of its value."""

    type: str
    is_list: bool


@functools.cache
def _members(fhir_type: str) -> Mapping[str, _Member]:
    found = structure(fhir_type)
    assert found is not None, fhir_type
    return {
        member: _Member(_PROFILED.get(type_, type_), element.is_list)
        for element in found.elements
        for member, type_ in element.members()
    }


def fill(table: Table, fhir_type: str, source: Tree, target: Any, reading: Reading) -> None:
    """Take all that the table names out of an object of that FHIR type."""
    for name, rule in table.items():
        if name in source:
            _apply(rule, fhir_type, source, name, target, reading)


def _apply(
    rule: Rule, fhir_type: str, source: Tree, name: str, target: Any, reading: Reading
) -> None:
    if callable(rule):
        rule(source, name, target, reading)
    elif isinstance(rule, Extensions):
        values = source[name]
        if name.startswith("_"):
            # What stands beside a primitive.
            values = values.get("extension") if isinstance(values, dict) else None
        _take_extensions(rule, values, target, reading)
    else:
        member = _members(fhir_type)[name]
        if isinstance(rule, str):
            _put(source, name, member, target, rule, reading)
        elif isinstance(rule, Each):
            for each in _objects(source[name]):
                with_one(
                    target,
                    rule.field,
                    functools.partial(_fill_below, rule.table, member.type, each, reading),
                )
        else:
            for each in _objects(source[name]):
                fill(rule, member.type, each, target, reading)


def _fill_below(table: Table, fhir_type: str, source: Tree, reading: Reading, made: Any) -> None:
    fill(table, fhir_type, source, made, reading)


def _objects(value: Any) -> list[Tree]:
    """The objects of a member, be it a list as it should or one alone."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, dict)]


def _take_extensions(rule: Extensions, values: Any, target: Any, reading: Reading) -> None:
    for each in _objects(values):
        below = rule.by_url.get(url) if isinstance(url := each.get("url"), str) else None
        if below is None:
            continue
        if isinstance(below, Extensions):
            _take_extensions(below, each.get("extension"), target, reading)
        elif callable(below):
            below(each, "extension", target, reading)
        else:
            for name in [name for name in each if name in _members("Extension")]:
                if name.startswith("value"):
                    # A function gets the extension itself.
                    _apply(below, "Extension", each, name, target, reading)
        if is_read({name: value for name, value in each.items() if name != "url"}):
            del each["url"]


def with_one(target: Any, name: str, into: Callable[[Any], None]) -> None:
    """Have a new element of a repeated field filled, or a single one that is not set; else do nothing."""
    field = target.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        elements = getattr(target, name)
        made = elements.add()
        into(made)
        if not made.ListFields():
            del elements[-1]
    elif not target.HasField(name) and not _is_oneof_taken(target, field):
        into(getattr(target, name))


def _is_oneof_taken(target: Message, field: FieldDescriptor) -> bool:
    oneof = field.containing_oneof
    return oneof is not None and target.WhichOneof(oneof.name) is not None


def _put(
    source: Tree, name: str, member: _Member, target: Any, path: str, reading: Reading
) -> None:
    *outer, last = path.split(".")
    for step in outer:
        target = getattr(target, step)
    field = target.DESCRIPTOR.fields_by_name[last]
    value = source[name]
    if field.message_type is not None:
        kind = field.message_type.name
        # An extension may hold a value of any type.
        if kind not in _KINDS.get(member.type, {member.type}):
            return
        for each in _objects(value):
            with_one(
                target,
                last,
                functools.partial(_convert, member.type, kind, each, reading),
            )
        return
    if not isinstance(value, list):
        if not field.is_repeated and _set(target, field, member.type, value):
            del source[name]
        return
    for at, each in enumerate(value):
        if _set(target, field, member.type, each):
            value[at] = None


def _convert(fhir_type: str, kind: str, source: Tree, reading: Reading, made: Any) -> None:
    if fhir_type == "Reference" and kind == "Reference":
        _take_reference(source, made, reading)
    elif fhir_type == "Coding" and kind == "Concept":
        with_one(
            made,
            "codings",
            functools.partial(_fill_below, reading.datatypes["Coding"], "Coding", source, reading),
        )
    else:
        fill(reading.datatypes[fhir_type], fhir_type, source, made, reading)


def _take_reference(source: Tree, made: Reference, reading: Reading) -> None:
    """All but where it leads: `reference` stays until the targets have their keys."""
    fhir_type = reading.type_of(source)
    made.type = CANONICAL_TYPES.get(fhir_type, fhir_type)
    if source.get("type") == fhir_type:
        del source["type"]
    fill(_REFERENCE, "Reference", source, made, reading)
    if isinstance(source.get("reference"), str):
        reading.references.append((made, source))


def _set(target: Any, field: FieldDescriptor, fhir_type: str, value: Any) -> bool:
    """Set a scalar, or add one to a list; False where it does not fit or its place is taken."""
    made = scalar(field, fhir_type, value)
    if made is None:
        return False
    if field.is_repeated:
        getattr(target, field.name).append(made)
        return True
    if field.has_presence:
        if target.HasField(field.name) or _is_oneof_taken(target, field):
            return False
    elif not made or getattr(target, field.name):
        # What is not set and the zero value are one: the zero value must stay as residue.
        return False
    setattr(target, field.name, made)
    return True


def take_code(coding: Tree) -> str:
    """The code of a Coding, taken with its system; "" where it is none."""
    code = coding.get("code")
    if not isinstance(code, str) or isinstance(code, Digits) or not code:
        return ""
    if isinstance(coding.get("system"), str):
        del coding["system"]
    del coding["code"]
    return code
