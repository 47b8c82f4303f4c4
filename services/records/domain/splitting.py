"""A merge is taken back: what a record gives back to one that it had taken over.

Back goes what that one had, as it is by now, and what has come by its identifiers since. What this record knows
of itself stays: where both have told of one thing, each keeps its own word. Places, organisations and people who
treat are nobody's own and stay with both. Neighbour: `moving`, which hands over a visit.
"""

import dataclasses
import functools
from typing import Final

from plexus.api.records.v1.records_pb2 import MovedVersion
from plexus.errors import InvalidMessage, Reason
from services.records.domain.moving import packed
from services.records.domain.record import Legacy, Record
from services.records.domain.versions import POINTER, Slot, Version

__all__ = ["SHARED", "release"]

SHARED: Final = frozenset({"Location", "Organization", "Practitioner"})
"""Canonical types of what is no person's own."""

# As for moves: a message of the bus may have 8 MB.
_MOST_BYTES: Final = 4 * 1024 * 1024


def release(record: Record, person_id: str, legacy: Legacy) -> list[MovedVersion]:
    """Give back to a person whom this record had taken over; returns what that one does not have yet.

    Args:
        record: gives back; all slots of the legacy are loaded.
        person_id: who stands again.
        legacy: of that person.

    Raises:
        InvalidMessage: it is too much for one message.
    """
    moved: list[MovedVersion] = []
    legacy = _with_batch(record, person_id, legacy)
    for slot in sorted(legacy.estate.keys() | legacy.brought.keys()):
        held = record.held.get(slot)
        if held is not None:
            moved += _release(record, slot, held, legacy)
    if sum(each.ByteSize() for each in moved) > _MOST_BYTES:
        raise InvalidMessage(
            "what has come since the merge is too much for one message",
            reason=Reason.REASON_TOO_LARGE,
        )
    record.absorbed.discard(person_id)
    record.newly_released.add(person_id)
    record.settle_person()
    return moved


def _with_batch(record: Record, person_id: str, legacy: Legacy) -> Legacy:
    """The legacy with what this batch has brought and told, which is not stored yet."""
    brought = {slot: set(messages) for slot, messages in legacy.brought.items()}
    for home, slot, message_id in record.brought:
        if home == person_id:
            brought.setdefault(slot, set()).add(message_id)
    kept = {slot: version for home, slot, version in record.kept if home == person_id}
    told = {slot: list(versions) for slot, versions in legacy.told.items()}
    for past in record.history:
        if not past.version.is_moved:
            told.setdefault(past.slot, []).append((record.person_id, past.version))
    return legacy._replace(
        brought={slot: frozenset(messages) for slot, messages in brought.items()},
        kept={**legacy.kept, **kept},
        told=told,
    )


def _release(record: Record, slot: Slot, held: Version, legacy: Legacy) -> list[MovedVersion]:
    left = legacy.estate.get(slot)
    if slot.type in SHARED:
        return [] if left is not None else [packed(slot, held)]
    if slot.told_by == POINTER:
        record.forget(slot)
        return []
    told = legacy.told.get(slot, ())
    since = legacy.brought.get(slot, frozenset())
    theirs = {version.message_id for owner, version in told if owner in legacy.group} | since
    if left is not None:
        theirs.add(left.message_id)
    own = [
        version
        for owner, version in told
        if owner not in legacy.group and version.message_id not in theirs
    ]
    if slot in legacy.kept:
        own.append(legacy.kept[slot])
    is_own = held.message_id not in theirs
    returning = held
    if is_own:
        own.append(held)
        # Their word since the merge, which has lost against this record's own.
        lost = [version for _, version in told if version.message_id in since]
        if not lost:
            return []
        returning = max(lost, key=lambda version: version.rank)
    elif own:
        best = functools.reduce(
            lambda one, other: other if other.outweighs(one, slot.type) else one, own
        )
        record.replace(slot, dataclasses.replace(best, number=held.number + 1))
    else:
        record.forget(slot)
    if left is not None and (left.said, left.rank) == (returning.said, returning.rank):
        return []
    return [packed(slot, returning)]
