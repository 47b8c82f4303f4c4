"""Decides which person a source record belongs to. Neighbour: `index`, which finds the candidates.

Now by identifiers only: an identifier that is known names its person. The decision stands apart from
the search, so that other evidence (demographics, with weights) can join the candidates later.
"""

import dataclasses
from collections.abc import Sequence

from services.identity.domain.identifiers import Name

__all__ = ["Candidate", "Decision", "decide"]


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A person that a source record may belong to.

    Attributes:
        person_id: who.
        position: place, from 0, of the first identifier in the message that names the person.
        names: all names in the message that name the person.
    """

    person_id: str
    position: int
    names: tuple[Name, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """The outcome.

    Attributes:
        person_id: the person; empty where the source record is of a new one.
        conflicts: candidates that the message also names and that are somebody else.
    """

    person_id: str
    conflicts: tuple[Candidate, ...] = ()


def decide(candidates: Sequence[Candidate]) -> Decision:
    """Choose among the candidates, which need no order.

    The identifier that stands first in the message decides, since it is the one by which the source
    knows the person and orders its messages. Never merges: the others are conflicts.
    """
    if not candidates:
        return Decision("")
    chosen, *others = sorted(candidates, key=lambda candidate: candidate.position)
    return Decision(chosen.person_id, tuple(others))
