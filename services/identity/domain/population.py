"""The source records that one batch works on: those that it writes, and those it may belong to.

Neighbours: `index`, which says whose a record is; `linking`, which decides.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from services.identity.domain.assertions import Assertions, said
from services.identity.domain.blocking import SHARED, BlockingKey
from services.identity.domain.evidence import Evidence, RecordKey
from services.identity.domain.identifiers import Name
from services.identity.domain.index import Telling
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import Verdict
from services.identity.domain.stewardship import priority_of

__all__ = [
    "Doubt", "Held", "Population", "Review", "Saved", "lock_parts", "without_shared",
]  # fmt: skip

_BUCKETS: Final = 1024
"""Locks that stand for all blocking keys. PostgreSQL holds the locks of all transactions in one table,
so keys are folded into a bounded number: two batches that meet in a bucket may wait for each other
needlessly, and they never miss each other."""


def lock_parts(keys: Iterable[BlockingKey]) -> set[tuple[str, ...]]:
    """What to lock before a record with these keys is written."""
    return {("block", str(key.number % _BUCKETS)) for key in keys}


class Held(NamedTuple):
    """What is stored of a source record, without its features."""

    digest: bytes
    is_registered: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """A source record that is new, or says something else now."""

    evidence: Evidence
    keys: tuple[BlockingKey, ...]
    told: Telling


class Doubt(NamedTuple):
    """A person that a record may belong to, and was not linked to.

    Attributes:
        kind: possible_match, two_matches or conflicting_member.
    """

    person_id: str
    kind: str
    verdict: Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class Review:
    """Two persons that may be one, for somebody to look at.

    Attributes:
        kind: possible_match, two_matches or conflicting_member.
        explanation: JSON of the verdict; without values.
        priority: 1 to 3; 1 is most urgent.
    """

    person_id: str
    other_person: str
    kind: str
    bits: float
    explanation: str
    told: Telling
    priority: int


class Population:
    """Source records by name and by blocking key, and the changes.

    Attributes:
        saved: records to write, by their name.
        reviews: in order.
        large: how many keys of each pass had more records than a block may have.
    """

    def __init__(
        self,
        held: Mapping[RecordKey, Held],
        blocks: Mapping[int, Collection[RecordKey]],
        large: Collection[int],
        features: Mapping[RecordKey, Features],
        assertions: Assertions | None = None,
    ) -> None:
        """`blocks` are records by key, without those keys that are too `large`."""
        self._assertions = assertions or Assertions()
        self._held = dict(held)
        self._blocks = {key: set(records) for key, records in blocks.items()}
        self._too_large = frozenset(large)
        self._features = dict(features)
        self._records: dict[Name, set[RecordKey]] = {}
        for record in features:
            self._records.setdefault(record.name, set()).add(record)
        self.saved: dict[RecordKey, Saved] = {}
        self.reviews: list[Review] = []
        self.large: dict[str, int] = {}

    def features(self, record: RecordKey) -> Features:
        """What a record says; it must be one of `candidates` or loaded."""
        return self._features[record]

    def records(self, name: Name) -> list[RecordKey]:
        """The records of an identifier, of all sources, sorted; those only that are here."""
        return sorted(self._records.get(name, ()))

    def is_news(self, evidence: Evidence) -> bool:
        """True where the record is unknown, or says something else than what is held.

        What registration says is not replaced by what other messages say, which is often less.
        """
        held = self._held.get(evidence.key)
        if held is None:
            return evidence.features.is_evidence
        if held.digest == evidence.digest or (held.is_registered and not evidence.is_registered):
            return False
        return evidence.features.is_evidence

    def save(self, evidence: Evidence, told: Telling) -> tuple[BlockingKey, ...]:
        """Take over what a record says now. Returns its keys, which must be locked."""
        keys = evidence.keys
        self._held[evidence.key] = Held(evidence.digest, evidence.is_registered)
        self._features[evidence.key] = evidence.features
        self._records.setdefault(evidence.key.name, set()).add(evidence.key)
        self.saved[evidence.key] = Saved(evidence, keys, told)
        for key in keys:
            self._blocks.setdefault(key.number, set()).add(evidence.key)
        return keys

    def doubt(self, person_id: str, doubt: Doubt, told: Telling) -> None:
        """Note that two persons may be one."""
        explanation = json.dumps(doubt.verdict.to_json())
        verdict = doubt.verdict
        priority = priority_of(doubt.kind, verdict.bits, verdict.thresholds)
        self.reviews.append(
            Review(
                person_id, doubt.person_id, doubt.kind, verdict.bits, explanation, told, priority
            )
        )

    def are_apart(self, ones: Collection[Name], others: Collection[Name]) -> bool:
        """Whether somebody has said of names of each side that they are of two persons."""
        return self._assertions.keep_apart(ones, others, self._says)

    def _says(self, name: Name) -> bytes:
        return said(self._features[record] for record in self.records(name))

    def candidates(self, evidence: Evidence) -> tuple[Features, list[RecordKey]]:
        """The records that share a key, sorted; and what is left of the evidence for comparison.

        A number or address that more people have than a block may hold is nobody's: it is left out.
        """
        found: set[RecordKey] = set()
        shared: set[str] = set()
        for key in evidence.keys:
            if key.number in self._too_large:
                self.large[key.pass_name] = self.large.get(key.pass_name, 0) + 1
                if key.pass_name in SHARED:
                    shared.add(key.value)
            else:
                found |= self._blocks.get(key.number, set())
        found.discard(evidence.key)
        return without_shared(evidence.features, shared), sorted(found)


def without_shared(features: Features, shared: Collection[str]) -> Features:
    """Without the numbers and addresses that stand behind keys too many records have."""
    if not shared:
        return features
    return features._replace(
        national_ids=tuple(each for each in features.national_ids if each.value not in shared),
        phones=tuple(each for each in features.phones if each[-7:] not in shared),
        emails=tuple(each for each in features.emails if each not in shared),
    )
