"""What a record tells of one event: the versions that stand, and what they point at.

It is put together as bytes, see `wire`; the changed event is then a concatenation of its fields.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from plexus.api.records.v1.records_pb2 import (
    DISPOSITION_CREATED,
    DISPOSITION_SUPERSEDED,
    DISPOSITION_UNCHANGED,
    DISPOSITION_UPDATED,
    ChangedEvent,
    Disposition,
)
from services.records.domain.record import Record
from services.records.domain.references import references_of
from services.records.domain.versions import Slot, Version
from services.records.domain.wire import recorded_field

__all__ = ["Telling"]

# A message of the bus may have 8 MB; this leaves room for the event itself and the envelope.
_MOST_ADOPTED_BYTES: Final = 4 * 1024 * 1024
_PERSON: Final = ChangedEvent.DESCRIPTOR.fields_by_name["person"].number
_RESOURCES: Final = ChangedEvent.DESCRIPTOR.fields_by_name["resources"].number


class Telling:
    """What a record tells of one event, in the order in which it is told."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._person = b""
        self._fields: list[bytes] = []
        self._versions: list[Version] = []
        self._slots: set[Slot] = set()

    def tell(self, slot: Slot, disposition: Disposition.ValueType) -> None:
        """Tell the winning version of a slot."""
        self._slots.add(slot)
        self._tell(slot, disposition)

    def _tell(self, slot: Slot, disposition: Disposition.ValueType) -> None:
        held = self._record.held[slot]
        if held.is_elsewhere:
            return  # to tell of it is up to the record that has it
        content = held.shown if held.milestones else held.content
        origin = held.source, held.message_id, held.time
        self._fields.append(recorded_field(_RESOURCES, content, origin, (held.number, disposition)))
        self._versions.append(held)

    def tell_adopted(self, adopted: dict[Slot, Disposition.ValueType]) -> int:
        """Tell what was taken over beside what the event touched, as far as there is room.

        Returns:
            How many there was no room for.
        """
        room = _MOST_ADOPTED_BYTES
        left_out = 0
        for slot, disposition in adopted.items():
            room -= len(self._record.held[slot].content)
            if room < 0:
                left_out += 1
                continue
            self._tell(slot, disposition)
        return left_out

    def tell_person(self, said: Disposition.ValueType) -> None:
        """Tell the golden person, made anew where need be.

        Args:
            said: what became of what the event itself says of the person.
        """
        record = self._record
        is_new = record.golden is None
        has_changed = record.settle_person()
        if record.golden is None:
            return
        if has_changed:
            disposition = DISPOSITION_CREATED if is_new else DISPOSITION_UPDATED
        elif said == DISPOSITION_SUPERSEDED:
            disposition = said
        else:
            disposition = DISPOSITION_UNCHANGED
        self._person = recorded_field(
            _PERSON, record.golden.content, record.golden[1:], (record.golden_version, disposition)
        )

    def tell_context(self, message_id: str, part: int = 0) -> None:
        """Tell what the told resources point at, so that a receiver can resolve each reference.

        What this message told points at what it told as well. What it did not, for a newer version
        stands, may point elsewhere; and so may the person, who is what several messages made of them.
        """
        if self._record.golden is not None:
            self._tell_of(references_of(self._record.golden.content))
        place = 0
        while place < len(self._versions):
            version = self._versions[place]
            place += 1
            if version.message_id != message_id or version.part != part:
                self._tell_of(references_of(version.content))

    def _tell_of(self, pointed_at: Iterable[Slot]) -> None:
        record = self._record
        for slot in pointed_at:
            if slot in self._slots:
                continue
            if slot in record.held:
                self.tell(slot, DISPOSITION_UNCHANGED)
            else:
                self._slots.add(slot)
                record.wanted.add(slot)

    def changed(self, head: ChangedEvent, absorbed: Sequence[str]) -> bytes:
        """The changed event: `head` has what comes before the person, `absorbed` comes last."""
        tail = ChangedEvent(absorbed_person_ids=absorbed)
        return b"".join([
            head.SerializeToString(),
            self._person,
            *self._fields,
            tail.SerializeToString() if absorbed else b"",
        ])  # fmt: skip
