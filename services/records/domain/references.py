"""Which resources a resource points at."""

from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from services.records.domain.versions import PERSON, Slot, place_of

__all__ = ["references_of"]


def references_of(resource: Resource) -> Iterator[Slot]:
    """The slots that a resource points at by key, persons aside, in the order of its fields."""
    if resource.HasField("person"):
        # All that a person points at; looked for with every message, and most often there is none.
        return _of(resource.person.general_practitioners)
    return _below(resource)


def _of(references: Iterable[Reference]) -> Iterator[Slot]:
    return (
        Slot(each.type, place_of(each.key), "")
        for each in references
        if each.key and each.type != PERSON
    )


def _below(message: Message) -> Iterator[Slot]:
    if isinstance(message, Reference):
        yield from _of((message,))
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else (value,):
            yield from _below(each)
