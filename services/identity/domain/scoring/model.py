"""The model: how likely each level of agreement is among three kinds of pairs.

*Same*: two records of one person. *Household*: records of two people who live together, who share
surname, address and telephone without being one. *Stranger*: all other pairs. The textbook model has no
second class, and takes what a household shares for proof of one person.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from plexus.errors import ConfigurationError
from services.identity.domain.scoring.levels import FIELDS, LEVELS

__all__ = ["Model", "Weights"]

Weights = tuple[tuple[float, ...], ...]
_LEAST: Final = 1e-9
_POPULATION: Final = 1_000_000
"""The shipped model is about so many records."""
_SMALLEST: Final = 4_000
_RAREST_BITS: Final = 5.0
_COMMONEST_BITS: Final = -5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """Probabilities as binary logarithms. Immutable; a changed model is another version.

    Attributes:
        same: by field and level, among records of one person; level 0 weighs nothing.
        household: the same among people who live together.
        stranger: the same among all others.
        same_prior_bits: how many pairs are of one person, against strangers.
        household_prior_bits: how many pairs are of one household, against strangers.
        families: share of people by family name, of common ones only.
        givens: share of people by first given name, of common ones only.
        family_agreement: how often two strangers have the same family name.
        given_agreement: how often two strangers have the same given name.
        rare_family: share of a family name that is not among the common ones.
        rare_given: the same of given names.
        trained_on: number of records; 0 for the shipped one.
        version: content hash, 12 hexadecimal digits.
    """

    same: Weights
    household: Weights
    stranger: Weights
    same_prior_bits: float
    household_prior_bits: float
    families: Mapping[str, float]
    givens: Mapping[str, float]
    family_agreement: float
    given_agreement: float
    rare_family: float
    rare_given: float
    trained_on: int = 0
    version: str = ""

    def __hash__(self) -> int:
        return hash(self.version)

    @classmethod
    def of(
        cls,
        classes: Sequence[Sequence[Sequence[float]]],
        prior_bits: tuple[float, float],
        families: Mapping[str, float],
        givens: Mapping[str, float],
        shares: tuple[float, float, float, float],
        trained_on: int,
    ) -> "Model":
        """A model of probabilities: class, field, level. The version follows from the content.

        `shares` are family_agreement, given_agreement, rare_family and rare_given.
        """
        same, household, stranger = (
            tuple((0.0, *(math.log2(max(_LEAST, p)) for p in levels[1:])) for levels in fields)
            for fields in classes
        )
        made = cls(same, household, stranger, *prior_bits, families, givens, *shares, trained_on)
        return made._versioned()

    def for_population(self, records: int) -> "Model":
        """The model for so many records, where it was not trained on them; a trained one as it is.

        Somebody's other record is one among all: the more there are, the less likely any one is it.
        """
        if self.trained_on:
            return self
        fewer = math.log2(_POPULATION / max(records, _SMALLEST))
        moved = dataclasses.replace(
            self,
            same_prior_bits=self.same_prior_bits + fewer,
            household_prior_bits=self.household_prior_bits + fewer,
        )
        return moved._versioned()  # noqa: SLF001 - of this class

    def rarity_bits(self, family: str, given: str) -> float:
        """What it adds that a name which both records have exactly is rare, or takes that it is common.

        At least -5 and at most 5 bits. Empty names add nothing.
        """
        bits = 0.0
        if family:
            bits += math.log2(self.family_agreement / self.families.get(family, self.rare_family))
        if given:
            bits += math.log2(self.given_agreement / self.givens.get(given, self.rare_given))
        return min(_RAREST_BITS, max(_COMMONEST_BITS, bits))

    def to_text(self) -> str:
        """The model as JSON; `from_text` gives it back."""
        return json.dumps(self._content() | {"version": self.version}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> "Model":
        """A model as it was stored.

        Raises:
            ConfigurationError: it is no model, or of other fields than these.
        """
        try:
            content = json.loads(text)
            weights = {
                name: tuple(tuple(content[name][field]) for field in FIELDS)
                for name in ("same", "household", "stranger")
            }
            if any(
                [len(levels) for levels in each] != [len(levels) for levels in LEVELS]
                for each in weights.values()
            ):
                raise ConfigurationError("the model has other levels than this release compares")
            rest: dict[str, Any] = {name: content[name] for name in _PLAIN}
            made = cls(weights["same"], weights["household"], weights["stranger"], **rest)
        except (KeyError, TypeError, ValueError) as exc:
            raise ConfigurationError("this is no model of identity") from exc
        if made.version != made._hash():
            raise ConfigurationError("the content of the model does not fit its version")
        return made

    def _versioned(self) -> "Model":
        return dataclasses.replace(self, version=self._hash())

    def _hash(self) -> str:
        text = json.dumps(self._content(), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    def _content(self) -> dict[str, object]:
        told: dict[str, object] = {
            name: dict(zip(FIELDS, getattr(self, name), strict=True))
            for name in ("same", "household", "stranger")
        }
        return told | {name: getattr(self, name) for name in _PLAIN if name != "version"}


_PLAIN: Final = (
    "same_prior_bits", "household_prior_bits", "families", "givens", "family_agreement",
    "given_agreement", "rare_family", "rare_given", "trained_on", "version",
)  # fmt: skip
