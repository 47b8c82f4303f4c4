"""Scores a pair of source records, and says why: rules, weights in bits, vetoes, thresholds.

The score is the binary logarithm of how much likelier "same person" is than "household or stranger".
Every row of the explanation has its share, and the shares add up to the score. An explanation holds
levels and bits, never the values that were compared.
"""

import enum
import functools
import math
from typing import Any, Final, NamedTuple

from services.identity.domain.normalisation import Features
from services.identity.domain.scoring.comparison import Comparison, compare
from services.identity.domain.scoring.levels import (
    BIRTH_DATE,
    FIELDS,
    LEVELS,
    NAME,
    NATIONAL_ID,
    family_level,
    given_level,
)
from services.identity.domain.scoring.model import Model
from services.identity.domain.scoring.vetoes import Cap, vetoes

__all__ = ["DEFAULT_THRESHOLDS", "Grade", "Row", "Thresholds", "Verdict", "score", "weigh"]


class Grade(enum.Enum):
    """What a score is good for."""

    MATCH = "match"
    """The same person, without anybody looking."""
    REVIEW = "review"
    """Somebody has to look."""
    APART = "apart"
    """Not the same person."""


class Thresholds(NamedTuple):
    """Where grades begin, in bits.

    Attributes:
        match: a score of this or more is a match; 7 bits are 128 to 1.
        review: a score of this or more, below `match`, is for somebody to look at.
    """

    match: float = 7.0
    review: float = 0.0


DEFAULT_THRESHOLDS: Final = Thresholds()
_BELOW: Final = 1.0
"""How far under a threshold a veto caps the score, in bits."""


class Row(NamedTuple):
    """One line of an explanation.

    Attributes:
        what: a field, or prior, rarity, household, rule, veto.
        level: of agreement, or the name of the rule or veto.
        bits: for "same person"; negative against.
    """

    what: str
    level: str
    bits: float


class Verdict(NamedTuple):
    """The decision on a pair.

    Attributes:
        bits: the score, the sum over the rows.
        grade: by the thresholds.
        rows: why.
        model: version of the model.
        thresholds: that held.
    """

    bits: float
    grade: Grade
    rows: tuple[Row, ...]
    model: str
    thresholds: Thresholds

    def to_json(self) -> dict[str, Any]:
        """For the store and for people. Without the values that were compared."""
        return {
            "bits": self.bits,
            "grade": self.grade.value,
            "rows": [list(row) for row in self.rows],
            "model": self.model,
            "thresholds": list(self.thresholds),
        }


def weigh(comparison: Comparison, model: Model) -> float:
    """The score by weights alone, in bits: the hot part, without explanation, rules and vetoes."""
    same, household = _against_stranger(comparison.levels, model)
    if comparison.family or comparison.given:
        # A rare name says little of two people who live together: they have it from each other.
        rarity = model.rarity_bits(comparison.family, comparison.given)
        same, household = same + rarity, household + rarity
    return same - _either(household)


@functools.lru_cache(maxsize=65_536)
def _against_stranger(levels: tuple[int, ...], model: Model) -> tuple[float, float]:
    """Bits for one person, and for one household, over stranger. Few patterns are most pairs."""
    for_same, for_household, for_stranger = model.same_prior_bits, model.household_prior_bits, 0.0
    for field, level in enumerate(levels):
        for_same += model.same[field][level]
        for_household += model.household[field][level]
        for_stranger += model.stranger[field][level]
    return for_same - for_stranger, for_household - for_stranger


def score(
    one: Features,
    other: Features,
    model: Model,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    *,
    is_one_authority: bool = False,
    is_brief: bool = False,
) -> Verdict:
    """Decide on a pair of records. Symmetric; pure; the same arguments give the same bits.

    `is_one_authority`: see `vetoes`. `is_brief`: give no rows, and the bits by weight alone, where the
    two are clearly apart: most candidates are.
    """
    comparison = compare(one, other)
    levels = comparison.levels
    bits = weigh(comparison, model)
    if is_brief and bits < thresholds.review and not _is_proved(levels):
        return Verdict(bits, Grade.APART, (), model.version, thresholds)
    against = vetoes(one, other, levels, is_one_authority=is_one_authority)
    decided = bits
    rows: list[Row] = []
    if bits < thresholds.match and _is_proved(levels):
        # A number that a country gives once, with the birth date and a close name: no weight is needed.
        decided = thresholds.match
        rows.append(Row("rule", "national_id_birth_date_name", decided - bits))
    for veto in against:
        at_most = (thresholds.match if veto.cap is Cap.REVIEW else thresholds.review) - _BELOW
        kept = min(decided + veto.bits, at_most)
        rows.append(Row("veto", veto.name, kept - decided))
        decided = kept
    if decided >= thresholds.match:
        grade = Grade.MATCH
    else:
        grade = Grade.REVIEW if decided >= thresholds.review else Grade.APART
    return Verdict(decided, grade, (*_weights(comparison, model), *rows), model.version, thresholds)


def _weights(comparison: Comparison, model: Model) -> list[Row]:
    rows = [Row("prior", "", model.same_prior_bits)]
    against = model.household_prior_bits
    for field, level in enumerate(comparison.levels):
        stranger = model.stranger[field][level]
        against += model.household[field][level] - stranger
        rows.append(Row(FIELDS[field], LEVELS[field][level], model.same[field][level] - stranger))
    rarity = model.rarity_bits(comparison.family, comparison.given)
    if rarity:
        rows.append(Row("rarity", "of the name", rarity))
    rows.append(Row("household", "may be a relative", -_either(against + rarity)))
    return rows


def _either(household_bits: float) -> float:
    """log2(2^h + 1): "household or stranger" over "stranger", without overflow."""
    if household_bits > 60:
        return household_bits
    return math.log2(1.0 + 2.0**household_bits)


def _is_proved(levels: tuple[int, ...]) -> bool:
    return (
        levels[NATIONAL_ID] == 3
        and levels[BIRTH_DATE] == 4
        and family_level(levels[NAME]) >= 2
        and given_level(levels[NAME]) >= 2
    )
