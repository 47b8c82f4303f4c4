"""Decides by demographics which person a source record belongs to, where no identifier says so.

Two thresholds make three outcomes: linked by itself, for somebody to look at, a new person. A link is to
one person, the best; it is never a reason to make one person of two. Neighbours: `scoring`, which weighs
one pair of records; `matching`, which decides by identifiers and comes first.
"""

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from services.identity.domain.evidence import Evidence
from services.identity.domain.identifiers import PersonIdentifier
from services.identity.domain.index import Index
from services.identity.domain.normalisation import Features
from services.identity.domain.population import Doubt, Population
from services.identity.domain.scoring import (
    DEFAULT_THRESHOLDS,
    Grade,
    Model,
    Thresholds,
    Verdict,
    score,
    shipped_model,
)

__all__ = ["CONFLICT_BITS", "MOST_DOUBTS", "Choice", "Linker", "Matching"]

CONFLICT_BITS: Final = -8.0
"""A member of a person that scores less against the new record keeps it from being linked."""
MOST_DOUBTS: Final = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Matching:
    """How a tenant matches by demographics.

    Attributes:
        enabled: False leaves matching to identifiers.
        thresholds: in bits.
        model: weights.
        four_eyes_records: a merge by a steward that concerns so many source records needs a second
            steward; 0 for none ever.
    """

    enabled: bool = True
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    model: Model = dataclasses.field(default_factory=shipped_model)
    four_eyes_records: int = 10


class Choice(NamedTuple):
    """The outcome.

    Attributes:
        person_id: empty for a new person.
        verdict: on the record of the person that agrees best; None for a new person.
        doubts: at most three, the likeliest first.
    """

    person_id: str = ""
    verdict: Verdict | None = None
    doubts: tuple[Doubt, ...] = ()

    @property
    def explanation(self) -> str:
        """JSON of the verdict, without values; empty for a new person."""
        return json.dumps(self.verdict.to_json()) if self.verdict is not None else ""


class Linker:
    """Scores evidence against records. Remembers scores, since a batch may be worked off twice."""

    def __init__(self, matching: Mapping[str, Matching], otherwise: Matching) -> None:
        """`matching` by tenant; `otherwise` for tenants that say nothing."""
        self._matching = matching
        self._otherwise = otherwise
        self._score = functools.lru_cache(maxsize=8192)(_scored)

    def is_enabled(self, tenant: str) -> bool:
        """The tenant matches by demographics."""
        return self.matching(tenant).enabled

    def matching(self, tenant: str) -> Matching:
        """How a tenant matches."""
        return self._matching.get(tenant, self._otherwise)

    def promising(
        self, tenant: str, evidence: Evidence, population: Population, index: Index
    ) -> set[str]:
        """The persons that the record may be linked to or confused with; their members decide."""
        return {
            person
            for person, verdicts in self._verdicts(tenant, evidence, (), population, index).items()
            if max(verdict.bits for verdict in verdicts) >= self.matching(tenant).thresholds.review
        }

    def choose(
        self,
        tenant: str,
        evidence: Evidence,
        identifiers: Sequence[PersonIdentifier],
        population: Population,
        index: Index,
    ) -> Choice:
        """Which person the record belongs to. The order in which candidates are found is no matter."""
        matching = self.matching(tenant)
        if not matching.enabled:
            return Choice()
        linked, why = "", None
        doubts: list[Doubt] = []
        for verdict, person, conflicts in self.weigh(
            tenant, evidence, identifiers, population, index
        ):
            if verdict.grade is Grade.APART:
                break
            if verdict.grade is Grade.REVIEW:
                doubts.append(Doubt(person, "possible_match", verdict))
            elif linked:
                doubts.append(Doubt(person, "two_matches", verdict))
            elif conflicts:
                doubts.append(Doubt(person, "conflicting_member", verdict))
            else:
                linked, why = person, verdict
        return Choice(linked, why, tuple(doubts[:MOST_DOUBTS]))

    def weigh(
        self,
        tenant: str,
        evidence: Evidence,
        identifiers: Sequence[PersonIdentifier],
        population: Population,
        index: Index,
    ) -> list[tuple[Verdict, str, bool]]:
        """The persons who have a candidate among their records, the likeliest first.

        Each with the verdict on the record that agrees best, and whether another one contradicts.
        """
        found = [
            (
                max(verdicts, key=lambda each: each.bits),
                person,
                min(each.bits for each in verdicts) < CONFLICT_BITS,
            )
            for person, verdicts in self._verdicts(
                tenant, evidence, identifiers, population, index
            ).items()
        ]
        return sorted(found, key=lambda each: (-each[0].bits, each[1]))

    def _verdicts(
        self,
        tenant: str,
        evidence: Evidence,
        identifiers: Sequence[PersonIdentifier],
        population: Population,
        index: Index,
    ) -> dict[str, list[Verdict]]:
        """The verdicts on each record of each person that has a candidate among its records."""
        matching = self.matching(tenant)
        features, candidates = population.candidates(evidence)
        persons = {index[record.name].person_id for record in candidates}
        authorities = {name.authority for each in identifiers for name in each.names}
        found: dict[str, list[Verdict]] = {}
        for person in persons:
            names = index.names(tenant, person)
            is_one_authority = any(name.authority in authorities for name in names)
            found[person] = [
                self._score(
                    features,
                    population.features(record),
                    matching.model,
                    matching.thresholds,
                    is_one_authority,
                )
                for name in sorted(names)
                for record in population.records(name)
                if record != evidence.key
            ]
        return {person: verdicts for person, verdicts in found.items() if verdicts}


def _scored(
    one: Features, other: Features, model: Model, thresholds: Thresholds, is_one_authority: bool
) -> Verdict:
    return score(one, other, model, thresholds, is_one_authority=is_one_authority, is_brief=True)
