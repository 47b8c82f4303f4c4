"""Putting two accounts of the same thing into one message, without losing or doubling anything."""

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

__all__ = ["absorb", "drop_doubles"]


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


def drop_doubles(message: Message) -> None:
    """Remove from each repeated message field what equals an earlier element of it."""
    for descriptor, value in message.ListFields():
        if not descriptor.is_repeated or descriptor.message_type is None or len(value) < 2:
            continue
        for at in range(len(value) - 1, 0, -1):
            if value[at] in value[:at]:
                del value[at]


def _is_set(message: Message, descriptor: FieldDescriptor) -> bool:
    if descriptor.has_presence:
        return message.HasField(descriptor.name)
    return bool(getattr(message, descriptor.name))
