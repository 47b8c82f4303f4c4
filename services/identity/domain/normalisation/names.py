"""Names of human beings as they are compared. Neighbour: `name_tables`, the words that mean something."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from services.identity.domain.normalisation.letters import words
from services.identity.domain.normalisation.name_tables import (
    GENERATIONS,
    INFANT_BESIDE,
    INFANTS,
    NO_FAMILY,
    NO_GIVEN,
    NOBODY,
    NOBODY_SAID,
    NOBODY_WHOLE,
    PARTICLES,
    ROLE_BESIDE,
    ROLES,
    TITLES,
)

__all__ = ["PersonName", "read_name"]

_MOST_WORDS: Final = 6


class PersonName(NamedTuple):
    """One name. Holds patient data.

    Attributes:
        family: folded words without particles; empty where unknown.
        given: folded words, the first name first; empty where unknown, as of a newborn. An empty word
            stands first where only others than the first name are told.
        generation: 1 senior, 2 junior or II, 3 III …; 0 where nothing is said.
        is_newborn: stands for somebody who has no name yet, such as BABY BOY.
    """

    family: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    generation: int = 0
    is_newborn: bool = False

    @property
    def first(self) -> str:
        """The first given name, or empty."""
        return self.given[0] if self.given else ""

    @property
    def middle(self) -> tuple[str, ...]:
        """The other given names."""
        return self.given[1:]

    @property
    def whole_family(self) -> str:
        """The family name in one word."""
        return "".join(self.family)


def read_name(family: str, given: Sequence[str], suffix: Iterable[str] = ()) -> PersonName | None:
    """The name in the form in which it is compared; None where it names nobody (UNKNOWN, John Doe).

    Reading what was read changes nothing. The order of suffixes does not matter.
    """
    said_family = words(family)
    said_names = [words(each) for each in given]
    said_given = [word for each in said_names for word in each]
    if (" ".join(said_family), " ".join(said_given)) in NOBODY_WHOLE:
        return None
    lacks_first = len(said_names) > 1 and _is_nobody(said_names[0], NO_GIVEN)
    if said_names and _is_nobody(said_names[0], NO_GIVEN):
        said_given = [word for each in said_names[1:] for word in each]
    family_words, generation = _family([] if _is_nobody(said_family, NO_FAMILY) else said_family)
    given_words, told = _given(said_given)
    generation = generation or told
    for word in sorted(each for one in suffix for each in words(one)):
        generation = generation or GENERATIONS.get(word, 0)
    is_newborn = _is_infant(given_words, family_words)
    if is_newborn:
        given_words = []
        family_words = [word for word in family_words if word not in INFANTS]
    elif lacks_first and given_words:
        # Else a second name would pass for the first one, and contradict it.
        given_words = ["", *given_words]
    if not (family_words or given_words or is_newborn):
        return None
    return PersonName(
        tuple(family_words[:_MOST_WORDS]), tuple(given_words[:_MOST_WORDS]), generation, is_newborn
    )


def _known(said: list[str]) -> list[str]:
    """Without words that stand where no name is known; N/A folds to two of them."""
    return [] if said == ["n", "a"] else [word for word in said if word not in NOBODY]


def _is_nobody(said: list[str], words_of_nobody: AbstractSet[str]) -> bool:
    """Nothing, or words that tell who is in the house and no name: Male Child, Wife of, Lady in the House."""
    if not said or not _known(said) or " ".join(said) in NOBODY_SAID:
        return True
    if _is_infant(said, ["x"]):
        return False
    if len(said) == 1:
        return said[0] in words_of_nobody
    return any(word in ROLES for word in said) and all(
        word in ROLES or word in ROLE_BESIDE for word in said
    )


def _family(said: list[str]) -> tuple[list[str], int]:
    kept: list[str] = []
    clan = ""
    known = _known(said)
    for word in known:
        if word in {"mac", "mc"}:
            # Written in one word or in two, it is the same name.
            clan = word
        elif clan or word not in PARTICLES:
            kept.append(clan + word)
            clan = ""
    return _generation(kept or known)


def _given(said: list[str]) -> tuple[list[str], int]:
    kept, generation = _generation(_known(said))
    while len(kept) > 1 and (kept[0] in TITLES or kept[0] in NO_GIVEN):
        kept = kept[1:]
    return kept, generation


def _generation(said: list[str]) -> tuple[list[str], int]:
    """Without what stands behind a name for the place in the line; the first of several counts."""
    generation = 0
    while len(said) > 1 and said[-1] in GENERATIONS and said[-1] != "i":
        generation = GENERATIONS[said[-1]]
        said = said[:-1]
    return said, generation


def _is_infant(given: list[str], family: list[str]) -> bool:
    """BABY BOY, Baby Girl A, B/O MARY, twin a: words for a newborn, and nothing else but its mother."""
    if not given:
        return False
    if (given[:2] == ["b", "o"] and len(given) > 2) or given[0] in {"bo", "babyof"}:
        return True
    has_word = any(word in INFANTS for word in given)
    if has_word and given[0] in INFANTS and "of" in given:
        return True
    is_twin = given[0] in {"twin", "triplet"} and len(given) > 1
    is_unnamed = given in (["boy"], ["girl"], ["male"], ["female"]) and bool(family)
    return (
        (has_word or is_twin) and all(word in INFANTS or word in INFANT_BESIDE for word in given)
    ) or is_unnamed
