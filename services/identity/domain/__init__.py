"""Rules of the master person index, pure.

`normalisation` puts what a message says of a person in the form in which people are compared,
`identifiers` says which identifiers name a person and how they compare, `matching` decides which
person a source record belongs to, `index` is the part of the index that a batch works on.
"""

from services.identity.domain.identifiers import Name, PersonIdentifier, identifying
from services.identity.domain.index import Conflict, Index, Link, LinkEvent, NewPerson
from services.identity.domain.matching import Candidate, Decision, decide

__all__ = [
    "Candidate",
    "Conflict",
    "Decision",
    "Index",
    "Link",
    "LinkEvent",
    "Name",
    "NewPerson",
    "PersonIdentifier",
    "decide",
    "identifying",
]
