"""Versions of a resource, where they are kept, and which of two wins."""

import dataclasses
import functools
import hashlib
from typing import Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Origin
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.canonical.v1.resources_pb2 import Name, Resource
from plexus.errors import InvalidMessage, Reason
from services.records.domain.milestones import (
    HAVE_COURSE,
    NO_COURSE,
    NOTHING,
    Rank,
    Reached,
    is_aside,
    reached_in,
    shown,
)
from services.records.domain.standing import RANKED, SETTLED, standing_of
from services.records.domain.times import age
from services.records.domain.wire import Parts, taken_apart

__all__ = [
    "MERGE_ACCOUNT",
    "PERSON",
    "POINTER",
    "Said",
    "Slot",
    "Version",
    "field_of",
    "place_of",
    "said_in",
    "type_of",
]

PERSON: Final = "Person"
POINTER: Final = "="
"""`told_by` of what only says under which key a resource is kept."""
MERGE_ACCOUNT: Final = "/merge"
"""Ends `told_by` of what a merge, link or move says of the person: just enough to tell who it is."""

# What has been cleared, which a Person has, is no part of the content.
_HAVE_STATUS: Final = HAVE_COURSE - {PERSON}
_DELETED: Final = Resource(deleted=True).SerializeToString()
_ABOUT_TWO: Final = frozenset({
    EventKind.EVENT_KIND_MERGE,
    EventKind.EVENT_KIND_LINK,
    EventKind.EVENT_KIND_UNLINK,
    EventKind.EVENT_KIND_MOVE,
})  # fmt: skip
_MOST_KEY_CHARACTERS: Final = 500

_TYPES: Final = {
    field.name: field.message_type.name
    for field in Resource.DESCRIPTOR.oneofs_by_name["content"].fields
    if field.message_type is not None
}


_FIELDS: Final = {kind: field for field, kind in _TYPES.items()}


class Slot(NamedTuple):
    """The place of a resource within a record. Holds patient data.

    Attributes:
        type: canonical type, for example Observation.
        key: of the resource, as `place_of` gives it.
        told_by: for a Person, whose account it is, since each source keeps its own; `POINTER` for a
            key whose resource is kept under another one; else empty.
    """

    type: str
    key: str
    told_by: str


class Said(NamedTuple):
    """What an event says of one resource.

    Attributes:
        slot: where it belongs.
        content: canonical Resource without origin, serialised: equal ones have equal bytes.
        source: that says so.
        time: when it was true at the source, FHIR dateTime text.
        reached: what that means for the course of a stay or an order.
        names: keys that it may be known by with their precedence, the best first; mostly none.
    """

    slot: Slot
    content: bytes
    source: str
    time: str
    reached: Reached = NO_COURSE
    names: tuple[tuple[str, int], ...] = ()


@dataclasses.dataclass(slots=True)
class Version:
    """One version of a resource.

    Attributes:
        content: canonical Resource without origin, serialised: equal ones have equal bytes.
        source: that said so.
        time: when it was true at the source, FHIR dateTime text.
        message_id: that carried it.
        receipt: receipt number of that message.
        attempt: passage of that message, from 1.
        part: of that message, from 1; 0 for all of it.
        number: of the versions that have won, from 1; 0 before it has.
        milestones: what the record keeps beside the content, serialised; mostly nothing.
    """

    content: bytes
    source: str
    time: str
    message_id: str
    receipt: int
    attempt: int
    part: int = 0
    number: int = 0
    milestones: bytes = NOTHING

    @property
    def shown(self) -> bytes:
        """The content as the record shows it."""
        return shown(self.content, self.milestones) if self.milestones else self.content

    @property
    def is_moved(self) -> bool:
        """Whether it only says that the resource is kept under another key now."""
        resource = Resource.FromString(self.content)
        return resource.deleted and bool(resource.names)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it only says that another record has the resource now, under the same key."""
        if _DELETED not in self.content:
            return False
        resource = Resource.FromString(self.content)
        return resource.deleted and [each.key for each in resource.names] == [resource.key]

    @property
    def said(self) -> tuple[bytes, bytes]:
        """Content and milestones."""
        return self.content, self.milestones

    @property
    def rank(self) -> Rank:
        """The later of two words, and no two messages, or parts of one, have the same rank.

        What was true last at the source counts, not what arrived last; then the order of receipt.
        A replay of the same message, perhaps by other maps, wins over its earlier passage.
        """
        return age(self.time), self.receipt, self.message_id, self.attempt, self.part

    def outweighs(self, other: "Version", kind: str) -> bool:
        """Whether this version of a resource wins: the further one does, then the later.

        Args:
            other: version of the same resource.
            kind: canonical type of both.
        """
        is_later = self.rank >= other.rank
        if kind not in RANKED or other.is_elsewhere:
            return is_later
        if self.content == other.content:
            mentions = is_aside(self.milestones)
            return is_later if mentions == is_aside(other.milestones) else not mentions
        mine = standing_of(self.content, self.milestones)
        if is_later and mine == SETTLED:
            return True
        theirs = standing_of(other.content, other.milestones)
        return is_later if mine == theirs else mine > theirs


def type_of(resource: Resource) -> str:
    """Canonical type of a resource. Raises InvalidMessage where it has no content."""
    field = resource.WhichOneof("content")
    if field is None:
        raise InvalidMessage(
            "a resource of the event has no content", reason=Reason.REASON_MAPPING_FAILED
        )
    return _TYPES[field]


def field_of(kind: str) -> str:
    """The field of a resource that holds content of that canonical type."""
    return _FIELDS[kind]


def place_of(key: str) -> str:
    """The key itself, or a digest with its beginning where it is too long for an index."""
    if len(key) <= _MOST_KEY_CHARACTERS:
        return key
    return f"{key[:64]}#{hashlib.blake2b(key.encode(), digest_size=32).hexdigest()}"


def said_in(resource: bytes, source: str, kind: EventKind.ValueType, trigger: str = "") -> Said:
    """What a resource says, in an event of that kind.

    Args:
        resource: the event's, serialised.
        source: of the message, which is the resource's where that names none.
        kind: of the event.
        trigger: what the source calls the event.

    Raises:
        InvalidMessage: the resource has no content, or no key that can be kept.
        DecodeError: it is no resource.
    """
    parts, reached = taken_apart(resource), NO_COURSE
    if parts is None:
        parts, reached = _read_apart(resource, trigger)
        key, origin, known_by, name, content = parts
    else:
        key, origin, known_by, name, content = parts
        if name in _HAVE_STATUS:
            reached = _reached(content, name, trigger)
    named_source, time = _origin(origin)
    source = named_source or source
    # PostgreSQL keeps every character but this one.
    if not key or "\0" in key or "\0" in time:
        raise InvalidMessage(
            "a resource of the event has no key, or one with a NUL",
            reason=Reason.REASON_MAPPING_FAILED,
        )
    told_by = ""
    if name == PERSON:
        told_by = source + MERGE_ACCOUNT if kind in _ABOUT_TWO else source
    names: tuple[tuple[str, int], ...] = ()
    if known_by and len(key) <= _MOST_KEY_CHARACTERS:
        names = tuple(_name(each) for each in known_by)
    return Said(Slot(name, place_of(key), told_by), content, source, time, reached, names)


def _read_apart(resource: bytes, trigger: str) -> tuple[Parts, Reached]:
    """The parts of a resource as protobuf reads it, and what it says of its course."""
    read = Resource.FromString(resource)
    name, origin = type_of(read), read.origin.SerializeToString()
    names = [each.SerializeToString() for each in read.names]
    reached = reached_in(read, name, trigger) if name in HAVE_COURSE else NO_COURSE
    for field in ("origin", "names", "cleared"):
        read.ClearField(field)
    return (read.key, origin, names, name, read.SerializeToString()), reached


@functools.lru_cache(maxsize=1024)
def _reached(content: bytes, name: str, trigger: str) -> Reached:
    """Remembered: of a stay, most messages say what the one before has said."""
    return reached_in(Resource.FromString(content), name, trigger)


@functools.lru_cache(maxsize=256)
def _origin(origin: bytes) -> tuple[str, str]:
    """Source and time; all resources of a message have few."""
    read = Origin.FromString(origin)
    return read.source, read.time


def _name(name: bytes) -> tuple[str, int]:
    read = Name.FromString(name)
    return read.key, read.precedence
