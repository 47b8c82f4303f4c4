"""Canonical resources taken apart and put together as bytes, in protobuf's wire format.

A record holds the content of each resource as bytes and tells it with where it comes from. To parse it,
set that and serialise it again took most of a turn; so did the way in. What is written here is what
protobuf itself would write: fields in the order of their numbers, nothing that has its default. What is read
here is what protobuf has written; anything else is left to protobuf.

Format: https://protobuf.dev/programming-guides/encoding/.
"""

import functools
from collections.abc import Sequence
from typing import Final

from plexus.api.canonical.v1.datatypes_pb2 import Origin
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import Disposition, RecordedResource

__all__ = ["Parts", "recorded_field", "taken_apart", "with_origin"]

_LENGTH_DELIMITED: Final = 2
_MORE: Final = 0x80

_KEY: Final = 1 << 3 | _LENGTH_DELIMITED
_ORIGIN: Final = Resource.DESCRIPTOR.fields_by_name["origin"].number
_RESOURCE: Final = 1 << 3 | _LENGTH_DELIMITED
_ORIGIN_TAG: Final = _ORIGIN << 3 | _LENGTH_DELIMITED
_TYPES_BY_TAG: Final = {
    tag.to_bytes(1) if tag < _MORE else bytes((tag & 0x7F | _MORE, tag >> 7)): name
    for tag, name in (
        (field.number << 3 | _LENGTH_DELIMITED, field.message_type.name)
        for field in Resource.DESCRIPTOR.oneofs_by_name["content"].fields
        if field.message_type is not None
    )
}
"""By the one or two bytes of the field's tag: canonical types."""
_NO_NAMES: Final[Sequence[bytes]] = ()
_MOST_SHORT: Final = 2 + 127
"""Where a key ends at most whose length takes one byte."""
_NAME_TAG: Final = Resource.DESCRIPTOR.fields_by_name["names"].number << 3 | _LENGTH_DELIMITED


Parts = tuple[str, bytes, Sequence[bytes], str, bytes]
"""A Resource taken apart: its key, its origin, its names, its canonical type, and its content, which is
the Resource without origin and names. Origin and names are serialised."""


def with_origin(content: bytes, source: str, message_id: str, time: str) -> bytes:
    """A Resource without origin, with this one."""
    end = _end_of_key(content)
    return content[:end] + _origin(source, message_id, time) + content[end:]


def recorded_field(
    number: int,
    content: bytes,
    origin: tuple[str, str, str],
    standing: tuple[int, Disposition.ValueType],
) -> bytes:
    """A field that holds a RecordedResource.

    Args:
        number: of the field, below 16.
        content: a Resource without origin.
        origin: its source, message id and time.
        standing: the number of its version, not 0, and what became of it.
    """
    end = _end_of_key(content)
    placed, closing = _origin(*origin), _standing(*standing)
    size = len(content) + len(placed)
    opening = _opening(_RESOURCE, size)
    return b"".join((
        _opening(number << 3 | _LENGTH_DELIMITED, len(opening) + size + len(closing)),
        opening,
        content[:end],
        placed,
        content[end:],
        closing,
    ))  # fmt: skip


@functools.lru_cache(maxsize=1024)
def _standing(version: int, disposition: Disposition.ValueType) -> bytes:
    """What follows the resource in a RecordedResource."""
    return RecordedResource(version=version, disposition=disposition).SerializeToString()


@functools.lru_cache(maxsize=1024)
def _origin(source: str, message_id: str, time: str) -> bytes:
    """The field of a Resource; all resources of a message have few."""
    origin = Origin(source=source, message_id=message_id, time=time).SerializeToString()
    return _opening(_ORIGIN << 3 | _LENGTH_DELIMITED, len(origin)) + origin


def taken_apart(resource: bytes) -> Parts | None:
    """The parts of a Resource as protobuf writes it: a key, an origin, names, one content.

    Within them nothing is looked at. None where it has other parts, or one of the first three takes
    more than 127 bytes.
    """
    try:
        end = after_key = 2 + resource[1]
        if resource[0] != _KEY or after_key > _MOST_SHORT:
            return None
        key, origin, names = resource[2:after_key].decode(), b"", _NO_NAMES
        if resource[end] == _ORIGIN_TAG:
            begin, size = end + 2, resource[end + 1]
            end = begin + size
            if size >= _MORE:
                return None
            origin = resource[begin:end]
        if resource[end] == _NAME_TAG:
            names, end = _names(resource, end)
        # The content has the highest number, so nothing follows it.
        name = _TYPES_BY_TAG.get(resource[end : end + (2 if resource[end] >= _MORE else 1)])
    except (IndexError, UnicodeDecodeError):
        return None
    if name is None:
        return None
    return key, origin, names, name, resource[:after_key] + resource[end:]


def _names(resource: bytes, at: int) -> tuple[list[bytes], int]:
    """The names that begin there, and where they end. Raises IndexError where one is long."""
    names: list[bytes] = []
    while resource[at] == _NAME_TAG:
        begin, size = at + 2, resource[at + 1]
        if size >= _MORE:
            raise IndexError
        at = begin + size
        names.append(resource[begin:at])
    return names, at


def _end_of_key(content: bytes) -> int:
    """Where the key ends, which is the first field where there is one."""
    if not content or content[0] != _KEY:
        return 0
    if content[1] < _MORE:
        return 2 + content[1]
    length, shift, at = 0, 0, 1
    while content[at] & _MORE:
        length |= (content[at] & ~_MORE) << shift
        shift += 7
        at += 1
    return at + 1 + (length | content[at] << shift)


@functools.lru_cache(maxsize=8192)
def _opening(tag: int, size: int) -> bytes:
    """What stands before the bytes of a field."""
    written = bytearray((tag,))
    while size >= _MORE:
        written.append(size & 0x7F | _MORE)
        size >>= 7
    written.append(size)
    return bytes(written)
