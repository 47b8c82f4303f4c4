"""The fields in which two source records are compared, and the levels of agreement of each.

Level 0 is always *missing*: one of the two says nothing, and that is no evidence at all. The other levels
are in no strict order; their weight comes from the model.
"""

from typing import Final

__all__ = [
    "ADDRESS", "BIRTH_DATE", "CONTACT", "FAMILIES", "FIELDS", "GIVENS", "LEVELS", "MIDDLE", "NAME",
    "NATIONAL_ID", "PLACE", "SEX", "SWAPPED", "SWAPPED_CLOSE", "family_level", "given_level",
    "joint_name",
]  # fmt: skip

FAMILIES: Final = ("missing", "different", "close", "exact")
"""Levels of the family name. Close: mistyped, sounds alike, cut off, or one of two names agrees."""

GIVENS: Final = ("missing", "different", "initial", "close", "variant", "exact")
"""Levels of the first given name. Variant: a nickname of the same name, or the other one's second name."""

_NAMES: Final = (
    *(f"family {family}, given {given}" for family in FAMILIES for given in GIVENS),
    "swapped",
    "swapped and close",
)
SWAPPED: Final = len(FAMILIES) * len(GIVENS)
"""Family and given name stand in each other's place."""
SWAPPED_CLOSE: Final = SWAPPED + 1

FIELDS: Final = (
    "name", "middle", "birth_date", "sex", "national_id", "address", "place", "contact",
)  # fmt: skip
NAME, MIDDLE, BIRTH_DATE, SEX, NATIONAL_ID, ADDRESS, PLACE, CONTACT = range(len(FIELDS))

LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    _NAMES,
    ("missing", "different", "initial", "agrees"),
    ("missing", "different", "partly", "close", "exact"),
    ("missing", "different", "agrees"),
    ("missing", "different", "close", "exact"),
    ("missing", "different", "close", "agrees"),
    ("missing", "different", "city only", "code close", "code only", "agrees"),
    ("missing", "different", "agrees"),
)
"""Names of the levels by field; the position is the level."""


def joint_name(family: int, given: int) -> int:
    """The level of the whole name: the two are not independent, so they are weighed together."""
    return family * len(GIVENS) + given


def family_level(name: int) -> int:
    """The level of the family name within that of the whole name; swapped names are close."""
    return 2 if name >= SWAPPED else name // len(GIVENS)


def given_level(name: int) -> int:
    """The level of the given name within that of the whole name; swapped names are close."""
    return 3 if name >= SWAPPED else name % len(GIVENS)
