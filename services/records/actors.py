"""The person record as an actor: applies events, hands over when it goes under, takes over.

A record that goes under is frozen from that turn on and publishes an Adoption, under the survivor's
key, to the stream that it reads itself. The Adoption names the record and carries the event; the content
stays in its rows, where it no longer changes and the survivor reads it. So a record of any size can be
taken over, and no actor writes another's rows.
"""

from collections.abc import Callable
from typing import Final

from plexus.actors import Turn
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.records_pb2 import Adoption, ChangedEvent, Disposition
from services.records.domain import PERSON, Record, Slot, Version

__all__ = ["Message", "PersonRecord"]

Message = ResolvedEvent | Adoption

# A message of the bus may have 8 MB; this leaves room for the event itself and the envelope.
_MOST_ADOPTED_BYTES: Final = 4 * 1024 * 1024


class PersonRecord:
    """One person's record."""

    def __init__(self, record: Record, person_key: Callable[[str, str], str]) -> None:
        """`person_key` gives the ordering key of a tenant's person."""
        self._record = record
        self._person_key = person_key

    def receive(self, message: Message, turn: Turn) -> None:
        """Bring the record up to date, and tell what it holds now.

        Raises:
            InvalidMessage: a resource of the event has no content or no key.
        """
        record = self._record
        if isinstance(message, Adoption):
            if record.merged_into:
                self._hand_on(message.from_person_id, message.event, turn)
            else:
                self._apply(message.event, turn, message.from_person_id)
        elif record.merged_into:
            self._hand_on(record.person_id, message.event, turn)
        elif message.merged_into and message.merged_into != record.person_id:
            record.go_under(message.merged_into)
            self._hand_on(record.person_id, message.event, turn)
        else:
            self._apply(message.event, turn)

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

    def _apply(self, event: CanonicalEvent, turn: Turn, from_person: str = "") -> None:
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
        person = Disposition.DISPOSITION_UNCHANGED
        said: set[Slot] = set()
        for resource in event.resources:
            recorded = changed.resources.add()
            slot = record.put(resource, event.kind, told, recorded)
            said.add(slot)
            if slot.type == PERSON:
                person = recorded.disposition
        if adopted is not None:
            self._tell_adopted(
                {slot: each for slot, each in adopted.items() if slot not in said}, changed, turn
            )
        self._tell_person(person, changed)
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
            disposition = (
                Disposition.DISPOSITION_CREATED if is_new else Disposition.DISPOSITION_UPDATED
            )
        elif told == Disposition.DISPOSITION_SUPERSEDED:
            disposition = told
        else:
            disposition = Disposition.DISPOSITION_UNCHANGED
        changed.person.disposition = disposition

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
