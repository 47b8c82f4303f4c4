"""Keys of resources: the same for every message about the same thing, so that it is updated.

A key begins with the canonical type and goes on with what names the thing in its source's world:
assigning authority and number where there are, else what tells it apart, else the message. Parts
are escaped, so no two lists of parts give the same key. Keys hold identifiers: patient data.
"""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Concept, HumanName, Identifier
from plexus.api.canonical.v1.resources_pb2 import Observation, Resource

__all__ = [
    "BLANK",
    "CONTENT_FIELDS",
    "cited_key",
    "code_part",
    "content_of",
    "display_of",
    "identifier_parts",
    "is_repeated",
    "join",
    "name_parts",
    "observation_part",
]

CONTENT_FIELDS: dict[str, str] = {
    field.message_type.name: field.name
    for field in Resource.DESCRIPTOR.oneofs_by_name["content"].fields
    if field.message_type is not None
}
"""Field of Resource by canonical type."""


_REPEATED = frozenset(
    (field.message_type.name, inner.name)
    for field in Resource.DESCRIPTOR.oneofs_by_name["content"].fields
    if field.message_type is not None
    for inner in field.message_type.fields
    if inner.is_repeated
)

BLANK: dict[str, Message] = {
    kind: getattr(Resource(), name) for kind, name in CONTENT_FIELDS.items()
}
"""A content that says nothing, by canonical type. Not to be changed."""


def is_repeated(kind: str, name: str) -> bool:
    """Whether that field of a canonical type is a list."""
    return (kind, name) in _REPEATED


def content_of(resource: Resource, kind: str) -> Any:
    """The content of that type, made present."""
    content: Message = getattr(resource, CONTENT_FIELDS[kind])
    content.SetInParent()
    return content


def join(*parts: str) -> str:
    """Join parts into a key; bars and backslashes within them are escaped."""
    key = "|".join(parts)
    if "\\" not in key and key.count("|") == len(parts) - 1:
        return key
    return "|".join(
        part.replace("\\", "\\\\").replace("|", "\\|") if "|" in part or "\\" in part else part
        for part in parts
    )


def identifier_parts(identifier: Identifier) -> tuple[str, str]:
    """Authority and value, for a key."""
    authority = identifier.authority
    return authority.namespace or authority.universal_id, identifier.value


def code_part(concept: Concept) -> str:
    """What a concept is, for a key: its first code with its system, else its words."""
    for coding in concept.codings:
        code = coding.code
        if code:
            system = coding.system_name or coding.system
            return f"{code}@{system}" if system else code
        display = coding.display
        if display:
            return display
    return concept.text


def _first(identifiers: Iterable[Identifier]) -> Identifier | None:
    return next((identifier for identifier in identifiers if identifier.value), None)


def name_parts(names: Iterable[HumanName]) -> tuple[str, ...]:
    for name in names:
        return (name.family, *name.given, *name.suffix)
    return ()


def cited_key(kind: str, content: Any) -> str:
    """Key of a practitioner, organisation or place that a message only cites; "" without a name."""
    identifier = _first(content.identifiers)
    if identifier is not None:
        return join(kind, *identifier_parts(identifier))
    if kind == "Practitioner":
        name = name_parts(content.names)
        return join(kind, "", *name) if any(name) else ""
    return join(kind, "", content.name) if content.name else ""


def display_of(kind: str, content: Any) -> str:
    """For people: a name for a reference."""
    if kind == "Practitioner":
        for name in content.names:
            return " ".join(part for part in (*name.given, name.family) if part)
        return ""
    name_of_thing: str = content.name
    return name_of_thing


def observation_part(observation: Observation) -> tuple[str, str]:
    """What tells an observation apart within its report: code and sub id."""
    return code_part(observation.code), observation.sub_id
