"""The person record as an actor: applies events, hands over when it goes under, takes over.

A record that goes under is frozen from that turn on and publishes an Adoption, under the survivor's
key, to the stream that it reads itself. The Adoption names the record and carries the event; the content
stays in its rows, where it no longer changes and the survivor reads it. So a record of any size can be
taken over, and no actor writes another's rows.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from plexus.actors import Turn
from plexus.api.canonical.v1.datatypes_pb2 import Residue
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.parts_pb2 import AdoptionParts, ResolvedEventParts
from plexus.api.records.v1.records_pb2 import (
    DISPOSITION_UNCHANGED,
    Adoption,
    ChangedEvent,
    Disposition,
)
from plexus.errors import InvalidMessage, Reason
from services.records.domain import (
    PERSON,
    POINTER,
    Dispositions,
    Record,
    Said,
    Slot,
    Stamp,
    Telling,
    Version,
    give,
    place_of,
    read_moved,
    reconcile,
    rejoin,
    release,
    said_in,
)

__all__ = ["Arrival", "PersonRecord"]

_LINK: Final = EventKind.EVENT_KIND_LINK
_MERGE: Final = EventKind.EVENT_KIND_MERGE
_SPLIT: Final = EventKind.EVENT_KIND_SPLIT
_RELATING: Final = frozenset({_LINK, EventKind.EVENT_KIND_UNLINK})
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Arrival(NamedTuple):
    """A message that has arrived.

    Attributes:
        person_id: whose record it is for.
        merged_into: the record that this one goes under; empty where it does not.
        from_person_id: for an adoption: the record that goes under; else empty.
        other_person_id: for a link or unlink: the other person; for a move: who takes; else empty.
        moved: for a move: what this record hands over.
        parts: for an adoption: what this record is handed; None where it is all of `from_person_id`.
        came_with: who went under and brought the identifier that led here; else empty.
        split_from: for a split: the record that this one had gone under; else empty.
        released: for a split: the record that this one had taken over; else empty.
        kind: of the event.
        trigger: of the event.
        event_time: of the event.
        said: what the event says of each resource.
        residue: what the message said beyond, each serialised.
    """

    person_id: str
    merged_into: str
    from_person_id: str
    other_person_id: str
    moved: list[Slot]
    parts: dict[Slot, Version] | None
    came_with: str
    split_from: str
    released: str
    kind: EventKind.ValueType
    trigger: str
    event_time: str
    said: list[Said]
    residue: Sequence[bytes]

    @classmethod
    def read(cls, envelope: Envelope) -> "Arrival":
        """Read the payload of a message of the resolved stream.

        Raises:
            InvalidMessage: it is of another kind, names no person, or a resource of it has no content
                or no key.
        """
        try:
            message = _parts(envelope)
            event, source = message.event, envelope.source
            kind, trigger = event.kind, event.trigger
            said = [said_in(each, source, kind, trigger) for each in event.resources]
        except DecodeError as exc:
            raise InvalidMessage(
                "the payload is not of the kind that the envelope says",
                reason=Reason.REASON_INTERNAL,
            ) from exc
        merged_into, from_person, other = "", "", ""
        came_with, split_from, released = "", "", ""
        moved: list[Slot] = []
        parts: dict[Slot, Version] | None = None
        if isinstance(message, AdoptionParts):
            from_person = message.from_person_id
            if message.is_part:
                parts = dict(map(read_moved, message.moved))
        else:
            merged_into, other = message.merged_into, message.other_person_id
            came_with, released = message.came_with_person_id, message.released_person_id
            split_from = message.split_from_person_id
            if other:
                moved = [Slot(each.type, place_of(each.key), "") for each in event.moved]
        return cls(
            message.person_id,
            merged_into,
            from_person,
            other,
            moved,
            parts,
            came_with,
            split_from,
            released,
            kind,
            trigger,
            event.event_time,
            said,
            event.residue,
        )


class PersonRecord:
    """One person's record."""

    def __init__(
        self,
        record: Record,
        person_key: Callable[[str, str], str],
        *,
        tells_residue: bool = False,
    ) -> None:
        """`person_key` gives the ordering key of a tenant's person."""
        self._record = record
        self._person_key = person_key
        self._tells_residue = tells_residue

    def receive(self, message: Arrival, turn: Turn) -> None:
        """Bring the record up to date, and tell what it holds now."""
        record = self._record
        if message.split_from:
            record.stand_again(message.split_from)
            turn.fact("record", "stands_again")
        elif message.released:
            self._give_back(message, turn)
        elif message.from_person_id in record.released and message.kind != _MERGE:
            self._return(message, turn)
        elif record.merged_into and (message.other_person_id or message.parts is not None):
            self._readdress(turn)
        elif message.moved:
            self._hand_over(message, turn)
        elif record.merged_into:
            self._hand_on(message.from_person_id or record.person_id, turn)
        elif message.merged_into and message.merged_into != record.person_id:
            record.go_under(message.merged_into)
            self._hand_on(record.person_id, turn)
        else:
            self._apply(message, turn)

    def _hand_on(self, from_person: str, turn: Turn) -> None:
        survivor = self._record.merged_into
        # The event goes on as it came, with all that is not read here.
        event = _parts(turn.envelope).event.SerializeToString()
        adoption = Adoption(person_id=survivor, from_person_id=from_person)
        adoption.event.MergeFromString(event)
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_ADOPTION,
            self._person_key(self._record.tenant, survivor),
            adoption.SerializeToString(),
        )
        turn.fact("record", "handed_over")

    def _readdress(self, turn: Turn) -> None:
        """What is about two persons is for who stands for this one now."""
        survivor = self._record.merged_into
        message = _whole(turn.envelope)
        message.person_id = survivor
        if isinstance(message, ResolvedEvent) and message.other_person_id == survivor:
            message.other_person_id = ""
        turn.emit(
            "resolved",
            turn.envelope.kind,
            self._person_key(self._record.tenant, survivor),
            message.SerializeToString(),
        )
        turn.fact("record", "handed_over")

    def _give_back(self, message: Arrival, turn: Turn) -> None:
        """A merge is taken back: the other record gets what is its own, and tells it."""
        record = self._record
        if record.merged_into:
            raise InvalidMessage(
                "the record has gone under itself since this was decided",
                reason=Reason.REASON_IDENTIFIER_CONFLICT,
            )
        moved = release(record, message.released, record.legacies[message.released])
        adoption = Adoption(
            person_id=message.released,
            from_person_id=record.person_id,
            event=_whole(turn.envelope).event,
            is_part=True,
            moved=moved,
        )
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_ADOPTION,
            self._person_key(record.tenant, message.released),
            adoption.SerializeToString(),
        )
        turn.fact("record", "gave_back")
        turn.fact("returned_resources", str(len(moved)))

    def _return(self, message: Arrival, turn: Turn) -> None:
        """A late message of a record that stands again: it is on its way to the wrong one."""
        person_id = message.from_person_id
        resolved = ResolvedEvent(person_id=person_id, event=_whole(turn.envelope).event)
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_RESOLVED,
            self._person_key(self._record.tenant, person_id),
            resolved.SerializeToString(),
        )
        turn.fact("record", "handed_over")

    def _hand_over(self, message: Arrival, turn: Turn) -> None:
        """Give resources to another record, with all that refers to them."""
        envelope = turn.envelope
        stamp = _stamp(envelope)
        moved = give(self._record, message.moved, envelope.source, message.event_time, stamp)
        adoption = Adoption(
            person_id=message.other_person_id,
            from_person_id=self._record.person_id,
            event=_whole(envelope).event,
            is_part=True,
            moved=moved,
        )
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_ADOPTION,
            self._person_key(self._record.tenant, message.other_person_id),
            adoption.SerializeToString(),
        )
        turn.fact("record", "handed_over")
        turn.fact("moved_resources", str(len(moved)))

    def _apply(self, message: Arrival, turn: Turn) -> None:
        record, envelope, from_person = self._record, turn.envelope, message.from_person_id
        stamp = _stamp(envelope)
        message_id = stamp.message_id
        adopted: Dispositions | None
        if message.parts is not None:
            adopted = record.take(message.parts)
        else:
            adopted = record.absorb(from_person, message_id) if from_person else None
        joined: Dispositions = {}
        if adopted is not None:
            estate = record.estates.get(from_person, {})
            joined = rejoin(record, estate if message.parts is None else message.parts, stamp)
        if any(each.names for each in message.said):
            message = message._replace(said=reconcile(record, message.said, stamp, joined))
        if message.other_person_id and message.kind in _RELATING:
            record.relate(message.other_person_id, is_same=message.kind == _LINK)
        home = message.came_with or (from_person if adopted is None else "")
        if home:
            record.brought += [(home, said.slot, message_id) for said in message.said]
        if adopted is not None and message.kind == _SPLIT:
            # The receivers have it under the other person: all is told, also what has not changed.
            for slot, held in record.held.items():
                if slot.told_by != POINTER and not held.is_moved:
                    adopted.setdefault(slot, DISPOSITION_UNCHANGED)
        telling = Telling(record)
        person: Disposition.ValueType = DISPOSITION_UNCHANGED
        for said in message.said:
            slot = said.slot
            disposition = record.put(said, *stamp)
            telling.tell(slot, disposition)
            if slot.type == PERSON:
                person = disposition
        if joined:
            told = {said.slot for said in message.said}
            telling.tell_adopted({slot: each for slot, each in joined.items() if slot not in told})
            turn.fact("joined_resources", str(len(joined)))
        if adopted is not None:
            for slot in (*(said.slot for said in message.said), *joined):
                adopted.pop(slot, None)
            left_out = telling.tell_adopted(adopted)
            turn.fact("adopted_resources", str(len(adopted)))
            if left_out:
                turn.fact("adopted_resources_not_told", str(left_out))
        telling.tell_person(person)
        telling.tell_context(message_id, stamp.part)
        # Told again when the merge is replayed; a late message of the absorbed record is no merge.
        is_part = message.parts is not None
        is_absorbed = not is_part and (
            adopted is not None or (from_person and message.kind == _MERGE)
        )
        changed = telling.changed(
            ChangedEvent(
                person_id=record.person_id,
                trigger=message.trigger,
                kind=message.kind,
                event_time=message.event_time,
                residue=map(Residue.FromString, message.residue) if self._tells_residue else (),
                linked_person_ids=sorted(record.linked) if record.linked else (),
                moved_from_person_id=from_person if is_part else "",
                released_from_person_id=from_person if message.kind == _SPLIT else "",
            ),
            [from_person] if is_absorbed else [],
        )
        turn.emit("changed", PayloadKind.PAYLOAD_KIND_CHANGED, envelope.key, changed)


def _stamp(envelope: Envelope) -> Stamp:
    return Stamp(envelope.message_id, envelope.origin, envelope.attempt, envelope.part)


def _whole(envelope: Envelope) -> ResolvedEvent | Adoption:
    """The message with all that it says, once it is known that it can be read."""
    if envelope.kind == PayloadKind.PAYLOAD_KIND_ADOPTION:
        return Adoption.FromString(envelope.payload)
    return ResolvedEvent.FromString(envelope.payload)


def _parts(envelope: Envelope) -> ResolvedEventParts | AdoptionParts:
    """Raises InvalidMessage where it is neither, and DecodeError where it cannot be read."""
    if envelope.kind == PayloadKind.PAYLOAD_KIND_RESOLVED:
        resolved = ResolvedEventParts.FromString(envelope.payload)
        person_id = resolved.person_id
        others = (
            resolved.merged_into,
            resolved.other_person_id,
            resolved.came_with_person_id,
            resolved.split_from_person_id,
            resolved.released_person_id,
        )
        _check_persons(person_id, *(other or person_id for other in others))
        return resolved
    if envelope.kind == PayloadKind.PAYLOAD_KIND_ADOPTION:
        adoption = AdoptionParts.FromString(envelope.payload)
        _check_persons(adoption.person_id, adoption.from_person_id)
        return adoption
    raise InvalidMessage(
        "the resolved stream carries resolved events and adoptions only",
        reason=Reason.REASON_INTERNAL,
    )


def _check_persons(*person_ids: str) -> None:
    if not all(map(_UUID.fullmatch, person_ids)):
        raise InvalidMessage("a person id is no UUID", reason=Reason.REASON_INTERNAL)
