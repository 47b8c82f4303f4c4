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
    Dispositions,
    Record,
    Said,
    Stamp,
    Telling,
    reconcile,
    rejoin,
    said_in,
)

__all__ = ["Arrival", "PersonRecord"]

_MERGE: Final = EventKind.EVENT_KIND_MERGE
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Arrival(NamedTuple):
    """A message that has arrived.

    Attributes:
        person_id: whose record it is for.
        merged_into: the record that this one goes under; empty where it does not.
        from_person_id: for an adoption: the record that goes under; else empty.
        kind: of the event.
        trigger: of the event.
        event_time: of the event.
        said: what the event says of each resource.
        residue: what the message said beyond, each serialised.
    """

    person_id: str
    merged_into: str
    from_person_id: str
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
        merged_into, from_person = "", ""
        if isinstance(message, AdoptionParts):
            from_person = message.from_person_id
        else:
            merged_into = message.merged_into
        return cls(
            message.person_id,
            merged_into,
            from_person,
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
        if record.merged_into:
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

    def _apply(self, message: Arrival, turn: Turn) -> None:
        record, envelope, from_person = self._record, turn.envelope, message.from_person_id
        message_id, receipt, attempt = envelope.message_id, envelope.origin, envelope.attempt
        adopted = record.absorb(from_person, message_id) if from_person else None
        stamp = Stamp(message_id, receipt, attempt)
        joined: Dispositions = {}
        if adopted is not None:
            joined = rejoin(record, record.estates.get(from_person, ()), stamp)
        if any(each.names for each in message.said):
            message = message._replace(said=reconcile(record, message.said, stamp, joined))
        telling = Telling(record)
        person: Disposition.ValueType = DISPOSITION_UNCHANGED
        for said in message.said:
            slot = said.slot
            disposition = record.put(said, message_id, receipt, attempt)
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
        telling.tell_context(message_id)
        # Told again when the merge is replayed; a late message of the absorbed record is no merge.
        is_absorbed = adopted is not None or (from_person and message.kind == _MERGE)
        changed = telling.changed(
            ChangedEvent(
                person_id=record.person_id,
                trigger=message.trigger,
                kind=message.kind,
                event_time=message.event_time,
                residue=map(Residue.FromString, message.residue) if self._tells_residue else (),
            ),
            [from_person] if is_absorbed else [],
        )
        turn.emit("changed", PayloadKind.PAYLOAD_KIND_CHANGED, envelope.key, changed)


def _parts(envelope: Envelope) -> ResolvedEventParts | AdoptionParts:
    """Raises InvalidMessage where it is neither, and DecodeError where it cannot be read."""
    if envelope.kind == PayloadKind.PAYLOAD_KIND_RESOLVED:
        resolved = ResolvedEventParts.FromString(envelope.payload)
        _check_persons(resolved.person_id, resolved.merged_into or resolved.person_id)
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
