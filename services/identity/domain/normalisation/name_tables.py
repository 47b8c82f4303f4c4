"""Words that mean something in names: particles, generations, titles, placeholders, nicknames.

All in the form of `letters.fold`. The nicknames are in `nicknames.txt`.
"""

import pathlib
from collections.abc import Mapping
from typing import Final

__all__ = [
    "GENERATIONS", "INFANTS", "INFANT_BESIDE", "NOBODY", "NOBODY_SAID", "NOBODY_WHOLE", "NO_FAMILY", "NO_GIVEN",
    "PARTICLES",
    "ROLES", "ROLE_BESIDE", "TITLES", "roots",
]  # fmt: skip

PARTICLES: Final = frozenset({
    "a", "af", "al", "ap", "av", "bar", "ben", "bin", "bint", "da", "dal", "das", "de", "degli", "dei",
    "del", "della", "den", "der", "des", "di", "do", "dos", "du", "e", "el", "et", "ibn", "la", "las",
    "le", "les", "li", "lo", "los", "mac", "mc", "ni", "nic", "o", "op", "san", "st", "t", "ten", "ter",
    "ua", "van", "vom", "von", "y", "z", "zu", "zum", "zur",
})  # fmt: skip

GENERATIONS: Final = {
    "sr": 1, "senior": 1, "snr": 1, "1st": 1, "i": 1,
    "jr": 2, "junior": 2, "jnr": 2, "jun": 2, "ii": 2, "2nd": 2, "2": 2,
    "iii": 3, "3rd": 3, "3": 3,
    "iv": 4, "4th": 4, "4": 4,
}  # fmt: skip
"""Place in a line of people of one name; Jr and II are the same place."""

TITLES: Final = frozenset({
    "dr", "mr", "mrs", "ms", "miss", "mx", "prof", "professor", "herr", "frau", "sir", "lady", "rev",
    "fr", "sra", "sr", "srta", "mme", "mlle", "dipl", "ing", "mag",
})  # fmt: skip

INFANTS: Final = frozenset({
    "baby", "babyboy", "babygirl", "bb", "bg", "bebe", "newborn", "nb", "infant", "neonate", "fetus",
    "foetus", "unborn", "neugeborenes", "neugeborener", "saugling", "recien", "nouveau", "neonato",
    "nascituro", "babyofmother",
})  # fmt: skip
"""A given name with one of these, and otherwise only words of `INFANT_BESIDE`, is no name yet."""

INFANT_BESIDE: Final = frozenset({
    "a", "b", "c", "d", "e", "1", "2", "3", "4", "i", "ii", "iii", "boy", "girl", "male", "female", "m",
    "f", "twin", "triplet", "one", "two", "three", "of", "nacido", "nacida", "ne", "nee", "first",
    "second", "third", "unnamed", "junge", "madchen",
})  # fmt: skip

NOBODY: Final = frozenset({
    "unknown", "unk", "unkn", "ukn", "unbekannt", "inconnu", "desconocido", "desconocida", "sconosciuto",
    "unidentified", "unnamed", "noname", "nofirstname", "nolastname", "nonamegiven", "na", "nan", "none",
    "null", "nil", "anonymous", "anonym", "missing", "notknown", "notgiven", "notprovided", "refused",
    "withheld", "declined", "test", "tester", "testpatient", "dummy", "xx", "xxx", "xxxx", "zz", "zzz",
    "zzzz", "nn", "nfn", "nln", "nmn", "fnu", "lnu", "tbd", "tba", "placeholder",
})  # fmt: skip
"""Words that stand where no name is known. A part of a name that is only these is no name."""

ROLES: Final = frozenset({
    "adult", "aunt", "boy", "brother", "child", "cousin", "dad", "daughter", "esposa", "esposo", "father", "female",
    "friend", "gentleman", "gentlemen", "girl", "grandchild", "granddaughter", "grandfather", "grandmother",
    "grandson", "guest", "head", "hija", "hijo", "household", "husband", "inmate", "kid", "lady", "lodger", "male",
    "man", "member", "mom", "mother", "mum", "neighbor", "neighbour", "nephew", "niece", "occupant", "patient",
    "person", "resident", "respondent", "roommate", "senor", "senora", "sister", "son", "spouse", "stepdaughter",
    "stepson", "teenager", "tenant", "uncle", "wife", "woman",
})  # fmt: skip
"""Who somebody is in a house. Two or more of these and of `ROLE_BESIDE` are no name: Male Child, Son of."""

ROLE_BESIDE: Final = frozenset({
    "a", "an", "and", "at", "first", "her", "his", "home", "house", "in", "minor", "my", "of", "old", "older", "oldest",
    "one", "other", "second", "the", "third", "this", "two", "young", "younger", "youngest", "1", "2", "3",
})  # fmt: skip

NO_FAMILY: Final = frozenset({
    "adult", "daughter", "gentleman", "granddaughter", "grandson", "household", "husband", "inmate", "miss", "mr",
    "mrs", "ms", "mx", "occupant", "person", "resident", "respondent", "roommate", "spouse", "stepdaughter",
    "stepson", "tenant", "wife",
})  # fmt: skip
"""Words that are nobody's family name. Friend, Child and Guest are."""

NO_GIVEN: Final = (NO_FAMILY | ROLES | {"oldest", "youngest"}) - {
    "boy", "female", "friend", "girl", "guest", "head", "lady", "male", "man", "patient", "son",
}  # fmt: skip
"""Words that are nobody's first name. Son and Lady are; a boy without a name is a newborn."""

NOBODY_SAID: Final = frozenset({
    "dont know", "do not know", "not known", "not given", "not provided", "not available", "not stated", "no name",
    "no name given", "no first name", "no last name", "no surname", "first name", "last name", "weiss nicht",
})  # fmt: skip
"""The same in several words."""

NOBODY_WHOLE: Final = frozenset({
    ("doe", "john"), ("doe", "jane"), ("doe", "baby"), ("patient", "test"), ("test", "patient"),
    ("patient", "unknown"), ("trauma", "patient"), ("patient", "trauma"), ("mustermann", "max"),
    ("mustermann", "erika"), ("mouse", "mickey"), ("name", "no"), ("nomen", "nescio"),
})  # fmt: skip
"""Whole names (family, given) that people are registered under when nobody knows who they are."""


def _nicknames() -> Mapping[str, frozenset[str]]:
    """Full names by each name that stands for them, from `nicknames.txt` beside this module."""
    found: dict[str, set[str]] = {}
    text = pathlib.Path(__file__).with_name("nicknames.txt").read_text(encoding="utf-8")
    for row in text.splitlines():
        if not row.startswith("#"):
            names = row.split()
            for name in names:
                found.setdefault(name, set()).add(names[0])
    return {name: frozenset(each) for name, each in found.items()}


# Read once with the module: nothing that runs later waits for a disk.
_ROOTS: Final = _nicknames()


def roots(given: str) -> frozenset[str]:
    """The full names that a given name may stand for; itself where nothing else is known.

    Two names are variants of each other where their roots meet: Bob and Robert, not Bob and Bill.
    """
    return _ROOTS.get(given) or frozenset((given,))
