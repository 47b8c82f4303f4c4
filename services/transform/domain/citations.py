"""Things that a message only cites: practitioners and organisations, as resources of their own.

The same few are cited again and again, by the messages of days, so what was made of the last ones
is kept: by the text of the value and the terms of its source, for it depends on nothing else.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import Value
from services.transform.domain import keys
from services.transform.domain.terms import Assigner, Terms
from services.transform.domain.wire import delimited

__all__ = ["Citation", "MessageMap", "cite"]

MessageMap = Callable[[Value, Any, Terms], int]
"""A datatype function: fills a message from a value and gives the claim of what it read."""

_KEPT = 1024
_LONGEST_KEPT = 256


class Citation(NamedTuple):
    """What was made of a value.

    Attributes:
        mask: claim of what was read; 0 where the value describes nothing.
        resource: the resource with its key, serialized.
        key: may be empty, and then nothing refers to it.
        reference: a reference to it, as a field holds it.
        pending: as of `Terms`.
    """

    mask: int
    resource: bytes
    key: str
    reference: bytes
    pending: int


def cite(
    kind: str, fill: MessageMap, value: Value, assigner: Assigner, zone: ZoneInfo | None
) -> Citation:
    """Make the resource that a value describes."""
    if value.is_usual and len(value.text) <= _LONGEST_KEPT:
        return _known(kind, fill, value.text, value.level, assigner, zone)
    return _cite(kind, fill, value, Terms(assigner, zone))


@lru_cache(_KEPT)
def _known(
    kind: str,
    fill: MessageMap,
    text: str,
    level: int,
    assigner: Assigner,
    zone: ZoneInfo | None,
) -> Citation:
    return _cite(kind, fill, Value.usual(text, level), Terms(assigner, zone))


def _cite(kind: str, fill: MessageMap, value: Value, terms: Terms) -> Citation:
    resource = Resource()
    content = keys.content_of(resource, kind)
    mask = fill(value, content, terms)
    if not mask:
        return Citation(0, b"", "", b"", terms.pending)
    key = resource.key = keys.cited_key(kind, content)
    to = Reference(type=kind, key=key, display=keys.display_of(kind, content))
    return Citation(mask, resource.SerializeToString(), key, delimited(to), terms.pending)
