"""How right matching is on records of which the truth is known. Pure.

Every pair of records counts once. Pairs that no blocking key brings together are never scored, and those
of one person among them count as missed. Nothing is looked up afterwards: the thresholds are those that
would have held.
"""

import array
import collections
import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.identity.domain.blocking import MOST_PER_KEY, SHARED, blocking_keys
from services.identity.domain.normalisation import Features
from services.identity.domain.population import without_shared
from services.identity.domain.scoring import DEFAULT_THRESHOLDS, Model, Thresholds, score

__all__ = ["Evaluation", "Figures", "evaluate"]

_NOTED_BITS: Final = -40.0
"""Pairs below are counted and not kept: no threshold would be as low."""
_TELL_EACH: Final = 500


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
    """

    records: int
    true_pairs: int
    model: str
    thresholds: Thresholds
    found_pairs: int = 0
    compared: int = 0
    most_compared: int = 0
    large: collections.Counter[str] = field(default_factory=collections.Counter)
    _bits: "array.array[float]" = field(default_factory=lambda: array.array("d"))
    _is_same: bytearray = field(default_factory=bytearray)
    _ones: "array.array[int]" = field(default_factory=lambda: array.array("l"))
    _others: "array.array[int]" = field(default_factory=lambda: array.array("l"))

    @property
    def blocking_recall(self) -> float:
        """Share of the pairs of one person that are candidates of each other."""
        return self.found_pairs / self.true_pairs if self.true_pairs else 1.0

    @property
    def mean_candidates(self) -> float:
        """Candidates of a record, on average: each pair counts for both."""
        return 2.0 * self.compared / self.records if self.records else 0.0

    @property
    def reviews(self) -> int:
        """Pairs that somebody would have to look at."""
        low, high = self.thresholds.review, self.thresholds.match
        return sum(low <= bits < high for bits in self._bits)

    @property
    def reviews_per_thousand(self) -> float:
        """Reviews for 1,000 records."""
        return 1000.0 * self.reviews / self.records if self.records else 0.0

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

    def note(self, one: int, other: int, bits: float, *, is_same: bool) -> None:
        """Count a scored pair."""
        self.compared += 1
        self.found_pairs += is_same
        if bits >= _NOTED_BITS or is_same:
            self._bits.append(bits)
            self._is_same.append(is_same)
            self._ones.append(one)
            self._others.append(other)

    def _figures(self, threshold: float, taken: int, right: int) -> Figures:
        precision = right / taken if taken else 1.0
        recall = right / self.true_pairs if self.true_pairs else 1.0
        both = precision + recall
        return Figures(
            threshold, precision, recall, 2.0 * precision * recall / both if both else 0.0
        )


def evaluate(
    records: Sequence[Features],
    truth: Sequence[Hashable],
    model: Model,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    on_progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Score all candidates of all records. `truth` says for each record whose it is.

    `on_progress` is told the share that is done.
    """
    sizes = collections.Counter(truth)
    done = Evaluation(
        len(records),
        sum(size * (size - 1) // 2 for size in sizes.values()),
        model.version,
        thresholds,
    )
    blocks = _Blocks(records)
    done.large = blocks.large
    for one in range(len(records)):
        if on_progress is not None and one % _TELL_EACH == 0:
            on_progress(one / len(records))
        candidates = blocks.after(one)
        done.most_compared = max(done.most_compared, len(candidates))
        for other in candidates:
            verdict = score(
                blocks.features[one], blocks.features[other], model, thresholds, is_brief=True
            )
            done.note(one, other, verdict.bits, is_same=truth[one] == truth[other])
    return done


class _Blocks:
    """The records by blocking key.

    Attributes:
        features: of the records, without values that too many have.
        large: blocks that are not looked into, by pass.
    """

    def __init__(self, records: Sequence[Features]) -> None:
        blocks: dict[int, list[int]] = collections.defaultdict(list)
        passes: dict[int, str] = {}
        shared: set[tuple[str, str]] = set()
        for place, features in enumerate(records):
            for key in blocking_keys("", features):
                blocks[key.number].append(place)
                if len(blocks[key.number]) > MOST_PER_KEY:
                    passes[key.number] = key.pass_name
                    if key.pass_name in SHARED:
                        shared.add((key.pass_name, key.value))
        self.large = collections.Counter(passes.values())
        values = {value for _, value in shared}
        self.features = [without_shared(each, values) for each in records]
        self._keys: list[tuple[int, ...]] = [()] * len(records)
        for number, block in blocks.items():
            if 1 < len(block) <= MOST_PER_KEY:
                for place in block:
                    self._keys[place] += (number,)
        self._blocks = blocks

    def after(self, place: int) -> list[int]:
        """The candidates of a record that come after it, in order."""
        return sorted({
            other for number in self._keys[place] for other in self._blocks[number] if other > place
        })  # fmt: skip


def _pairs_of(ranked: Sequence[tuple[float, int, int]]) -> list[tuple[int, int]]:
    return [(one, other) for _, one, other in ranked]
