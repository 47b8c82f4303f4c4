"""Which resources a resource points at."""

from collections.abc import Iterator

from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from services.records.domain.versions import PERSON, Slot, place_of

__all__ = ["references_of"]


def references_of(resource: Resource) -> Iterator[Slot]:
    """The slots that a resource points at by key, persons aside, in the order of its fields."""
    return _below(resource)


def _below(message: Message) -> Iterator[Slot]:
    if isinstance(message, Reference):
        if message.key and message.type != PERSON:
            yield Slot(message.type, place_of(message.key), "")
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else (value,):
            yield from _below(each)
