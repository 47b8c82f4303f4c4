"""Rules of the master person index, pure.

`normalisation` puts what a message says of a person in the form in which people are compared,
`identifiers` says which identifiers name a person and how they compare, `matching` decides which
person a source record belongs to, `index` is the part of the index that a batch works on. Where no
identifier decides, `linking` does by demographics: `evidence` is what a message says, `blocking` finds
whom to compare with, `scoring` weighs a pair, `population` holds the source records of a batch.
`stewardship` is what people decide, `assertions` what they have said that beats a score, `side_by_side` what
they look at.
"""

from services.identity.domain.assertions import Assertion, Assertions, said
from services.identity.domain.blocking import MOST_PER_KEY, blocking_keys
from services.identity.domain.evidence import Evidence, RecordKey
from services.identity.domain.identifiers import Name, PersonIdentifier, identifying
from services.identity.domain.index import Conflict, Index, Link, LinkEvent, NewPerson, Relation
from services.identity.domain.linking import Choice, Linker, Matching
from services.identity.domain.matching import Candidate, Decision, decide
from services.identity.domain.population import Held, Population, Review, Saved, lock_parts
from services.identity.domain.side_by_side import ComparedField, best_pair, side_by_side
from services.identity.domain.stewardship import (
    NoDecision,
    Ruling,
    decision_event,
    needs_another,
    priority_of,
)

__all__ = [
    "MOST_PER_KEY",
    "Assertion",
    "Assertions",
    "Candidate",
    "Choice",
    "ComparedField",
    "Conflict",
    "Decision",
    "Evidence",
    "Held",
    "Index",
    "Link",
    "LinkEvent",
    "Linker",
    "Matching",
    "Name",
    "NewPerson",
    "NoDecision",
    "PersonIdentifier",
    "Population",
    "RecordKey",
    "Relation",
    "Review",
    "Ruling",
    "Saved",
    "best_pair",
    "blocking_keys",
    "decide",
    "decision_event",
    "identifying",
    "lock_parts",
    "needs_another",
    "priority_of",
    "said",
    "side_by_side",
]
