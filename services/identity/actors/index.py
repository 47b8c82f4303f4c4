"""The master person index as an actor: stamps each event with its person.

One receives all messages of a batch, in order, over the part of the index that the batch needs.
Neighbours: `domain.matching` decides, `flow` loads and saves.
"""

import collections
from collections.abc import Callable, Sequence
from typing import Final

from plexus.actors import Turn
from plexus.api.audit.v1.audit_pb2 import Outcome
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.api.identity.v1.identity_pb2 import MatchKind, ResolvedEvent
from plexus.errors import InvalidMessage, Reason
from plexus.ids import IdSource
from services.identity.actors.arrival import Arrival
from services.identity.actors.decided import expect_decided, take_back
from services.identity.domain import (
    Choice,
    Evidence,
    Index,
    Linker,
    PersonIdentifier,
    Population,
    decide,
    lock_parts,
)
from services.identity.domain.index import Telling
from services.identity.domain.population import Doubt

__all__ = ["MasterIndex"]

_RESULTS = {
    MatchKind.MATCH_KIND_NEW_PERSON: "new_person",
    MatchKind.MATCH_KIND_IDENTIFIER: "identifier",
    MatchKind.MATCH_KIND_MERGE: "merge",
    MatchKind.MATCH_KIND_DEMOGRAPHICS: "demographics",
}


_RELATING: Final = frozenset({EventKind.EVENT_KIND_LINK, EventKind.EVENT_KIND_UNLINK})


class MasterIndex:
    """Finds or makes the person of each event.

    Attributes:
        results: how often each kind of match was made, conflicts included.
    """

    def __init__(
        self,
        index: Index,
        population: Population,
        linker: Linker,
        ids: IdSource,
        person_key: Callable[[str, str], str],
    ) -> None:
        """`person_key` gives the ordering key of a tenant's person."""
        self._index = index
        self._population = population
        self._linker = linker
        self._ids = ids
        self._person_key = person_key
        self.results: collections.Counter[str] = collections.Counter()

    def receive(self, message: Arrival, turn: Turn) -> None:
        """Say who the event is about, and hand it on. May be repeated on another index.

        Raises:
            InvalidMessage: it is no event, or no identifier of it names a person.
        """
        resolved, envelope = message.resolved, turn.envelope
        # On another index it may have come to something else.
        kind = resolved.event.kind = message.kind
        resolved.merged_into = resolved.other_person_id = resolved.came_with_person_id = ""
        resolved.split_from_person_id = resolved.released_person_id = ""
        told = Telling(envelope.tenant, envelope.message_id, envelope.source, turn.now)
        if kind == EventKind.EVENT_KIND_UNSPECIFIED:
            raise InvalidMessage("the event has no kind", reason=Reason.REASON_MAPPING_FAILED)
        subject = self._usable(message.subject, "PID-3")
        evidence = message.evidence
        if evidence is not None and evidence.key.name not in subject[0].names:
            # The identifier that should name the record is of an authority that nobody can tell.
            evidence = None
        if kind == EventKind.EVENT_KIND_SPLIT:
            self._split(resolved, subject, self._usable(message.prior, "prior"), told, turn)
        elif kind == EventKind.EVENT_KIND_MERGE:
            self._merge(resolved, subject, self._usable(message.prior, "MRG-1"), told, turn)
        elif kind in _RELATING:
            prior = self._usable(message.prior, "PID[2]-3")
            self._relate(resolved, subject, prior, evidence, told, turn)
        elif kind == EventKind.EVENT_KIND_MOVE:
            prior = self._usable(message.prior, "MRG-1")
            if resolved.event.moved:
                self._move_visits(resolved, subject, prior, evidence, told, turn)
            else:
                self._move(resolved, subject, prior, told, turn)
        else:
            self._resolve(resolved, subject, evidence, told, turn)
        self._take_over(evidence, told)
        if not (resolved.merged_into or resolved.other_person_id or resolved.released_person_id):
            resolved.came_with_person_id = self._came_with(subject, resolved.person_id)
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_RESOLVED,
            self._person_key(told.tenant, resolved.person_id),
            resolved.SerializeToString(),
        )
        result = _RESULTS[resolved.match]
        turn.fact("match", result)
        self.results[result] += 1

    def _usable(self, identifiers: list[PersonIdentifier], location: str) -> list[PersonIdentifier]:
        if not identifiers:
            raise InvalidMessage(
                "the message has no identifier that names a person",
                reason=Reason.REASON_NO_IDENTIFIER,
                location=location,
            )
        usable = [each for each in identifiers if not self._index.is_ambiguous(each)]
        if not usable:
            raise InvalidMessage(
                "the assigning authority is only named by a namespace that stands for several",
                reason=Reason.REASON_IDENTIFIER_CONFLICT,
                location=location,
            )
        return usable

    def _resolve(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        evidence: Evidence | None,
        told: Telling,
        turn: Turn,
    ) -> None:
        index = self._index
        before = len(index.events), len(index.changed)
        candidates = index.candidates(subject)
        decision = decide(candidates)
        if decision.person_id:
            resolved.person_id = decision.person_id
            resolved.match = MatchKind.MATCH_KIND_IDENTIFIER
            index.enlist(subject, resolved.person_id, told)
        else:
            self._seek(resolved, subject, evidence, told, turn)
        if decision.conflicts:
            index.dispute(resolved.person_id, decision.conflicts, told)
            self._report_conflict(len(decision.conflicts), turn)
        if (len(index.events), len(index.changed)) != before:
            self._contest(subject, [each.person_id for each in candidates], told)

    def _seek(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        evidence: Evidence | None,
        told: Telling,
        turn: Turn,
    ) -> None:
        """Nobody is known by the identifiers: look for the person by demographics."""
        index, choice = self._index, Choice()
        if evidence is not None and evidence.features.is_evidence:
            choice = self._linker.choose(told.tenant, evidence, subject, self._population, index)
        if choice.person_id:
            resolved.person_id = choice.person_id
            resolved.match = MatchKind.MATCH_KIND_DEMOGRAPHICS
            self._contest([], [choice.person_id], told)
        else:
            resolved.person_id = self._add_person(told)
            resolved.match = MatchKind.MATCH_KIND_NEW_PERSON
        index.enlist(subject, resolved.person_id, told, choice.explanation)
        self._raise(resolved.person_id, choice.doubts, told, turn)

    def _raise(self, person_id: str, doubts: Sequence[Doubt], told: Telling, turn: Turn) -> None:
        """Ask somebody to look, where nobody has said already that they are two."""
        index = self._index
        names = index.names(told.tenant, person_id)
        raised = [
            doubt
            for doubt in doubts
            if not self._population.are_apart(names, index.names(told.tenant, doubt.person_id))
        ]
        for doubt in raised:
            self._population.doubt(person_id, doubt, told)
            self.results[doubt.kind] += 1
        if raised:
            turn.fact("review", str(len(raised)))

    def _take_over(self, evidence: Evidence | None, told: Telling) -> None:
        """Keep what the message says of the person, if that is news."""
        if evidence is None or not self._linker.is_enabled(told.tenant):
            return
        if self._population.is_news(evidence):
            self._index.contested |= lock_parts(self._population.save(evidence, told))

    def _merge(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        prior: list[PersonIdentifier],
        told: Telling,
        turn: Turn,
    ) -> None:
        """HL7 v2.5.1 3.3.40 (A40): what MRG-1 names goes under, what PID-3 names stays."""
        index = self._index
        surviving, going = index.candidates(subject), index.candidates(prior)
        expect_decided(index, surviving, going, told)
        survivor = decide(surviving).person_id
        under = decide([each for each in going if each.person_id != survivor]).person_id
        if survivor and under:
            index.merge(under, survivor, told)
            resolved.person_id, resolved.merged_into = under, survivor
            resolved.match = MatchKind.MATCH_KIND_MERGE
        elif survivor or under:
            # Only one side is known, or both are the same person already: no second person is made.
            resolved.person_id = survivor or under
            resolved.match = MatchKind.MATCH_KIND_IDENTIFIER
        else:
            resolved.person_id = self._add_person(told)
            resolved.match = MatchKind.MATCH_KIND_NEW_PERSON
        stays = resolved.merged_into or resolved.person_id
        index.enlist([*subject, *prior], stays, told)
        conflicts = [each for each in [*surviving, *going] if each.person_id not in {stays, under}]
        if conflicts:
            index.dispute(stays, conflicts, told)
            self._report_conflict(len(conflicts), turn)
        self._contest([*subject, *prior], [each.person_id for each in [*surviving, *going]], told)

    def _split(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        prior: list[PersonIdentifier],
        told: Telling,
        turn: Turn,
    ) -> None:
        """A steward takes a merge back. Two records are told: who stands again first, then who gives back."""
        index = self._index
        survivor, restored = take_back(index, subject, prior, told)
        resolved.match = MatchKind.MATCH_KIND_MERGE
        self._contest([*subject, *prior], [survivor, restored], told)
        resolved.person_id, resolved.split_from_person_id = restored, survivor
        turn.emit(
            "resolved",
            PayloadKind.PAYLOAD_KIND_RESOLVED,
            self._person_key(told.tenant, restored),
            resolved.SerializeToString(),
        )
        resolved.person_id, resolved.split_from_person_id = survivor, ""
        resolved.released_person_id = restored

    def _came_with(self, subject: Sequence[PersonIdentifier], person_id: str) -> str:
        """Who went under and brought the identifier by which the person was found."""
        for candidate in self._index.candidates(subject):
            if candidate.person_id == person_id:
                return self._index[candidate.names[0]].came_with
        return ""

    def _relate(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        prior: list[PersonIdentifier],
        evidence: Evidence | None,
        told: Telling,
        turn: Turn,
    ) -> None:
        """HL7 v2.5.1 3.3.24 and 3.3.37 (A24, A37): two records are of one human being, or are not."""
        index = self._index
        is_same = resolved.event.kind == EventKind.EVENT_KIND_LINK
        expect_decided(index, index.candidates(subject), index.candidates(prior), told)
        self._resolve(resolved, subject, evidence, told, turn)
        other = decide(index.candidates(prior)).person_id
        if not other:
            other = self._add_person(told)
        elif (
            other == resolved.person_id and not is_same and told.message_id not in index.taken
        ):  # else it is replayed, and a later message has made one person of the two
            raise InvalidMessage(
                "both are one person in the index, and taking a person apart is for somebody to do",
                reason=Reason.REASON_IDENTIFIER_CONFLICT,
                location="PID[2]-3",
            )
        index.enlist(prior, other, told)
        if other != resolved.person_id:
            resolved.other_person_id = other
            one, another = (
                [name for each in identifiers for name in each.names]
                for identifiers in (subject, prior)
            )
            index.relate((resolved.person_id, one), (other, another), told, is_same=is_same)
        self._contest([*subject, *prior], [resolved.person_id, other], told)

    def _move(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        prior: list[PersonIdentifier],
        told: Telling,
        turn: Turn,
    ) -> None:
        """HL7 v2.5.1 3.3.43 (A43): the numbers of MRG-1 are those of the person of PID-3 now.

        Where the person who had them has no other number, nobody is left behind: then it is a merge.
        """
        index = self._index
        names = {name for each in prior for name in each.names}
        taker = decide(index.candidates(subject)).person_id
        for candidate in index.candidates(prior):
            if candidate.person_id == taker:
                continue
            if not index.names(told.tenant, candidate.person_id) <= names:
                raise InvalidMessage(
                    "the person who had the moved identifier has others too, and which data go along"
                    " is for somebody to say",
                    reason=Reason.REASON_IDENTIFIER_CONFLICT,
                    location="MRG-1",
                )
        resolved.event.kind = EventKind.EVENT_KIND_MERGE
        self._merge(resolved, subject, prior, told, turn)

    def _move_visits(
        self,
        resolved: ResolvedEvent,
        subject: list[PersonIdentifier],
        prior: list[PersonIdentifier],
        evidence: Evidence | None,
        told: Telling,
        turn: Turn,
    ) -> None:
        """HL7 v2.5.1 3.3.45 (A45): goes to the person of MRG-1, whose record hands the visits over.

        One that nobody knows yet gets a record all the same: what comes late of the visits is met there.
        """
        index = self._index
        self._resolve(resolved, subject, evidence, told, turn)
        candidates = index.candidates(prior)
        if len(candidates) > 1:
            raise InvalidMessage(
                "the identifiers of the person who had the visits name several persons",
                reason=Reason.REASON_IDENTIFIER_CONFLICT,
                location="MRG-1",
            )
        giver = decide(candidates).person_id or self._add_person(told)
        index.enlist(prior, giver, told)
        self._contest(prior, [giver, resolved.person_id], told)
        if giver != resolved.person_id:
            resolved.person_id, resolved.other_person_id = giver, resolved.person_id

    def _add_person(self, told: Telling) -> str:
        person_id = self._ids.message_id()
        self._index.add_person(person_id, told)
        return person_id

    def _contest(
        self, identifiers: list[PersonIdentifier], person_ids: list[str], told: Telling
    ) -> None:
        contested = self._index.contested
        for identifier in identifiers:
            contested.update(identifier.names)
        for person_id in person_ids:
            if person_id not in self._index.new_persons:
                contested.add((told.tenant, person_id))

    def _report_conflict(self, count: int, turn: Turn) -> None:
        turn.fact("identifier_conflict", str(count))
        turn.conclude(
            Outcome.OUTCOME_PASSED,
            Reason.REASON_IDENTIFIER_CONFLICT,
            "identifiers of the message name different persons; the first one decided",
        )
        self.results["conflict"] += 1
