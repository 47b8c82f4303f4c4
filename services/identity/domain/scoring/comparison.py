"""Compares two source records, field by field. Neighbours: `levels`, what comes out; `model`, its weight.

Symmetric: which record comes first does not matter.
"""

import functools
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from services.identity.domain.normalisation import (
    BirthDate,
    Features,
    PersonName,
    PostalAddress,
    roots,
    sound,
)
from services.identity.domain.scoring.levels import SWAPPED, SWAPPED_CLOSE, joint_name

__all__ = ["Comparison", "compare"]

_ALIKE: Final = 0.9
_SOUNDS_ALIKE: Final = 0.8
_STREETS_ALIKE: Final = 0.9
_LEAST_OVERLAP: Final = 3
_LONG_NUMBER: Final = 7
"""Of so many digits two may be mistyped: that two people's numbers are as near happens once in thousands."""
_LEAST_PREFIX: Final = 5
_LEAST_SHORT: Final = 3
"""Dom is Dominick, cut off or called so."""
# How much each level of family and given name says for one pair of names, to choose the best pair.
_FAMILY_RANK: Final = (0.0, -1.0, 2.0, 3.0)
_GIVEN_RANK: Final = (0.0, -1.0, 1.0, 2.0, 2.5, 3.0)
_SWAPPED_RANK: Final = 4.5
_ADDRESS_RANK: Final = (0, 0, 4, 8)
_PLACE_RANK: Final = (0, 0, 1, 1, 2, 3)


class Comparison(NamedTuple):
    """How far two records agree.

    Attributes:
        levels: one for each of `levels.FIELDS`.
        family: the family name that both have exactly, for its frequency; empty where they do not.
        given: the same of the first given name.
    """

    levels: tuple[int, ...]
    family: str = ""
    given: str = ""


def compare(one: Features, other: Features) -> Comparison:
    """Compare all fields."""
    name, first, second = _names(one.names, other.names)
    address, place = _addresses(one.addresses, other.addresses)
    family = given = ""
    if first is not None and second is not None and name < SWAPPED:
        family = first.whole_family if name // 6 == 3 else ""
        given = first.first if name % 6 == 5 else ""
    return Comparison(
        (
            name,
            _middle(first, second),
            _birth_dates(one.birth_date, other.birth_date),
            0 if not one.sex or not other.sex else 1 + (one.sex == other.sex),
            _national_ids(one, other),
            address,
            place,
            _contacts(one, other),
        ),
        family,
        given,
    )


def _names(
    ones: tuple[PersonName, ...], others: tuple[PersonName, ...]
) -> tuple[int, PersonName | None, PersonName | None]:
    """The level of the pair of names that agrees best, and the pair."""
    best: tuple[float, int, PersonName | None, PersonName | None] = (-9.0, 0, None, None)
    for one in ones:
        for other in others:
            if one[:2] == other[:2] and one.family and one.first:
                return joint_name(3, 5), one, other
            rank, level = _name(one, other)
            if rank > best[0]:
                best = rank, level, one, other
    return best[1:]


def _name(one: PersonName, other: PersonName) -> tuple[float, int]:
    family = _family(one, other)
    given = _given(one, other)
    rank = _FAMILY_RANK[family] + _GIVEN_RANK[given]
    if rank < _SWAPPED_RANK and one.first and other.first and one.family and other.family:
        if one.first == other.whole_family and other.first == one.whole_family:
            return _SWAPPED_RANK, SWAPPED
        if _are_alike(one.first, other.whole_family) and _are_alike(other.first, one.whole_family):
            return _SWAPPED_RANK - 1, SWAPPED_CLOSE if rank < _SWAPPED_RANK - 1 else 0
    return rank, joint_name(family, given)


def _family(one: PersonName, other: PersonName) -> int:
    if not one.family or not other.family:
        return 0
    first, second = one.whole_family, other.whole_family
    if first == second:
        return 3
    if len(first) == 1 or len(second) == 1:
        # An initial, or a letter that stands for a name that nobody knows.
        return 0
    if len(one.family) > 1 or len(other.family) > 1:
        shared = set(one.family) & set(other.family)
        if any(len(word) >= _LEAST_OVERLAP for word in shared):
            return 2
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) >= _LEAST_PREFIX and longer.startswith(shorter):
        return 2
    return 2 if _are_alike(first, second) else 1


def _given(one: PersonName, other: PersonName) -> int:
    first, second = one.first, other.first
    if not first or not second:
        return 0
    if first == second or "".join(one.given) == "".join(other.given):
        return 5
    if len(first) == 1 or len(second) == 1:
        return 2 if first[0] == second[0] else 1
    if roots(first) & roots(second):
        return 4
    if first in other.given or second in one.given:
        return 4
    return 3 if _is_called_alike(first, second) else 1


@functools.lru_cache(maxsize=32_768)
def _is_called_alike(first: str, second: str) -> bool:
    """Mistyped, cut off, or a mistyped nickname."""
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) >= _LEAST_SHORT and longer.startswith(shorter):
        return True
    if _are_alike(first, second):
        return True
    return any(
        _are_alike(root, word)
        for name, word in ((first, second), (second, first))
        for root in roots(name)
        if root != name
    )


def _middle(one: PersonName | None, other: PersonName | None) -> int:
    if one is None or other is None or not one.middle or not other.middle:
        return 0
    first, second = one.middle[0], other.middle[0]
    if first == second or set(one.middle) & set(other.middle):
        return 3
    if first[0] == second[0] and 1 in {len(first), len(second)}:
        return 2
    return 3 if roots(first) & roots(second) or _are_alike(first, second) else 1


def _are_alike(first: str, second: str) -> bool:
    """Mistyped or misheard."""
    least = min(len(first), len(second))
    if least < 3:
        return False
    # One edit in four letters leaves more than this, so below it nothing else needs a look.
    likeness = JaroWinkler.similarity(first, second, score_cutoff=_SOUNDS_ALIKE)
    if likeness < _SOUNDS_ALIKE:
        return False
    if likeness >= _ALIKE:
        return True
    if least >= 4 and OSA.distance(first, second, score_cutoff=1) <= 1:
        return True
    return sound(first) == sound(second)


def _birth_dates(one: BirthDate | None, other: BirthDate | None) -> int:
    if one is None or other is None:
        return 0
    if one == other:
        return 2 if one.is_estimated else 4
    if one.is_estimated or other.is_estimated or not (one.is_whole and other.is_whole):
        if one.year != other.year:
            return 1
        return 2 if one.is_estimated or other.is_estimated or one.month == other.month else 1
    if one.year == other.year and (one.month, one.day) == (other.day, other.month):
        return 3
    same = (one.year == other.year) + (one.month == other.month) + (one.day == other.day)
    if not same:
        return 1
    edits = OSA.distance(_eight_digits(one), _eight_digits(other), score_cutoff=2)
    if edits <= 1:
        return 3
    return 2 if same == 2 or edits == 2 else 1


@functools.lru_cache(maxsize=65_536)
def _eight_digits(date: BirthDate) -> str:
    return f"{date.year:04d}{date.month:02d}{date.day:02d}"


def _national_ids(one: Features, other: Features) -> int:
    best = 0
    for system, value in one.national_ids:
        for other_system, other_value in other.national_ids:
            if system == other_system:
                if value == other_value:
                    return 3
                most = 2 if min(len(value), len(other_value)) >= _LONG_NUMBER else 1
                near = OSA.distance(value, other_value, score_cutoff=most) <= most
                best = max(best, 2 if near else 1)
    return best


def _addresses(
    ones: tuple[PostalAddress, ...], others: tuple[PostalAddress, ...]
) -> tuple[int, int]:
    """The levels of street and of place, of the pair of addresses that agrees best."""
    best, levels = -1, (0, 0)
    for one in ones:
        for other in others:
            street, place = _street(one, other), _place(one, other)
            rank = _ADDRESS_RANK[street] + _PLACE_RANK[place]
            if rank > best:
                best, levels = rank, (street, place)
    return levels


def _street(one: PostalAddress, other: PostalAddress) -> int:
    if not one.street or not other.street:
        return 0
    if one.street == other.street:
        likeness = 1.0
    else:
        likeness = JaroWinkler.similarity(one.street, other.street, score_cutoff=_SOUNDS_ALIKE)
    alike = likeness >= _STREETS_ALIKE
    if one.number == other.number:
        return 3 if alike else 2 if one.number and likeness >= _SOUNDS_ALIKE else 1
    return 2 if alike else 1


def _place(one: PostalAddress, other: PostalAddress) -> int:
    has_city = bool(one.city and other.city)
    has_code = bool(one.postal_code and other.postal_code)
    if not has_city and not has_code:
        return 0
    city = has_city and (one.city == other.city or _are_alike(one.city, other.city))
    if has_code:
        if one.postal_code == other.postal_code:
            return 5 if city else 4
        if OSA.distance(one.postal_code, other.postal_code, score_cutoff=1) <= 1:
            return 3
    return 2 if city else 1


def _contacts(one: Features, other: Features) -> int:
    """A shared number is evidence; that two people have other numbers is little, but it is some."""
    phones = bool(one.phones and other.phones)
    emails = bool(one.emails and other.emails)
    if not phones and not emails:
        return 0
    if phones and any(_is_same_phone(a, b) for a in one.phones for b in other.phones):
        return 2
    return 2 if emails and set(one.emails) & set(other.emails) else 1


def _is_same_phone(one: str, other: str) -> bool:
    """Equal, or one is told without its area code."""
    return one == other or (
        min(len(one), len(other)) >= 7 and (one.endswith(other) or other.endswith(one))
    )
