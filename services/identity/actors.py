"""The master person index as an actor: stamps each event with its person.

One receives all messages of a batch, in order, over the part of the index that the batch needs.
Neighbours: `domain.matching` decides, `flow` loads and saves.
"""

import collections
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import DecodeError

from plexus.actors import Turn
from plexus.api.audit.v1.audit_pb2 import Outcome
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1.identity_pb2 import MatchKind, ResolvedEvent
from plexus.errors import InvalidMessage, Reason
from plexus.ids import IdSource
from services.identity.domain import Index, PersonIdentifier, decide, identifying
from services.identity.domain.index import Telling

__all__ = ["Arrival", "MasterIndex"]

_RESULTS = {
    MatchKind.MATCH_KIND_NEW_PERSON: "new_person",
    MatchKind.MATCH_KIND_IDENTIFIER: "identifier",
    MatchKind.MATCH_KIND_MERGE: "merge",
}


class Arrival(NamedTuple):
    """An event that has arrived.

    Attributes:
        resolved: the message that will carry it on; its event is set.
        subject: the identifiers of the event's subject that name a person.
        prior: those that go under.
    """

    resolved: ResolvedEvent
    subject: list[PersonIdentifier]
    prior: list[PersonIdentifier]

    @classmethod
    def read(cls, envelope: Envelope) -> "Arrival":
        """Read the payload of a message of the canonical stream. Raises InvalidMessage."""
        if envelope.kind != PayloadKind.PAYLOAD_KIND_CANONICAL:
            raise InvalidMessage(
                "the canonical stream carries canonical events only", reason=Reason.REASON_INTERNAL
            )
        resolved = ResolvedEvent()
        event = resolved.event
        try:
            event.MergeFromString(envelope.payload)
        except DecodeError as exc:
            raise InvalidMessage(
                "the payload is no canonical event", reason=Reason.REASON_INTERNAL
            ) from exc
        return cls(
            resolved,
            identifying(envelope.tenant, event.subject),
            identifying(envelope.tenant, event.prior),
        )


class MasterIndex:
    """Finds or makes the person of each event.

    Attributes:
        results: how often each kind of match was made, conflicts included.
    """

    def __init__(self, index: Index, ids: IdSource, person_key: Callable[[str, str], str]) -> None:
        """`person_key` gives the ordering key of a tenant's person."""
        self._index = index
        self._ids = ids
        self._person_key = person_key
        self.results: collections.Counter[str] = collections.Counter()

    def receive(self, message: Arrival, turn: Turn) -> None:
        """Say who the event is about, and hand it on. May be repeated on another index.

        Raises:
            InvalidMessage: it is no event, or no identifier of it names a person.
        """
        resolved, envelope = message.resolved, turn.envelope
        kind = resolved.event.kind
        told = Telling(envelope.tenant, envelope.message_id, envelope.source, turn.now)
        if kind == EventKind.EVENT_KIND_UNSPECIFIED:
            raise InvalidMessage("the event has no kind", reason=Reason.REASON_MAPPING_FAILED)
        subject = self._usable(message.subject, "PID-3")
        resolved.merged_into = ""
        if kind == EventKind.EVENT_KIND_MERGE:
            self._merge(resolved, subject, self._usable(message.prior, "MRG-1"), told, turn)
        else:
            self._resolve(resolved, subject, told, turn)
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
        told: Telling,
        turn: Turn,
    ) -> None:
        index = self._index
        before = len(index.events), len(index.changed)
        candidates = index.candidates(subject)
        decision = decide(candidates)
        resolved.person_id = decision.person_id or self._add_person(told)
        resolved.match = (
            MatchKind.MATCH_KIND_IDENTIFIER
            if decision.person_id
            else MatchKind.MATCH_KIND_NEW_PERSON
        )
        index.enlist(subject, resolved.person_id, told)
        if decision.conflicts:
            index.dispute(resolved.person_id, decision.conflicts, told)
            self._report_conflict(len(decision.conflicts), turn)
        if (len(index.events), len(index.changed)) != before:
            self._contest(subject, [each.person_id for each in candidates], told)

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
