"""The model that is used until a tenant has trained its own: judgement, not measurement.

The figures are round on purpose. Those of strangers follow from how common names, birth dates and
postal codes are in a large Western population; those of one person from how often registration
mistypes, and people move and marry; those of households from what families share.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Final

from services.identity.domain.scoring.levels import FAMILIES, GIVENS
from services.identity.domain.scoring.model import Model

__all__ = ["shipped_model"]

# By level: missing (weighs nothing), different, close, exact.
_FAMILY: Final = (
    (1, 0.065, 0.06, 0.875),
    (1, 0.25, 0.03, 0.72),
    (1, 0.9944, 0.005, 0.0006),
)
# Missing, different, initial, close, variant, exact.
_GIVEN: Final = (
    (1, 0.03, 0.02, 0.06, 0.05, 0.84),
    (1, 0.935, 0.02, 0.02, 0.01, 0.015),
    (1, 0.966, 0.01, 0.01, 0.007, 0.007),
)
# Swapped, swapped and close; takes the place of other levels of the whole name.
_SWAPPED: Final = ((0.008, 0.003), (1e-5, 2e-5), (2e-6, 8e-6))
# Of each field: same person, household, stranger, by level.
_OTHERS: Final[tuple[tuple[tuple[float, ...], ...], ...]] = (
    # Middle name: missing, different, initial, agrees.
    ((1, 0.05, 0.33, 0.62), (1, 0.89, 0.08, 0.03), (1, 0.91, 0.07, 0.02)),
    # Birth date: missing, different, partly, close, exact.
    ((1, 0.006, 0.025, 0.033, 0.936), (1, 0.952, 0.03, 0.003, 0.015), (1, 0.98646, 0.012, 0.0015, 4e-5)),
    # Sex: missing, different, agrees.
    ((1, 0.012, 0.988), (1, 0.55, 0.45), (1, 0.5, 0.5)),
    # National number: missing, different, close, exact.
    ((1, 0.02, 0.05, 0.93), (1, 0.985, 0.005, 0.01), (1, 0.99999, 7e-6, 2e-6)),
    # Street and house: missing, different, close, agrees.
    ((1, 0.22, 0.08, 0.7), (1, 0.06, 0.06, 0.88), (1, 0.98997, 0.01, 3e-5)),
    # City and postal code: missing, different, city only, code close, code only, agrees.
    ((1, 0.1, 0.1, 0.03, 0.05, 0.72), (1, 0.03, 0.02, 0.01, 0.04, 0.9), (1, 0.906, 0.06, 0.01, 0.004, 0.02)),
    # Telephone and mail: missing, different, agrees.
    ((1, 0.35, 0.65), (1, 0.45, 0.55), (1, 0.9998, 2e-4)),
)  # fmt: skip
_SAME_PRIOR_BITS: Final = -20.0
"""One record among a million strangers is of the same person."""
_HOUSEHOLD_PRIOR_BITS: Final = -18.7
"""Two and a half are of the same household."""

# Shares of common names among people, in parts of ten thousand.
_FAMILIES: Final = (
    "smith 88 johnson 69 williams 58 brown 52 jones 51 garcia 42 miller 41 davis 40 rodriguez 39 martinez 38 "
    "hernandez 37 lopez 32 gonzalez 31 wilson 29 anderson 28 thomas 27 taylor 27 moore 26 jackson 25 martin 25 "
    "lee 25 perez 24 thompson 24 white 24 harris 22 sanchez 22 clark 20 ramirez 20 lewis 19 robinson 19 walker 19 "
    "young 18 allen 17 king 17 wright 17 scott 16 torres 16 nguyen 16 hill 16 flores 16 green 15 adams 15 nelson 15 "
    "baker 15 hall 14 rivera 14 campbell 14 mitchell 14 carter 14 roberts 13 gomez 13 phillips 13 evans 13 turner 13 "
    "diaz 13 parker 12 cruz 12 edwards 12 collins 12 reyes 12 stewart 11 morris 11 morales 11 murphy 11 cook 10 rogers 10 "
    "muller 10 schmidt 8 schneider 6 fischer 5 weber 5 meyer 6 wagner 5 becker 5 schulz 4 hoffmann 4 wood 8 hughes 6 "
    "kim 9 patel 8 khan 6 singh 6 chen 7 wang 7 ali 6 cohen 4 silva 9 santos 7"
)
_GIVENS: Final = (
    "james 130 john 150 robert 140 michael 150 william 110 david 130 richard 90 joseph 70 thomas 80 charles 60 "
    "christopher 70 daniel 75 matthew 60 anthony 50 mark 60 donald 40 steven 50 paul 50 andrew 55 joshua 45 "
    "mary 120 patricia 60 jennifer 60 linda 60 elizabeth 65 barbara 50 susan 50 jessica 45 sarah 50 karen 45 "
    "maria 90 anna 60 lisa 45 nancy 40 margaret 40 sandra 40 ashley 35 emily 45 kimberly 35 jose 60 juan 40 luis 35 "
    "carlos 35 peter 45 hans 15 anne 30 emma 35 laura 40 george 40 edward 35 kevin 35 brian 40 mohammed 30"
)


@functools.cache
def shipped_model() -> Model:
    """The model as it ships. The same object each time."""
    classes = [
        (
            _whole_name(_FAMILY[place], _GIVEN[place], _SWAPPED[place]),
            *(field[place] for field in _OTHERS),
        )
        for place in range(3)
    ]
    return Model.of(
        classes,
        (_SAME_PRIOR_BITS, _HOUSEHOLD_PRIOR_BITS),
        _shares(_FAMILIES),
        _shares(_GIVENS),
        (_FAMILY[2][3], _GIVEN[2][5], 1e-4, 8e-4),
        0,
    )


def _whole_name(
    family: Sequence[float], given: Sequence[float], swapped: Sequence[float]
) -> list[float]:
    told = [
        family[f] * given[g] for f, g in itertools.product(range(len(FAMILIES)), range(len(GIVENS)))
    ]
    return [*told, *swapped]


def _shares(text: str) -> dict[str, float]:
    words = text.split()
    return {name: int(share) / 10_000 for name, share in zip(words[::2], words[1::2], strict=True)}
