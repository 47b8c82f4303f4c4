"""What no sum of agreements outweighs. A veto caps the score and never raises it.

Weights are right on average; these are the cases where an average merges two people: twins, a father
and a son of one name, newborns without a name, and evidence that says "somebody else" outright.
"""

import enum
from typing import Final, NamedTuple

from services.identity.domain.normalisation import Features
from services.identity.domain.scoring.levels import (
    ADDRESS,
    BIRTH_DATE,
    CONTACT,
    MIDDLE,
    NAME,
    NATIONAL_ID,
    PLACE,
    SEX,
    SWAPPED,
    family_level,
    given_level,
    joint_name,
)

__all__ = ["Cap", "Veto", "vetoes"]


class Cap(enum.Enum):
    """How much a veto leaves possible."""

    REVIEW = "review"
    """Never by itself: somebody has to look."""
    APART = "apart"
    """Not the same person."""


class Veto(NamedTuple):
    """One reason against.

    Attributes:
        name: one of a closed set; safe to log.
        cap: what it leaves possible.
        bits: taken away before it caps, where two people are the likelier story. Negative or 0.
    """

    name: str
    cap: Cap
    bits: float = 0.0


_TWIN_NUMBERS: Final = 3
_YOUNGEST: Final = 15
_OLDEST: Final = 50
"""Years between a parent and a child."""
_SUFFIX_REVIEW: Final = Veto("suffix_conflict", Cap.REVIEW)
_SUFFIX: Final = Veto("suffix_conflict", Cap.APART)
_BIRTH_ORDER_REVIEW: Final = Veto("birth_order_conflict", Cap.REVIEW)
_BIRTH_ORDER: Final = Veto("birth_order_conflict", Cap.APART)
_POSSIBLE_TWINS: Final = Veto("possible_twins", Cap.REVIEW, -4.0)
"""Weights take fields for independent; but who has another first name and the same birth date and family
is a twin far more often than these facts by themselves tell."""
_TWINS: Final = Veto("twins", Cap.APART)
_MIDDLE: Final = Veto("middle_name_conflict", Cap.REVIEW)
_NEWBORN: Final = Veto("newborn", Cap.REVIEW)
_NEWBORNS: Final = Veto("two_newborns", Cap.APART)
_SEX_REVIEW: Final = Veto("sex_conflict", Cap.REVIEW)
_SEX: Final = Veto("sex_and_name_conflict", Cap.APART)
_BIRTH_DATE_REVIEW: Final = Veto("birth_date_conflict", Cap.REVIEW)
_GENERATION: Final = Veto("generation_apart", Cap.REVIEW, -4.0)
"""A father and a son of one name: weights by field cannot tell that one mistake makes a parent's age."""
_BIRTH_DATE: Final = Veto("birth_date_and_name_conflict", Cap.APART)
_NATIONAL_ID: Final = Veto("national_id_conflict", Cap.REVIEW)
_NO_NAME: Final = Veto("no_name", Cap.REVIEW)
_LITTLE: Final = Veto("little_evidence", Cap.REVIEW)
_SAME_AUTHORITY: Final = Veto("two_numbers_of_one_authority", Cap.REVIEW)


def vetoes(
    one: Features, other: Features, levels: tuple[int, ...], *, is_one_authority: bool = False
) -> list[Veto]:
    """All vetoes on a pair, in no order.

    `is_one_authority`: an authority gave the two different numbers, and so holds them for two people.
    It may be wrong, but then it is the one to say so (HL7 v2 A40).
    """
    found: list[Veto] = []
    birth, sex, number = levels[BIRTH_DATE], levels[SEX], levels[NATIONAL_ID]
    family, given = family_level(levels[NAME]), given_level(levels[NAME])
    is_proved = number == 3
    is_whole = _is_all_else(levels)
    if _other_generation(one, other):
        found.append(_SUFFIX_REVIEW if is_proved or birth == 4 else _SUFFIX)
    if one.birth_order and other.birth_order and one.birth_order != other.birth_order:
        found.append(_BIRTH_ORDER_REVIEW if is_proved else _BIRTH_ORDER)
    if given == 1 and birth >= 3 and family != 1:
        if ((one.is_multiple or other.is_multiple) and not is_proved) or _follow_each_other(
            one, other
        ):
            found.append(_TWINS)
        elif number in {1, 2} or (not number and levels[MIDDLE] < 2):
            found.append(_POSSIBLE_TWINS)
    if levels[MIDDLE] == 1 and birth >= 3 and not is_proved:
        # Twins with one first name: Anna Maria and Anna Sofia. Nothing else tells them apart, so that not even
        # a wrong initial is taken for a slip.
        found.append(_MIDDLE)
    if one.is_newborn or other.is_newborn:
        both = one.is_newborn and other.is_newborn
        share_mother = bool(set(one.mothers) & set(other.mothers))
        found.append(_NEWBORNS if both and not (is_proved or share_mother) else _NEWBORN)
    if sex == 1 and not is_whole and not (birth == 4 and given == 5 and family >= 2):
        found.append(_SEX if given == 1 and not is_proved else _SEX_REVIEW)
    if birth == 1 and not is_proved and _is_generation_apart(one, other):
        found.append(_GENERATION)
    if birth == 1:
        found.append(_BIRTH_DATE if given == 1 and not is_proved else _BIRTH_DATE_REVIEW)
    if number == 1 and not is_whole and not _outweighs_number(levels):
        found.append(_NATIONAL_ID)
    if not family and not given and not is_proved:
        found.append(_NO_NAME)
    elif not (is_proved or _is_enough(one, other, levels)):
        found.append(_LITTLE)
    if is_one_authority and not is_proved:
        found.append(_SAME_AUTHORITY)
    return found


def _is_all_else(levels: tuple[int, ...]) -> bool:
    """Name, birth date, and address or telephone agree: another sex or number is a mistake.

    Desks enter the number of whoever is insured; two people never share all of these.
    """
    return (
        (levels[NAME] == SWAPPED or levels[NAME] in {joint_name(2, 5), joint_name(3, 5)})
        and levels[BIRTH_DATE] == 4
        and levels[MIDDLE] != 1
        and (levels[ADDRESS] == 3 or levels[CONTACT] == 2)
    )


def _outweighs_number(levels: tuple[int, ...]) -> bool:
    """First name, birth date, and home agree, and no other name: the number is the mistake, no twin's."""
    is_place = levels[PLACE] == 5 and levels[BIRTH_DATE] == 4 and family_level(levels[NAME]) >= 2
    return (
        (given_level(levels[NAME]) in {4, 5} or levels[NAME] == SWAPPED)
        and (
            levels[BIRTH_DATE] == 4 or (levels[BIRTH_DATE] >= 2 and family_level(levels[NAME]) >= 2)
        )
        and levels[MIDDLE] != 1
        and (levels[ADDRESS] >= 2 or levels[CONTACT] == 2 or is_place)
    )


def _is_enough(one: Features, other: Features, levels: tuple[int, ...]) -> bool:
    """Both names and one fact besides are told; or less of the name, and facts that agree for sure."""
    family, given = family_level(levels[NAME]), given_level(levels[NAME])
    parts = bool(family) + bool(given) + (levels[MIDDLE] >= 2)
    is_home = levels[ADDRESS] >= 2 or levels[CONTACT] == 2
    if family and given:
        # A number that is nearly the same says enough of one name only: neighbours have such numbers, too.
        is_near = levels[NATIONAL_ID] == 2 and family == 3 and given in {4, 5}
        return bool(levels[BIRTH_DATE] or levels[NATIONAL_ID] == 3 or is_near or is_home)
    if parts >= 2 and (levels[BIRTH_DATE] == 4 or levels[NATIONAL_ID] == 3 or is_home):
        return True
    if given in {4, 5}:
        return levels[BIRTH_DATE] >= 3 and (is_home or levels[NATIONAL_ID] >= 2)
    # A family name and no first one may be a twin's, unless the number is nearly the same, and no neighbour.
    is_number = levels[NATIONAL_ID] >= 2 and not _follow_each_other(one, other)
    return family >= 2 and not given and levels[BIRTH_DATE] == 4 and is_home and is_number


def _follow_each_other(one: Features, other: Features) -> bool:
    """They have national numbers of one scheme that were given one after the other, as twins have."""
    return any(
        first.value != second.value and abs(int(first.value) - int(second.value)) <= _TWIN_NUMBERS
        for first in one.national_ids
        for second in other.national_ids
        if first.system == second.system and first.value.isdigit() and second.value.isdigit()
    )


def _is_generation_apart(one: Features, other: Features) -> bool:
    if one.birth_date is None or other.birth_date is None:
        return False
    return _YOUNGEST <= abs(one.birth_date.year - other.birth_date.year) <= _OLDEST


def _other_generation(one: Features, other: Features) -> bool:
    ones = {name.generation for name in one.names} - {0}
    others = {name.generation for name in other.names} - {0}
    return bool(ones and others and not ones & others)
