"""Handing some resources of a record to another one: a visit that was another person's.

What moves is the visit and all that refers to it, such as its results, and what refers to that. It travels
within the message, since the record that gives goes on living. In its place stays a mark with the time of the
move: what is older loses against it and comes to nothing, what is newer says that it is there again.
Neighbour: `names`, which moves resources within a record.
"""

from collections.abc import Sequence
from typing import Any, Final

from plexus.api.canonical.v1.datatypes_pb2 import Origin
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import MovedVersion
from plexus.errors import InvalidMessage, Reason
from services.records.domain.names import Stamp, refers_to
from services.records.domain.record import Record
from services.records.domain.versions import PERSON, Slot, Version, field_of, place_of, type_of

__all__ = ["give", "packed", "read_moved"]

# A message of the bus may have 8 MB; this leaves room for the event itself and the envelope.
_MOST_BYTES: Final = 4 * 1024 * 1024


def give(
    record: Record, slots: Sequence[Slot], source: str, time: str, stamp: Stamp
) -> list[MovedVersion]:
    """Take resources out of a record, with all that refers to them.

    Args:
        record: gives; is asked to be loaded further where it has to be.
        slots: what moves.
        source: that says so.
        time: when it was true at the source, FHIR dateTime text.
        stamp: the message.

    Raises:
        InvalidMessage: it is too much for one message.
    """
    leaving: dict[Slot, Version | None] = {}
    for slot in slots:
        held = record.held.get(slot)
        if held is None:
            record.wanted.add(slot)
        leaving[slot] = None if held is None or held.is_moved else held
    todo = [slot for slot, version in leaving.items() if version is not None]
    while todo:
        version = leaving[todo.pop()]
        assert version is not None
        key = Resource.FromString(version.content).key
        record.wanted_referrers.add(key)
        for slot, held in record.held.items():
            if slot in leaving or slot.type == PERSON or slot.told_by or held.is_moved:
                continue
            if refers_to(held.content, key):
                leaving[slot] = held
                todo.append(slot)
    moved = [packed(slot, version) for slot, version in leaving.items() if version is not None]
    if sum(each.ByteSize() for each in moved) > _MOST_BYTES:
        raise InvalidMessage(
            "what moves is too much for one message", reason=Reason.REASON_TOO_LARGE
        )
    for slot, left in leaving.items():
        mark = Version(_mark(slot, left), source, time, *stamp)
        mark.number = 1 if left is None else left.number + 1
        before = record.held.get(slot)
        if before is None or (before.is_moved and mark.rank > before.rank) or left is not None:
            record.replace(slot, mark)
    return moved


def read_moved(moved: MovedVersion) -> tuple[Slot, Version]:
    """Where a version that was handed over belongs, and the version."""
    resource = Resource.FromString(moved.resource)
    origin = moved.origin
    version = Version(
        moved.resource,
        origin.source,
        origin.time,
        origin.message_id,
        moved.receipt,
        moved.attempt,
        moved.part,
        moved.version,
        moved.milestones,
    )
    return Slot(type_of(resource), place_of(resource.key), moved.told_by), version


def packed(slot: Slot, version: Version) -> MovedVersion:
    """A version that goes to another record; `read_moved` unpacks it."""
    return MovedVersion(
        resource=version.content,
        origin=Origin(source=version.source, message_id=version.message_id, time=version.time),
        receipt=version.receipt,
        attempt=version.attempt,
        part=version.part,
        version=version.number,
        milestones=version.milestones,
        told_by=slot.told_by,
    )


def _mark(slot: Slot, left: Version | None) -> bytes:
    """Says that the resource is kept elsewhere, under its own key: see `Version.is_elsewhere`."""
    resource = Resource(key=slot.key, deleted=True)
    field = field_of(slot.type)
    if left is not None:
        before = Resource.FromString(left.content)
        resource.key, field = before.key, before.WhichOneof("content") or field
    resource.names.add(key=resource.key)
    content: Any = getattr(resource, field)
    content.SetInParent()
    return resource.SerializeToString()
