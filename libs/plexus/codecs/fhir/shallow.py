"""Recorded changes read no deeper than rendering needs.

Most of what an event holds has been rendered before and is recognised by its bytes, so that reading
it field by field would be wasted. Here stand classes for the same wire format as the contracts', made
from their descriptors, in which submessages are left as they are: bytes, for their own classes to read
(protobuf encodes a bytes field and a submessage alike). Neighbour: `resources`, which opens contents.
"""

from typing import Any, Final, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from plexus.api.canonical.v1.resources_pb2 import Observation, Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent, RecordedResource
from plexus.errors import InvalidMessage, Reason

__all__ = ["ShallowEvent", "ShallowObservation", "ShallowResource", "opened"]

_MessageT = TypeVar("_MessageT", bound=Message)

_PACKAGE: Final = "plexus.codecs.fhir.shallow"
# Fields of these that stay messages: of a copied kind that kind's copy, of another one the kind itself.
_KEPT: Final[dict[type[Message], set[str]]] = {
    ChangedEvent: {"person", "resources"},
    RecordedResource: {"resource"},
    Resource: set(),
    Observation: {"identifiers", "notes", "devices", "facts"},
}


def _classes() -> dict[type[Message], Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="plexus/codecs/fhir/shallow.proto", package=_PACKAGE, syntax="proto3"
    )
    copied = {kind.DESCRIPTOR.full_name: kind.DESCRIPTOR.name for kind in _KEPT}
    needed: dict[str, None] = {}
    for kind, kept in _KEPT.items():
        copy = file.message_type.add()
        kind.DESCRIPTOR.CopyToProto(copy)
        for field in copy.field:
            if field.type == field.TYPE_ENUM:
                field.type = field.TYPE_INT32
                field.ClearField("type_name")
            elif field.type == field.TYPE_MESSAGE and field.name not in kept:
                field.type = field.TYPE_BYTES
                field.ClearField("type_name")
            elif target := kind.DESCRIPTOR.fields_by_name[field.name].message_type:
                if name := copied.get(target.full_name):
                    field.type_name = f".{_PACKAGE}.{name}"
                else:
                    needed[target.file.name] = None
    file.dependency.extend(needed)
    pool = descriptor_pool.Default()
    pool.Add(file)
    return {
        kind: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{kind.DESCRIPTOR.name}")
        )
        for kind in _KEPT
    }


_shallow: Final = _classes()

ShallowEvent: Final = _shallow[ChangedEvent]
"""A ChangedEvent whose resources' contents are bytes."""

ShallowResource: Final = _shallow[Resource]
"""A Resource whose content is bytes."""

ShallowObservation: Final = _shallow[Observation]
"""An Observation whose value, concepts, ranges and references are bytes."""


def opened(kind: type[_MessageT], data: bytes) -> _MessageT:
    """A message of `kind`.

    Raises:
        InvalidMessage: `data` is none.
    """
    try:
        return kind.FromString(data)
    except DecodeError as exc:
        raise InvalidMessage("unreadable", reason=Reason.REASON_INTERNAL) from exc
