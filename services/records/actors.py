"""The person record as an actor: applies events, hands over when it goes under, takes over.

A record that goes under is frozen from that turn on and publishes an Adoption, under the survivor's
key, to the stream that it reads itself. The Adoption names the record and carries the event; the content
stays in its rows, where it no longer changes and the survivor reads it. So a record of any size can be
taken over, and no actor writes another's rows.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from plexus.actors import Turn
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.records_pb2 import (
    DISPOSITION_CREATED,
    DISPOSITION_SUPERSEDED,
    DISPOSITION_UNCHANGED,
    DISPOSITION_UPDATED,
    Adoption,
    ChangedEvent,
    Disposition,
)
from plexus.errors import InvalidMessage, Reason
from services.records.domain import PERSON, Record, Slot, Version, references_of, slot_of

__all__ = ["Arrival", "PersonRecord"]

# A message of the bus may have 8 MB; this leaves room for the event itself and the envelope.
_MOST_ADOPTED_BYTES: Final = 4 * 1024 * 1024
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Arrival(NamedTuple):
    """A message that has arrived.

    Attributes:
        message: itself.
        slots: for each resource of its event, where it belongs.
    """

    message: ResolvedEvent | Adoption
    slots: list[Slot]

    @classmethod
    def read(cls, envelope: Envelope) -> "Arrival":
        """Read the payload of a message of the resolved stream.

        Raises:
            InvalidMessage: it is of another kind, names no person, or a resource of it has no content
                or no key.
        """
        message = _parsed(envelope)
        event, source = message.event, envelope.source
        return cls(
            message,
            [slot_of(each, each.origin.source or source, event.kind) for each in event.resources],
        )


class PersonRecord:
    """One person's record."""

    def __init__(self, record: Record, person_key: Callable[[str, str], str]) -> None:
        """`person_key` gives the ordering key of a tenant's person."""
        self._record = record
        self._person_key = person_key

    def receive(self, message: Arrival, turn: Turn) -> None:
        """Bring the record up to date, and tell what it holds now."""
        record, (content, slots) = self._record, message
        event = content.event
        if isinstance(content, Adoption):
            if record.merged_into:
                self._hand_on(content.from_person_id, event, turn)
            else:
                self._apply(event, slots, turn, content.from_person_id)
        elif record.merged_into:
            self._hand_on(record.person_id, event, turn)
        elif content.merged_into and content.merged_into != record.person_id:
            record.go_under(content.merged_into)
            self._hand_on(record.person_id, event, turn)
        else:
            self._apply(event, slots, turn)

    def _hand_on(self, from_person: str, event: CanonicalEvent, turn: Turn) -> None:
        survivor = self._record.merged_into
        adoption = Adoption(person_id=survivor, from_person_id=from_person, event=event)
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_ADOPTION,
            self._person_key(self._record.tenant, survivor),
            adoption.SerializeToString(),
        )
        turn.fact("record", "handed_over")

    def _apply(
        self, event: CanonicalEvent, slots: list[Slot], turn: Turn, from_person: str = ""
    ) -> None:
        record, envelope = self._record, turn.envelope
        changed = ChangedEvent(
            person_id=record.person_id,
            trigger=event.trigger,
            kind=event.kind,
            event_time=event.event_time,
        )
        adopted = record.absorb(from_person, envelope.message_id) if from_person else None
        # Told again when the merge is replayed; a late message of the absorbed record is no merge.
        if adopted is not None or (from_person and event.kind == EventKind.EVENT_KIND_MERGE):
            changed.absorbed_person_ids.append(from_person)
        told = Version(
            b"", envelope.source, "", envelope.message_id, envelope.origin, envelope.attempt
        )
        person: Disposition.ValueType = DISPOSITION_UNCHANGED
        for resource, slot in zip(event.resources, slots, strict=True):
            disposition = record.put(resource, slot, told, changed.resources.add())
            if slot.type == PERSON:
                person = disposition
        if adopted is not None:
            for slot in slots:
                adopted.pop(slot, None)
            self._tell_adopted(adopted, changed, turn)
        self._tell_person(person, changed)
        self._tell_context(slots, changed, envelope.message_id)
        turn.emit(
            "changed", PayloadKind.PAYLOAD_KIND_CHANGED, envelope.key, changed.SerializeToString()
        )

    def _tell_person(self, told: Disposition.ValueType, changed: ChangedEvent) -> None:
        record = self._record
        is_new = record.golden is None
        has_changed = record.settle_person()
        if record.golden is None:
            return
        changed.person.resource.CopyFrom(record.golden)
        changed.person.version = record.golden_version
        if has_changed:
            disposition = DISPOSITION_CREATED if is_new else DISPOSITION_UPDATED
        elif told == DISPOSITION_SUPERSEDED:
            disposition = told
        else:
            disposition = DISPOSITION_UNCHANGED
        changed.person.disposition = disposition

    def _tell_context(self, slots: list[Slot], changed: ChangedEvent, message_id: str) -> None:
        """Tell what the told resources point at, so that a receiver can resolve each reference.

        What this message told points at what it told as well. What it did not, for a newer version
        stands, may point elsewhere; and so may the person, who is what several messages made of them.
        """
        told = set(slots)
        self._tell_of(references_of(changed.person.resource), told, changed)
        place = 0
        while place < len(changed.resources):
            resource = changed.resources[place].resource
            place += 1
            if resource.origin.message_id == message_id:
                continue
            self._tell_of(references_of(resource), told, changed)

    def _tell_of(self, pointed_at: Iterable[Slot], told: set[Slot], changed: ChangedEvent) -> None:
        record = self._record
        for slot in pointed_at:
            if slot in told:
                continue
            told.add(slot)
            if slot in record.held:
                record.tell(slot, DISPOSITION_UNCHANGED, changed.resources.add())
            else:
                record.wanted.add(slot)

    def _tell_adopted(
        self, adopted: dict[Slot, Disposition.ValueType], changed: ChangedEvent, turn: Turn
    ) -> None:
        """Tell what was taken over beside what the event touched, as far as there is room."""
        record = self._record
        room = _MOST_ADOPTED_BYTES
        left_out = 0
        for slot, disposition in adopted.items():
            room -= len(record.held[slot].content)
            if room < 0:
                left_out += 1
                continue
            record.tell(slot, disposition, changed.resources.add())
        turn.fact("adopted_resources", str(len(adopted)))
        if left_out:
            turn.fact("adopted_resources_not_told", str(left_out))


def _parsed(envelope: Envelope) -> ResolvedEvent | Adoption:
    try:
        if envelope.kind == PayloadKind.PAYLOAD_KIND_RESOLVED:
            resolved = ResolvedEvent.FromString(envelope.payload)
            _check_persons(resolved.person_id, resolved.merged_into or resolved.person_id)
            return resolved
        if envelope.kind == PayloadKind.PAYLOAD_KIND_ADOPTION:
            adoption = Adoption.FromString(envelope.payload)
            _check_persons(adoption.person_id, adoption.from_person_id)
            return adoption
    except DecodeError as exc:
        raise InvalidMessage(
            "the payload is not of the kind that the envelope says", reason=Reason.REASON_INTERNAL
        ) from exc
    raise InvalidMessage(
        "the resolved stream carries resolved events and adoptions only",
        reason=Reason.REASON_INTERNAL,
    )


def _check_persons(*person_ids: str) -> None:
    if not all(map(_UUID.fullmatch, person_ids)):
        raise InvalidMessage("a person id is no UUID", reason=Reason.REASON_INTERNAL)
