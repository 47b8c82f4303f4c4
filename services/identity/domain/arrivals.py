"""What would have come of records, had they arrived one after the other: persons, and reviews. Pure.

The same rule as `linking` on a stream, over records whose pairs are scored already.
"""

import collections
import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from services.identity.domain.linking import CONFLICT_BITS, MOST_DOUBTS
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import Model, Thresholds, score

__all__ = ["Persons", "Scored", "arrive"]


class Scored(NamedTuple):
    """A pair of records by their places, and its bits."""

    one: int
    other: int
    bits: float


@dataclasses.dataclass(frozen=True, slots=True)
class Persons:
    """What linking would make of records.

    Attributes:
        count: persons.
        over_merged: persons with records of two people or more.
        split: people whose records are of two persons or more.
        tasks: pairs of persons that somebody would have to look at, each once.
        right_tasks: those of them that are one human being.
        linked_pairs: pairs of records of one person.
        right_pairs: those of them that are of one human being.
    """

    count: int
    over_merged: int
    split: int
    tasks: int
    right_tasks: int
    linked_pairs: int
    right_pairs: int


def arrive(
    features: Sequence[Features],
    truth: Sequence[Hashable],
    pairs: Iterable[Scored],
    model: Model,
    thresholds: Thresholds,
) -> Persons:
    """Let the records arrive in their order.

    `pairs` are those at or above the threshold of review; the others are of no matter, but where they
    tell that a record contradicts a person, and then they are scored again.
    """
    known: dict[int, list[tuple[int, float]]] = collections.defaultdict(list)
    for pair in pairs:
        known[max(pair[:2])].append((min(pair[:2]), pair.bits))
    persons: list[int] = []
    members: dict[int, list[int]] = {}
    tasks: set[tuple[int, int]] = set()
    for place in range(len(features)):
        scores: dict[int, dict[int, float]] = {}
        for other, bits in known.pop(place, ()):
            scores.setdefault(persons[other], {})[other] = bits
        for person, found in scores.items():
            for member in members[person]:
                if member not in found:
                    found[member] = score(
                        features[place], features[member], model, thresholds, is_brief=True
                    ).bits
        linked, doubts = _choose(
            {each: list(found.values()) for each, found in scores.items()}, thresholds
        )
        person = len(members) if linked is None else linked
        persons.append(person)
        members.setdefault(person, []).append(place)
        tasks.update((min(person, other), max(person, other)) for other in doubts)
    return _counted(truth, members, tasks)


def _choose(
    scores: Mapping[int, Sequence[float]], thresholds: Thresholds
) -> tuple[int | None, list[int]]:
    linked: int | None = None
    doubts: list[int] = []
    for bits, person in sorted((-max(found), person) for person, found in scores.items()):
        if -bits < thresholds.match or linked is not None or min(scores[person]) < CONFLICT_BITS:
            doubts.append(person)
        else:
            linked = person
    return linked, doubts[:MOST_DOUBTS]


def _counted(
    truth: Sequence[Hashable],
    members: Mapping[int, Sequence[int]],
    tasks: Iterable[tuple[int, int]],
) -> Persons:
    whose = {
        person: collections.Counter(truth[place] for place in places)
        for person, places in members.items()
    }
    told: collections.Counter[Hashable] = collections.Counter()
    for people in whose.values():
        told.update(people.keys())
    asked = list(tasks)
    return Persons(
        len(members),
        sum(len(people) > 1 for people in whose.values()),
        sum(count > 1 for count in told.values()),
        len(asked),
        sum(bool(whose[one].keys() & whose[other].keys()) for one, other in asked),
        sum(_pairs(len(places)) for places in members.values()),
        sum(_pairs(count) for people in whose.values() for count in people.values()),
    )


def _pairs(size: int) -> int:
    return size * (size - 1) // 2
