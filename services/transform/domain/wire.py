"""Fields as they lie in a serialized message: tag, length, content.

Most of what a field says has been said before, so it is remembered serialized; a message takes it in
one call with the tag before it, where setting it field by field takes one for each.
"""

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

__all__ = ["delimited", "length_of", "tag", "undelimited"]

_SHORT = [bytes((number,)) for number in range(0x80)]
_DELIMITED = 2  # the wire type of texts, bytes and messages


def delimited(message: Message) -> bytes:
    """The message as a field holds it: its length, and it."""
    content = message.SerializeToString()
    return length_of(content) + content


def length_of(content: bytes) -> bytes:
    """What stands before such a content in a field."""
    return _varint(len(content))


def undelimited(said: bytes) -> bytes:
    """The serialized message of what a field holds."""
    start = 0
    while said[start] > 0x7F:
        start += 1
    return said[start + 1 :]


def tag(field: FieldDescriptor) -> bytes:
    """What stands before a message in that field."""
    return _varint(field.number << 3 | _DELIMITED)


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SHORT[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)
