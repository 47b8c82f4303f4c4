"""How right matching is on records of which the truth is known. Pure.

Every pair of records counts once. Pairs that no blocking key brings together are never scored, and those
of one person among them count as missed. Nothing is looked up afterwards: the thresholds are those that
would have held.
"""

import array
import collections
import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.identity.domain.arrivals import Persons, Scored, arrive
from services.identity.domain.blocking import SHARED, blocking_keys
from services.identity.domain.blocks import Blocks
from services.identity.domain.normalisation import Features
from services.identity.domain.parting import Run, in_turn, ranges
from services.identity.domain.population import without_shared
from services.identity.domain.scoring import DEFAULT_THRESHOLDS, Model, Thresholds, score

__all__ = ["Evaluation", "Figures", "evaluate"]

_NOTED_BITS: Final = -20.0
"""Pairs below are counted and not kept: no threshold would be as low."""
_NOBODY: Final = Persons(0, 0, 0, 0, 0, 0, 0)
_PART: Final = 1000
"""Records whose candidates are scored in one go."""


class Figures(NamedTuple):
    """Pairwise figures at a threshold.

    Attributes:
        threshold: in bits; pairs that score as much or more are taken for one person.
        precision: share of those taken that are.
        recall: share of all pairs of one person that are taken.
        f1: the harmonic mean of the two.
    """

    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(slots=True)
class Evaluation:
    """Scored pairs, with the truth.

    Attributes:
        records: how many.
        true_pairs: pairs of one person, found or not.
        found_pairs: those of them that share a usable blocking key.
        compared: pairs that were scored.
        large: blocks that were too large to look into, by pass.
        most_compared: candidates of the record that had most.
        model: version of the model.
        thresholds: that held.
        persons: what linking would make of the records, in their order.
    """

    records: int
    true_pairs: int
    model: str
    thresholds: Thresholds
    found_pairs: int = 0
    compared: int = 0
    most_compared: int = 0
    large: collections.Counter[str] = field(default_factory=collections.Counter)
    persons: Persons = _NOBODY
    _bits: "array.array[float]" = field(default_factory=lambda: array.array("d"))
    _is_same: bytearray = field(default_factory=bytearray)
    _ones: "array.array[int]" = field(default_factory=lambda: array.array("I"))
    _others: "array.array[int]" = field(default_factory=lambda: array.array("I"))

    @property
    def blocking_recall(self) -> float:
        """Share of the pairs of one person that are candidates of each other."""
        return self.found_pairs / self.true_pairs if self.true_pairs else 1.0

    @property
    def mean_candidates(self) -> float:
        """Candidates of a record, on average: each pair counts for both."""
        return 2.0 * self.compared / self.records if self.records else 0.0

    @property
    def reviews_per_thousand(self) -> float:
        """Pairs of persons that somebody would have to look at, for 1,000 records."""
        return 1000.0 * self.persons.tasks / self.records if self.records else 0.0

    def linked(self) -> Figures:
        """The pairwise figures of the persons that linking would make, without a look."""
        return self._figures(
            self.thresholds.match, self.persons.linked_pairs, self.persons.right_pairs
        )

    def at(self, threshold: float) -> Figures:
        """The figures where this threshold holds."""
        taken = right = 0
        for bits, is_same in zip(self._bits, self._is_same, strict=True):
            if bits >= threshold:
                taken += 1
                right += is_same
        return self._figures(threshold, taken, right)

    def curve(self) -> list[Figures]:
        """The figures at each score that occurs, the highest first."""
        found: list[Figures] = []
        taken = right = 0
        ranked = sorted(zip(self._bits, self._is_same, strict=True), reverse=True)
        for bits, group in itertools.groupby(ranked, key=lambda pair: pair[0]):
            for _, is_same in group:
                taken += 1
                right += is_same
            found.append(self._figures(bits, taken, right))
        return found

    def best(self) -> Figures:
        """The figures at the threshold with the best F1, found with the truth in hand."""
        told = [self.at(bits) for bits in self.thresholds]
        return max([*told, *self.curve()], key=lambda each: each.f1)

    def errors(self, most: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The worst: wrongly taken pairs, the surest first; missed candidates, the least likely first.

        Pairs are positions of records.
        """
        wrong: list[tuple[float, int, int]] = []
        missed: list[tuple[float, int, int]] = []
        pairs = zip(self._bits, self._is_same, self._ones, self._others, strict=True)
        for bits, is_same, one, other in pairs:
            if bits >= self.thresholds.review and not is_same:
                wrong.append((-bits, one, other))
            elif bits < self.thresholds.review and is_same:
                missed.append((bits, one, other))
        return _pairs_of(sorted(wrong)[:most]), _pairs_of(sorted(missed)[:most])

    def take(self, part: "Part") -> None:
        """Count the scored pairs of some records."""
        self.compared += part.compared
        self.most_compared = max(self.most_compared, part.most)
        self.found_pairs += sum(part.is_same)
        self._bits.extend(part.bits)
        self._is_same.extend(part.is_same)
        self._ones.extend(part.ones)
        self._others.extend(part.others)

    def taken(self) -> Iterator[Scored]:
        """The pairs that are for review, or better."""
        for one, other, bits in zip(self._ones, self._others, self._bits, strict=True):
            if bits >= self.thresholds.review:
                yield Scored(one, other, bits)

    def _figures(self, threshold: float, taken: int, right: int) -> Figures:
        precision = right / taken if taken else 1.0
        recall = right / self.true_pairs if self.true_pairs else 1.0
        both = precision + recall
        return Figures(
            threshold, precision, recall, 2.0 * precision * recall / both if both else 0.0
        )


class Work(NamedTuple):
    """What is scored. Not to be changed.

    Attributes:
        features: of the records.
        truth: whose each record is.
        blocks: of the records.
        model: weights.
        thresholds: that hold.
    """

    features: Sequence[Features]
    truth: Sequence[Hashable]
    blocks: Blocks
    model: Model
    thresholds: Thresholds


class Part(NamedTuple):
    """The scored pairs of some records.

    Attributes:
        compared: how many pairs there are.
        most: candidates of the record that has most.
        bits: of the pairs that are kept.
        is_same: whether each of these is of one person.
        ones: the first record of each.
        others: the second.
    """

    compared: int
    most: int
    bits: "array.array[float]"
    is_same: bytearray
    ones: "array.array[int]"
    others: "array.array[int]"


def evaluate(
    records: Sequence[Features],
    truth: Sequence[Hashable],
    model: Model,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    on_progress: Callable[[float], None] | None = None,
    *,
    blocks: Blocks | None = None,
    run: Run = in_turn,
) -> Evaluation:
    """Score all candidates of all records. `truth` says for each record whose it is.

    `on_progress` is told the share that is done. `blocks` are those of the records, where they have been
    made already. `run` does the parts of the work.
    """
    sizes = collections.Counter(truth)
    if blocks is None:
        blocks = Blocks()
        for features in records:
            blocks.add(key.number for key in blocking_keys("", features))
        blocks.close()
    large, kept = _without_large(records, blocks)
    done = Evaluation(
        len(records),
        sum(size * (size - 1) // 2 for size in sizes.values()),
        model.version,
        thresholds,
        large=large,
    )
    parts = ranges(len(records), _PART)
    work = Work(kept, truth, blocks, model, thresholds)
    for number, part in enumerate(run(score_part, work, parts)):
        done.take(part)
        if on_progress is not None:
            on_progress((number + 1) / len(parts))
    done.persons = arrive(kept, truth, done.taken(), model, thresholds)
    return done


def score_part(work: Work, part: range) -> Part:
    """Score the candidates of some records."""
    features, truth, blocks, model, thresholds = work
    compared = most = 0
    kept = Part(0, 0, array.array("d"), bytearray(), array.array("I"), array.array("I"))
    for one in part:
        candidates = blocks.after(one)
        compared += len(candidates)
        most = max(most, len(candidates))
        for other in candidates:
            bits = score(features[one], features[other], model, thresholds, is_brief=True).bits
            is_same = truth[one] == truth[other]
            if bits >= _NOTED_BITS or is_same:
                kept.bits.append(bits)
                kept.is_same.append(is_same)
                kept.ones.append(one)
                kept.others.append(other)
    return kept._replace(compared=compared, most=most)


def _without_large(
    records: Sequence[Features], blocks: Blocks
) -> tuple[collections.Counter[str], Sequence[Features]]:
    """How many blocks of each pass are too large; and the records without values that too many have."""
    large: collections.Counter[str] = collections.Counter()
    shared: set[str] = set()
    for number, place in blocks.large:
        key = next(key for key in blocking_keys("", records[place]) if key.number == number)
        large[key.pass_name] += 1
        if key.pass_name in SHARED:
            shared.add(key.value)
    return large, [without_shared(each, shared) for each in records] if shared else records


def _pairs_of(ranked: Sequence[tuple[float, int, int]]) -> list[tuple[int, int]]:
    return [(one, other) for _, one, other in ranked]
