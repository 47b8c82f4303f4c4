"""One person's record: what it holds, and what a batch changes in it.

Holds only the part that a batch needs: the resources it touches, and all accounts of the person
where it touches one. Neighbours: `versions` decides who wins, `services.records.store` loads and saves.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from plexus.api.records.v1.records_pb2 import (
    DISPOSITION_CREATED,
    DISPOSITION_SUPERSEDED,
    DISPOSITION_UNCHANGED,
    DISPOSITION_UPDATED,
    Disposition,
)
from services.records.domain.golden import Golden, golden_person
from services.records.domain.milestones import (
    NO_COURSE,
    NUMBERED,
    is_little,
    milestones_of,
    united,
)
from services.records.domain.versions import PERSON, POINTER, Said, Slot, Version

__all__ = ["Estate", "Legacy", "Past", "Record"]

# What one source says of a person again and again is some dozen: the stay, its places, who treats and
# who pays.
_MOST_AT_REST: Final = 48

Estate = dict[Slot, Version]
"""All resources of a record that has gone under."""


class Past(NamedTuple):
    """An entry of the history: a version that was told, and what became of it."""

    slot: Slot
    version: Version
    number: int
    disposition: Disposition.ValueType


class Legacy(NamedTuple):
    """What is known of a record that was taken over.

    Attributes:
        estate: all that it left.
        brought: messages that came by its identifiers since, by the slot that they told.
        group: the person, and who had gone under it before.
        kept: what the record that took over held of its own when it did, where both had told.
        told: every version that was told of those slots by anybody of the two sides, with whose record it
            was told to; what is nobody's own is left out.
    """

    estate: Estate
    brought: Mapping[Slot, frozenset[str]]
    group: frozenset[str]
    kept: Mapping[Slot, Version]
    told: Mapping[Slot, Sequence[tuple[str, Version]]]


class Record:
    """The record of one person.

    Attributes:
        merged_into: the record that this one went under; empty while it stands.
        golden: the person as the record shows it; None where nobody described the person.
        golden_version: from 1; 0 without golden.
        linked: persons with records of their own that are the same human being.
        held: the winning versions, as far as they are loaded.
        estates: by person: what records that this one takes over have left; set before the turns.
        legacies: by person: what is known of those that it may give back to; set before the turns.
        absorbed: persons that this record has taken over, as far as the batch asks.
        newly_absorbed: those that this batch added, with the message.
        released: persons that this record had taken over and has given back, as far as the batch asks.
        newly_released: those that this batch added.
        brought: what came by an identifier of who went under: person, slot and message.
        dropped: slots that this batch has given back.
        kept: what this record held of its own where this batch took over the same: person, slot, version.
        is_whole: all resources are in `held`.
        history: what this batch adds to the history, in order.
        stored: contents and milestones as they were loaded.
        touched: slots that this batch has changed, in the order of their first change.
        wanted: slots that a turn would have told of and that are not in `held`.
        wanted_referrers: keys of which a turn had to know all that refers to them.
        is_changed: what is above `held` has changed, or the record is new.
        knows_accounts: all accounts of the person are in `held`.
    """

    __slots__ = (
        "_person_touched",
        "absorbed",
        "brought",
        "dropped",
        "estates",
        "golden",
        "golden_version",
        "held",
        "history",
        "is_changed",
        "is_whole",
        "kept",
        "knows_accounts",
        "legacies",
        "linked",
        "merged_into",
        "newly_absorbed",
        "newly_released",
        "person_id",
        "released",
        "stored",
        "tenant",
        "touched",
        "wanted",
        "wanted_referrers",
    )

    def __init__(self, tenant: str, person_id: str) -> None:
        self.tenant = tenant
        self.person_id = person_id
        self.merged_into = ""
        self.golden: Golden | None = None
        self.golden_version = 0
        self.linked: set[str] = set()
        self.held: dict[Slot, Version] = {}
        self.estates: dict[str, Estate] = {}
        self.legacies: dict[str, Legacy] = {}
        self.absorbed: set[str] = set()
        self.newly_absorbed: dict[str, str] = {}
        self.released: set[str] = set()
        self.newly_released: set[str] = set()
        self.brought: list[tuple[str, Slot, str]] = []
        self.dropped: set[Slot] = set()
        self.kept: list[tuple[str, Slot, Version]] = []
        self.is_whole = False
        self.history: list[Past] = []
        self.stored: dict[Slot, tuple[bytes, bytes]] = {}
        self.touched: dict[Slot, None] = {}
        self.wanted: set[Slot] = set()
        self.wanted_referrers: set[str] = set()
        self.is_changed = True
        self.knows_accounts = False
        self._person_touched = False

    def restore(self, slot: Slot, version: Version) -> None:
        """Take in what is stored, before the turns."""
        self.held[slot] = version
        self.stored[slot] = version.said

    def come_to_rest(self) -> None:
        """What a batch has changed is stored: be as if just loaded.

        Keeps what is likely to be needed again: all accounts of the person, and what was known
        before this batch. Most of what is new, as a result is, never comes again.
        """
        held, stored = self.held, self.stored
        for slot in self.dropped:
            stored.pop(slot, None)
        for slot in self.touched:
            if slot in stored or slot.type == PERSON:
                version = held.pop(slot)
                held[slot] = version  # the latest last
                stored[slot] = version.said
            else:
                del held[slot]
        left_out = len(held) - _MOST_AT_REST
        if left_out > 0:
            resting = [slot for slot in held if slot.type != PERSON]
            for slot in resting[:left_out]:
                del held[slot], stored[slot]
        self.touched = {}
        self.wanted = set()
        self.wanted_referrers = set()
        self.history = []
        self.estates = {}
        self.legacies = {}
        self.newly_absorbed = {}
        self.released = set()
        self.newly_released = set()
        self.brought = []
        self.dropped = set()
        self.kept = []
        self.is_whole = False
        self.is_changed = False

    def go_under(self, survivor: str) -> None:
        """Hand over to another record. Nothing may be put into this one any more."""
        self.merged_into = survivor
        self.is_changed = True

    def stand_again(self, survivor: str) -> None:
        """It had gone under that record, and has not any more; what it left is as it was."""
        if self.merged_into == survivor:
            self.merged_into = ""
            self.is_changed = True

    def forget(self, slot: Slot) -> None:
        """Give back what is not this record's own. The history keeps it."""
        del self.held[slot]
        self.touched.pop(slot, None)
        self.dropped.add(slot)
        if slot.type == PERSON:
            self._person_touched = True

    def relate(self, other: str, *, is_same: bool) -> None:
        """Note that another person with a record of their own is the same human being, or is not."""
        if is_same:
            self.linked.add(other)
        else:
            self.linked.discard(other)
        self.is_changed = True

    def put(
        self, said: Said, message_id: str, receipt: int, attempt: int, part: int = 0
    ) -> Disposition.ValueType:
        """Take in what an event of that message says of a resource. Returns what became of it."""
        slot, content, source, time, reached, _ = said
        version = Version(content, source, time, message_id, receipt, attempt, part)
        if reached is not NO_COURSE:
            version.milestones = milestones_of(reached, time, receipt, message_id, attempt, part)
        held = self.held.get(slot)
        if held is None:
            version.number = 1
            self._hold(slot, version)
            self.history.append(Past(slot, version, 1, DISPOSITION_CREATED))
            return DISPOSITION_CREATED
        return self._meet(slot, held, version)

    def replace(self, slot: Slot, version: Version) -> None:
        """Hold a version that has its number already; what is not a pointer is history, too."""
        self._hold(slot, version)
        if slot.told_by != POINTER:
            self.history.append(Past(slot, version, version.number, DISPOSITION_UPDATED))

    def move(self, place: Slot, version: Version) -> None:
        """Take in a version that stood under another key."""
        if place not in self.held:
            self.replace(place, version)
        else:
            self._meet(place, self.held[place], version)

    def absorb(self, from_person: str, message_id: str) -> dict[Slot, Disposition.ValueType] | None:
        """Take over what another record has left.

        Returns:
            What became of each resource; None where it was taken over before.
        """
        if from_person in self.absorbed:
            return None
        self.absorbed.add(from_person)
        self.newly_absorbed[from_person] = message_id
        estate = self.estates.get(from_person, {})
        for slot in estate:
            held = self.held.get(slot)
            if held is not None and slot.told_by != POINTER and not held.is_moved:
                self.kept.append((from_person, slot, dataclasses.replace(held)))
        became = {slot: self._adopt(slot, estate[slot]) for slot in sorted(estate)}
        return {slot: each for slot, each in became.items() if slot.told_by != POINTER}

    def take(self, parts: Mapping[Slot, Version]) -> dict[Slot, Disposition.ValueType]:
        """Take over what another record has handed over. Returns what became of each resource."""
        return {slot: self._adopt(slot, parts[slot]) for slot in sorted(parts)}

    def settle_person(self) -> bool:
        """Make the golden person anew where an account has changed. True where it has changed."""
        if not self._person_touched:
            return False
        self._person_touched = False
        before = self.golden
        self.golden = golden_person(self._accounts())
        self.is_changed = True
        if before is not None and self.golden is not None and self.golden.says_the_same(before):
            return False
        self.golden_version += 1
        return True

    def _accounts(self) -> Iterator[tuple[str, Version]]:
        return ((slot.told_by, held) for slot, held in self.held.items() if slot.type == PERSON)

    def _meet(
        self, slot: Slot, held: Version, version: Version, *, is_told: bool = False
    ) -> Disposition.ValueType:
        """Take in a version; one that was told before and does not win is history already."""
        is_same = held.content == version.content
        # It says the same: nothing for the history, but a later word counts as later.
        if is_same and version.milestones == held.milestones and is_little(held.milestones):
            if version.rank > held.rank:
                version.number = held.number
                self._hold(slot, version)
            return DISPOSITION_UNCHANGED
        wins = version.outweighs(held, slot.type)
        kept = self._kept(slot, held, version, wins=wins)
        has_changed = wins and not is_same
        if kept.milestones != held.milestones and not has_changed:
            has_changed = kept.shown != held.shown
        if has_changed and kept.number == held.number:
            kept.number += 1
        if kept is not held:
            self._hold(slot, kept)
        if is_same and not has_changed:
            return DISPOSITION_UNCHANGED
        disposition = DISPOSITION_UPDATED if has_changed else DISPOSITION_SUPERSEDED
        if has_changed or not is_told:
            self.history.append(Past(slot, version, kept.number, disposition))
        return disposition

    @staticmethod
    def _kept(slot: Slot, held: Version, version: Version, *, wins: bool) -> Version:
        """The version that stands, with the number of the one that stood."""
        if wins:
            version.number = held.number
            if held.milestones or version.milestones or slot.type in NUMBERED:
                version.milestones = united(version.said, held.said, slot.type)
            return version
        if version.milestones or slot.type in NUMBERED:
            milestones = united(held.said, version.said, slot.type)
            if milestones != held.milestones:
                return dataclasses.replace(held, milestones=milestones)
        return held

    def _adopt(self, slot: Slot, left: Version) -> Disposition.ValueType:
        held = self.held.get(slot)
        if held is None or (held.is_moved and not left.is_moved):
            # The same version, told before: its history stands, and its number goes on. What has
            # moved to another key is nothing that another version could lose against: see `names`.
            number = left.number if held is None else max(held.number, left.number) + 1
            self._hold(slot, dataclasses.replace(left, number=number))
            return DISPOSITION_CREATED
        if left.is_moved and not held.is_moved:
            return DISPOSITION_UNCHANGED
        return self._meet(slot, held, dataclasses.replace(left), is_told=True)

    def _hold(self, slot: Slot, version: Version) -> None:
        self.held[slot] = version
        self.dropped.discard(slot)
        self.touched[slot] = None
        if slot.type == PERSON:
            self._person_touched = True
