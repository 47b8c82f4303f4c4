"""Finds who may be meant, and writes nothing: the search behind $match."""

import enum
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.store import Database
from services.identity.actors.gathering import gather
from services.identity.domain import Evidence, Linker, Name, RecordKey, decide, identifying
from services.identity.domain.scoring import Grade, Row, Thresholds, Verdict
from services.identity.store import IndexStore

__all__ = ["MatchGrade", "Matched", "Seeker"]

_MOST: Final = 100


class MatchGrade(enum.IntEnum):
    """How sure it is, as FHIR R4 grades it (code system match-grade); the surest is least."""

    CERTAIN = 1
    PROBABLE = 2
    POSSIBLE = 3
    CERTAINLY_NOT = 4


class Matched(NamedTuple):
    """A person that may be meant.

    Attributes:
        person_id: who.
        grade: how sure.
        bits: the score; 0 where an identifier decides.
        rows: why.
    """

    person_id: str
    grade: MatchGrade
    bits: float
    rows: Sequence[Row]

    @property
    def score(self) -> float:
        """The bits as a probability."""
        if self.grade is MatchGrade.CERTAIN and not self.bits:
            return 1.0
        odds = math.exp2(min(60.0, self.bits))
        return odds / (1.0 + odds)


class Seeker:
    """Searches committed state."""

    def __init__(self, database: Database, linker: Linker) -> None:
        self._database = database
        self._linker = linker

    async def match(
        self, tenant: str, person: Person, *, includes_certainly_not: bool = False
    ) -> list[Matched]:
        """Who may be meant by what is said of somebody, the likeliest first, at most a hundred.

        An identifier that is known is certain, as it is in the stream; where identifiers name several
        persons, the first one is certain and the others are possible.
        """
        identifiers = identifying(tenant, person.identifiers)
        evidence = Evidence(RecordKey(Name(tenant, "", ""), ""), person, is_registered=False)
        names = {name for each in identifiers for name in each.names}
        matching = self._linker.matching(tenant)
        async with self._database.connection() as connection:
            index = await IndexStore(connection).load(names)
            decision = decide(index.candidates(identifiers))
            wanted = [evidence] if matching.enabled and evidence.features.is_evidence else []
            population = await gather(connection, self._linker, index, wanted, {})
        found: dict[str, Matched] = {}
        for verdict, who, conflicts in self._linker.weigh(
            tenant, evidence, identifiers, population, index
        ):
            grade = _grade(verdict, matching.thresholds, conflicts=conflicts)
            found[who] = Matched(who, grade, verdict.bits, verdict.rows)
        if decision.person_id:
            found[decision.person_id] = Matched(
                decision.person_id, MatchGrade.CERTAIN, 0.0, [Row("identifier", "known", 0.0)]
            )
        for conflict in decision.conflicts:
            found[conflict.person_id] = Matched(
                conflict.person_id, MatchGrade.POSSIBLE, 0.0, [Row("identifier", "known", 0.0)]
            )
        told = [
            each
            for each in found.values()
            if includes_certainly_not or each.grade is not MatchGrade.CERTAINLY_NOT
        ]
        told.sort(key=lambda each: (each.grade, -each.score, each.person_id))
        return told[:_MOST]


def _grade(verdict: Verdict, thresholds: Thresholds, *, conflicts: bool) -> MatchGrade:
    if verdict.grade is Grade.APART:
        return MatchGrade.CERTAINLY_NOT
    if verdict.grade is Grade.MATCH and not conflicts:
        return MatchGrade.CERTAIN
    middle = (thresholds.match + thresholds.review) / 2
    return MatchGrade.PROBABLE if verdict.bits >= middle else MatchGrade.POSSIBLE
