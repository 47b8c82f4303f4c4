"""A strict JSON Schema for FHIR R4 types, made from the definitions.

Stricter than the schema that FHIR publishes: objects are closed, required elements are required,
arrays are not empty, one type of a choice excludes the others, primitives match their patterns, and
codes with a required binding are of their value set. Resources within others (`contained`, entries
of a Bundle) are only said to be resources: each is held against the schema of its own type.
Neighbour: `validation` compiles and applies it.
"""

from collections.abc import Iterator
from typing import Any, Final

from plexus.codecs.fhir.definitions import PRIMITIVES, Element, Structure, structure, value_set

__all__ = ["entry_member", "schema_of"]

_Schema = dict[str, Any]
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_REQUEST: Final = "Bundle.entry.request"
_RESOURCE: Final[_Schema] = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {"resourceType": {"type": "string"}},
}


def schema_of(*fhir_types: str) -> _Schema:
    """The schema of an object that holds a resource of one of the types, by the type's name.

    A transaction entry with the resource stands under the name `entry_member` gives. One schema for
    many types costs little more than one for one type: the datatypes are shared.

    Raises:
        KeyError: R4 has no such type.
    """
    properties: dict[str, _Schema] = {}
    for fhir_type in fhir_types:
        properties[fhir_type] = _ref(fhir_type)
        properties[entry_member(fhir_type)] = {
            "type": "object",
            "properties": {
                "fullUrl": _ref("uri"),
                "resource": _ref(fhir_type),
                "request": _ref(_REQUEST),
            },
            "required": ["resource", "request"],
            "additionalProperties": False,
        }
    definitions = _definitions([*fhir_types, "Element", "uri", _REQUEST])
    for fhir_type in fhir_types:
        resource = definitions[fhir_type]
        resource["properties"]["resourceType"] = {"const": fhir_type}
        resource["required"] = ["resourceType", *resource.get("required", ())]
    return {"$schema": _DRAFT, "properties": properties, "definitions": definitions}


def entry_member(fhir_type: str) -> str:
    """The name under which `schema_of` has an entry with a resource of this type."""
    return f"{fhir_type} entry"


def _definitions(names: list[str]) -> dict[str, _Schema]:
    """A schema for each of the types, and for all that they use."""
    made: dict[str, _Schema] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name in made:
            continue
        if name == "Resource":
            made[name] = _RESOURCE
        elif name in PRIMITIVES:
            made[name] = _primitive(name)
        elif (found := structure(name)) is not None:
            made[name] = _object(found)
            wanted.extend(type_ for element in found.elements for _, type_ in element.types)
        else:
            raise KeyError(name)
    return made


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/definitions/{name}"}


def _object(found: Structure) -> _Schema:
    properties: dict[str, _Schema] = {}
    required: list[str] = []
    rules: list[_Schema] = []
    for element in found.elements:
        members = list(element.members())
        for member, type_ in members:
            properties.update(_member(element, member, type_))
        if len(members) > 1:
            rules.append(_choice(element))
        elif element.least and members[0][1] in PRIMITIVES:
            rules.append({"title": element.name, **_present(*members[0])})
        elif element.least:
            required.append(members[0][0])
    made: _Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
    }
    if required:
        made["required"] = required
    if rules:
        made["allOf"] = rules
    return made


def _primitive(name: str) -> _Schema:
    primitive = PRIMITIVES[name]
    made: _Schema = {"type": primitive.json}
    if primitive.pattern:
        made["pattern"] = f"^(?:{primitive.pattern})$"
    if primitive.json == "integer":
        made |= {"minimum": primitive.least, "maximum": primitive.most}
    return made


def _member(element: Element, member: str, type_: str) -> Iterator[tuple[str, _Schema]]:
    is_primitive = type_ in PRIMITIVES
    one: _Schema = _ref(type_)
    if codes := _codes(element, type_):
        one = codes
    if not element.is_list:
        yield member, one
        if is_primitive:
            yield f"_{member}", _ref("Element")
        return
    bounds = {"minItems": max(1, element.least), "maxItems": element.most}
    if is_primitive:
        # A null keeps the place of a value that has only extensions, and the other way round.
        null: _Schema = {"type": "null"}
        yield member, {"type": "array", **bounds, "items": {"anyOf": [one, null]}}
        also = {"anyOf": [_ref("Element"), null]}
        yield f"_{member}", {"type": "array", **bounds, "items": also}
    else:
        yield member, {"type": "array", **bounds, "items": one}


def _codes(element: Element, type_: str) -> _Schema | None:
    systems = value_set(element.binding) if element.binding else None
    if systems is None:
        return None
    if type_ == "code":
        codes = sorted(frozenset().union(*systems.values()))
        return {"type": "string", "enum": codes}
    if type_ != "CodeableConcept":
        return None
    known = [
        {"properties": {"system": {"const": system}, "code": {"enum": sorted(codes)}},
         "required": ["system", "code"]}
        for system, codes in sorted(systems.items())
    ]  # fmt: skip
    return {"allOf": [_ref(type_)], "properties": {"coding": {"contains": {"anyOf": known}}}}


def _choice(element: Element) -> _Schema:
    present = [_present(member, type_) for member, type_ in element.members()]
    if not element.least:
        present.append({"not": {"anyOf": present[:]}})
    return {"title": element.name, "oneOf": present}


def _present(member: str, type_: str) -> _Schema:
    if type_ not in PRIMITIVES:
        return {"required": [member]}
    # Its extensions may stand for the value, to say why it is absent.
    return {"anyOf": [{"required": [member]}, {"required": [f"_{member}"]}]}
