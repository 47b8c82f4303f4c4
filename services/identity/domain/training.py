"""Finds the weights of a model in a tenant's own records, by expectation maximisation. Pure.

Nobody has to say which records are of one person. Random pairs show how often strangers agree; pairs
that share a blocking key hold nearly all pairs of one person and of one household, and EM tells the
classes apart. Class sizes are counts over all pairs of the population, not shares of the blocked ones:
otherwise strangers who share a birth date and a first name would count as likely to be one.

The same records in the same order, with the same seed, give the same model.
"""

import collections
import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from services.identity.domain.blocking import MOST_PER_KEY, blocking_keys
from services.identity.domain.normalisation import Features
from services.identity.domain.parting import Run, in_turn, ranges
from services.identity.domain.scoring import Model, compare, shipped_model
from services.identity.domain.scoring.levels import FAMILIES, FIELDS, GIVENS, LEVELS, NAME, SWAPPED

__all__ = ["LEAST_RECORDS", "Progress", "train"]

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of it is done, from 0 to 1."""

LEAST_RECORDS: Final = 500
"""Fewer records say less than the shipped weights."""

_RANDOM_PAIRS: Final = 200_000
# Of few records more pairs would only be drawn again.
_PAIRS_EACH: Final = 60
_MOST_PAIRS: Final = 2_000_000
_PART: Final = 20_000
"""Pairs that are compared in one go."""
_ROUNDS: Final = 25
_PRIOR_PAIRS: Final = 40.0
"""The shipped weights count as much as so many pairs."""
_HELD: Final = frozenset({"name", "middle", "birth_date", "national_id"})
"""What tells members of a household apart. Where there are no households, the class would drift towards
one person mistyped; so it is held by as much weight as half of its pairs."""
_LEAST_COUNT: Final = 5
_MOST_NAMES: Final = 2000

_Levels = tuple[int, ...]
_Rows = list[list[float]]
_SAME, _HOUSEHOLD, _STRANGER = range(3)


class _Classes(NamedTuple):
    """Probabilities by class, field and level, and how many pairs each class has."""

    rows: list[_Rows]
    counts: list[float]


def train(
    records: Sequence[Features],
    seed: int,
    on_progress: Progress | None = None,
    *,
    run: Run = in_turn,
) -> Model:
    """A model from records; every record once. `run` does the parts of the work.

    Raises:
        ValueError: there are fewer than `LEAST_RECORDS`.
    """
    if len(records) < LEAST_RECORDS:
        raise ValueError(
            f"{len(records)} records are too few to learn from; {LEAST_RECORDS} are needed"
        )
    tell = on_progress or (lambda _what, _share: None)
    shares = _Shares(records)
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    apart = _patterns(records, _random_pairs(len(records), chance), "strangers", tell, run)
    blocked = _patterns(records, _blocked_pairs(records), "candidates", tell, run)
    classes = _start(len(records))
    prior = _expected(apart, shares)
    for turn in range(_ROUNDS):
        classes = _round(classes, blocked, apart, prior)
        tell("weights", (turn + 1) / _ROUNDS)
    same, household, stranger = classes.counts
    return Model.of(
        classes.rows,
        (_bits(same, stranger), _bits(household, stranger)),
        shares.families,
        shares.givens,
        (shares.family_agreement, shares.given_agreement, shares.rare_family, shares.rare_given),
        len(records),
    )


class _Shares:
    """How common names are. Only names that several people have are kept: a rare one tells of somebody."""

    def __init__(self, records: Iterable[Features]) -> None:
        families: collections.Counter[str] = collections.Counter()
        givens: collections.Counter[str] = collections.Counter()
        for features in records:
            for name in features.names[:1]:
                families.update([name.whole_family] if name.family else [])
                givens.update([name.first] if name.given else [])
        self.families, self.family_agreement, self.rare_family = _common(families)
        self.givens, self.given_agreement, self.rare_given = _common(givens)


def _common(counts: collections.Counter[str]) -> tuple[dict[str, float], float, float]:
    """Shares of common names; chance that two people agree; share of a name that is not common."""
    total = max(1, counts.total())
    common = {
        name: count / total
        for name, count in sorted(counts.most_common(_MOST_NAMES))
        if count >= _LEAST_COUNT
    }
    agreement = sum((count / total) ** 2 for count in counts.values())
    others = len(counts) - len(common)
    rare = (1.0 - sum(common.values())) / others if others else 1.0 / total
    return common, max(agreement, 1e-6), max(rare, 0.5 / total)


def _random_pairs(count: int, chance: random.Random) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for _ in range(min(_RANDOM_PAIRS, _PAIRS_EACH * count)):
        one, other = chance.randrange(count), chance.randrange(count - 1)
        found.append((one, other + (other >= one)))
    return found


def _blocked_pairs(records: Sequence[Features]) -> list[tuple[int, int]]:
    blocks: dict[int, list[int]] = collections.defaultdict(list)
    for place, features in enumerate(records):
        for key in blocking_keys("", features):
            blocks[key.number].append(place)
    return sorted(set(itertools.islice(_pairs(blocks), _MOST_PAIRS)))


def _patterns(
    records: Sequence[Features],
    pairs: Sequence[tuple[int, int]],
    what: str,
    tell: Progress,
    run: Run,
) -> collections.Counter[_Levels]:
    """How often each pattern of agreement is among the pairs."""
    found: collections.Counter[_Levels] = collections.Counter()
    parts = ranges(len(pairs), _PART)
    for number, counts in enumerate(run(_compared, (records, pairs), parts)):
        found.update(counts)
        tell(what, (number + 1) / len(parts))
    return found


def _compared(
    shared: tuple[Sequence[Features], Sequence[tuple[int, int]]], part: range
) -> collections.Counter[_Levels]:
    records, pairs = shared
    return collections.Counter(
        compare(records[one], records[other]).levels for one, other in pairs[part.start : part.stop]
    )


def _pairs(blocks: dict[int, list[int]]) -> Iterator[tuple[int, int]]:
    for block in blocks.values():
        if 1 < len(block) <= MOST_PER_KEY:
            yield from itertools.combinations(block, 2)


def _expected(apart: collections.Counter[_Levels], shares: _Shares) -> list[_Rows]:
    """What the classes are held to: the shipped weights, and for the names of strangers their own.

    Among random pairs hardly any has one whole name, so such levels are not counted but reckoned: family
    and given names of strangers have nothing to do with each other, and how often two agree follows from
    how common each name is.
    """
    family = [0.0] * len(FAMILIES)
    given = [0.0] * len(GIVENS)
    for pattern, number in apart.items():
        if pattern[NAME] < SWAPPED:
            family[pattern[NAME] // len(GIVENS)] += number
            given[pattern[NAME] % len(GIVENS)] += number
    expected = _start(2).rows
    shipped = expected[_STRANGER][NAME]
    families = _marginal(
        family,
        shares.family_agreement,
        [sum(shipped[f * len(GIVENS) + 1 : (f + 1) * len(GIVENS)]) for f in range(len(FAMILIES))],
    )
    givens = _marginal(
        given,
        shares.given_agreement,
        [sum(shipped[len(GIVENS) + g : SWAPPED : len(GIVENS)]) for g in range(len(GIVENS))],
    )
    for f in range(1, len(FAMILIES)):
        for g in range(1, len(GIVENS)):
            shipped[f * len(GIVENS) + g] = families[f] * givens[g]
    return expected


def _marginal(counts: Sequence[float], exact: float, prior: Sequence[float]) -> list[float]:
    """Shares of the levels of one name among strangers; that of the last, exact, is known."""
    total, expected = sum(counts[1:]), sum(prior[1:])
    found = [
        (count + _PRIOR_PAIRS * share / expected) / (total + _PRIOR_PAIRS)
        for count, share in zip(counts, prior, strict=True)
    ]
    return [*found[:-1], exact]


def _start(records: int) -> _Classes:
    pairs = records * (records - 1) / 2.0
    rows = [
        [[2.0**bits if level else 0.0 for level, bits in enumerate(field)] for field in weights]
        for weights in (shipped_model().same, shipped_model().household, shipped_model().stranger)
    ]
    return _Classes(rows, [records * 0.2, records * 0.2, pairs])


def _round(
    classes: _Classes,
    blocked: collections.Counter[_Levels],
    apart: collections.Counter[_Levels],
    prior: list[_Rows],
) -> _Classes:
    """One round: share the pairs out among the classes, and count levels in each."""
    counts = [[[0.0] * len(levels) for levels in LEVELS] for _ in range(3)]
    sizes = [0.0, 0.0, classes.counts[_STRANGER]]
    for pattern, number in blocked.items():
        likely = [_likelihood(classes, which, pattern) for which in range(3)]
        total = sum(likely) or 1.0
        for which in (_SAME, _HOUSEHOLD):
            share = number * likely[which] / total
            sizes[which] += share
            for field, level in enumerate(pattern):
                counts[which][field][level] += share
    for pattern, number in apart.items():
        # Some random pairs are of one person: in a small population they would teach a great lot.
        likely = [_likelihood(classes, which, pattern) for which in range(3)]
        share = number * likely[_STRANGER] / (sum(likely) or 1.0)
        for field, level in enumerate(pattern):
            counts[_STRANGER][field][level] += share
    rows = [
        [
            _probabilities(
                counts[which][field], prior[which][field], _weight(which, name, sizes), field
            )
            for field, name in enumerate(FIELDS)
        ]
        for which in range(3)
    ]
    return _Classes(rows, sizes)


def _likelihood(classes: _Classes, which: int, pattern: _Levels) -> float:
    likely = classes.counts[which]
    rows = classes.rows[which]
    for field, level in enumerate(pattern):
        if level:
            likely *= rows[field][level]
    return likely


def _weight(which: int, field: str, sizes: Sequence[float]) -> float:
    if which == _STRANGER and field == "name":
        return _RANDOM_PAIRS
    if which == _HOUSEHOLD and field in _HELD:
        return max(_PRIOR_PAIRS, sizes[_HOUSEHOLD] / 2)
    return _PRIOR_PAIRS


def _probabilities(
    counts: Sequence[float], prior: Sequence[float], weight: float, field: int
) -> list[float]:
    """Shares of the levels, where both records tell the field; half a name is a case by itself."""
    found = [0.0] * len(counts)
    for group in _GROUPS[field]:
        total = sum(counts[level] for level in group)
        expected = sum(prior[level] for level in group)
        for level in group:
            # What never happened among so many pairs may yet be as likely as once in twice as many.
            share = (counts[level] + weight * prior[level] / expected) / (total + weight)
            found[level] = max(share, 0.5 / (total + weight)) if field != NAME else share
    return found


def _name_groups() -> list[list[int]]:
    whole = [f * len(GIVENS) + g for f in range(1, len(FAMILIES)) for g in range(1, len(GIVENS))]
    swapped = list(range(len(FAMILIES) * len(GIVENS), len(LEVELS[NAME])))
    return [
        whole + swapped,
        [f * len(GIVENS) for f in range(1, len(FAMILIES))],
        list(range(1, len(GIVENS))),
    ]


_GROUPS: Final = [
    _name_groups() if field == NAME else [list(range(1, len(levels)))]
    for field, levels in enumerate(LEVELS)
]


def _bits(count: float, strangers: float) -> float:
    return math.log2(max(count, 1.0) / strangers)
