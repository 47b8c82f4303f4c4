"""Putting two accounts of the same thing into one message, without losing or doubling anything."""

from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.transform.domain.targets import message_types

__all__ = ["absorb", "drop_doubles", "drop_doubles_within"]


def absorb(into: Message, other: Message) -> bool:
    """Add to `into` what only `other` says; False where they contradict each other.

    What contradicts stays as `into` has it.
    """
    agreed = True
    for descriptor, value in other.ListFields():
        name = descriptor.name
        mine = getattr(into, name)
        if descriptor.is_repeated:
            for item in value:
                if item not in mine:
                    mine.append(item)
        elif descriptor.message_type is not None:
            if into.HasField(name):
                agreed = absorb(mine, value) and agreed
            else:
                mine.CopyFrom(value)
        elif _is_set(into, descriptor):
            agreed = agreed and mine == value
        else:
            setattr(into, name, value)
    return agreed


def drop_doubles(elements: Any) -> None:
    """Remove from a repeated message field what equals an earlier element of it."""
    if len(elements) < 2 or (len(elements) == 2 and elements[0] != elements[1]):
        return
    seen: set[bytes] = set()
    kept: list[bytes] = []
    kind = type(elements[0])
    for element in elements:
        content = element.SerializeToString(deterministic=True)
        if content not in seen:
            seen.add(content)
            kept.append(content)
    if len(kept) < len(elements):
        del elements[:]
        elements.extend(kind.FromString(content) for content in kept)


def drop_doubles_within(message: Message) -> None:
    """`drop_doubles` for each repeated message field."""
    repeated = _repeated_messages(message.DESCRIPTOR.name)
    for field, elements in message.ListFields():
        if field.number in repeated and len(elements) > 1:
            drop_doubles(elements)


@lru_cache
def _repeated_messages(kind: str) -> frozenset[int]:
    return frozenset(
        field.number
        for field in message_types()[kind].fields
        if field.is_repeated and field.message_type is not None
    )


def _is_set(message: Message, descriptor: FieldDescriptor) -> bool:
    if descriptor.has_presence:
        return message.HasField(descriptor.name)
    return bool(getattr(message, descriptor.name))
