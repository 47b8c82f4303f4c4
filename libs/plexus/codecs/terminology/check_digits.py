"""Check digits: codes that tell of themselves whether they were copied right.

LOINC numbers end in a Mod 10 check digit (LOINC Users' Guide, appendix C), SNOMED CT identifiers in
a Verhoeff one (SNOMED CT Release File Specification, 6.3).
"""

import re
from functools import lru_cache

__all__ = ["has_loinc_check_digit", "has_snomed_check_digit", "loinc_check_digit"]

_LOINC = re.compile(r"([0-9]{1,7})-([0-9])", re.ASCII)
_LOINC_PART = re.compile(r"(?:LA|LP|LL|LG|MTHU)[0-9]+-[0-9]", re.ASCII)
_SNOMED = re.compile(r"[1-9][0-9]{5,17}", re.ASCII)

_PERMUTED = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def loinc_check_digit(number: str) -> str:
    """The check digit of the number before the hyphen: "2345" has "7".

    Digits in even places count double, from the right, carried digits added (Mod 10).
    """
    doubled = str(int(number[::-1][::2]) * 2)
    total = sum(map(int, doubled)) + sum(map(int, number[::-1][1::2]))
    return str(-total % 10)


@lru_cache(maxsize=4096)
def has_loinc_check_digit(code: str) -> bool:
    """True for a LOINC number with its check digit, and for parts and answers (LP, LA, LL, LG).

    Those are not held to a digit: not all releases gave them the same one.
    """
    found = _LOINC.fullmatch(code)
    if found is None:
        return _LOINC_PART.fullmatch(code) is not None
    return loinc_check_digit(found[1]) == found[2]


@lru_cache(maxsize=4096)
def has_snomed_check_digit(code: str) -> bool:
    """True for a SNOMED CT identifier with its check digit."""
    if _SNOMED.fullmatch(code) is None:
        return False
    check = 0
    for at, digit in enumerate(map(int, reversed(code))):
        check = _dihedral(check, _PERMUTED[at % 8][digit])
    return check == 0


def _dihedral(first: int, second: int) -> int:
    """The product in the dihedral group of the pentagon, which Verhoeff's scheme is built on."""
    if first < 5:
        rest = (first + second) % 5
        return rest if second < 5 else rest + 5
    rest = (first - second) % 5
    return rest + 5 if second < 5 else rest
