"""Which resources a resource points at."""

import functools
from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from services.records.domain.versions import PERSON, Slot, place_of

__all__ = ["references_of"]


@functools.lru_cache(maxsize=4096)
def references_of(content: bytes) -> tuple[Slot, ...]:
    """The slots that a canonical Resource points at by key, persons aside, in the order of its fields.

    Remembered: it is asked of the person, and of what stands, with every message about them.
    """
    resource = Resource.FromString(content)
    if resource.HasField("person"):
        return tuple(_of(resource.person.general_practitioners))
    return tuple(_below(resource))


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
