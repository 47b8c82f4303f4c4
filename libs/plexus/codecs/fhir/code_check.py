"""Whether a code can be of the system that it names.

Code systems that the definitions know completely are looked up; of LOINC and SNOMED CT the check
digit tells, of UCUM the grammar. Of any other system every code passes.
"""

import functools
import re
from typing import Final

from plexus.codecs.fhir.definitions import code_system
from plexus.codecs.fhir.ucum import is_unit

__all__ = ["has_loinc_check_digit", "has_sctid_check_digit", "is_code_of"]

_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_UCUM: Final = "http://unitsofmeasure.org"
_LOINC_CODE: Final = re.compile(r"([0-9]{1,7})-([0-9])")
_LOINC_PART: Final = re.compile(r"(LP|LA|LL|LG|MTHU)[0-9]+(-[0-9])?")
_SCTID: Final = re.compile(r"[1-9][0-9]{5,17}")
# Verhoeff's check digit: products in the dihedral group of ten elements, and the permutation.
_PRODUCT: Final = [
    [(a + b) % 5 if a < 5 and b < 5 else (a + b - 5) % 5 + 5 if a < 5 else (a - b) % 5 + 5 if b < 5 else (a - b) % 5
     for b in range(10)]
    for a in range(10)
]  # fmt: skip
_PERMUTED: Final = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


@functools.lru_cache(maxsize=16_384)
def is_code_of(system: str, code: str) -> bool:
    """False where the system is known and the code is not of it."""
    if system == _UCUM:
        return is_unit(code)
    if system == _LOINC:
        return has_loinc_check_digit(code)
    if system == _SNOMED:
        # A post-coordinated expression is more than an identifier.
        return has_sctid_check_digit(code) or not code.isalnum()
    known = code_system(system)
    return known is None or code in known


def has_loinc_check_digit(code: str) -> bool:
    """Whether a text can be a LOINC number (mod 10, LOINC Users' Guide, appendix C), or a part."""
    match = _LOINC_CODE.fullmatch(code)
    if match is None:
        return _LOINC_PART.fullmatch(code) is not None
    total = 0
    for place, digit in enumerate(reversed(match[1])):
        doubled = int(digit) * (2 - place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10 == int(match[2])


def has_sctid_check_digit(code: str) -> bool:
    """Whether a text can be a SNOMED CT identifier (Verhoeff's scheme)."""
    if not _SCTID.fullmatch(code):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        permuted = int(digit)
        for _ in range(place % 8):
            permuted = _PERMUTED[permuted]
        check = _PRODUCT[check][permuted]
    return check == 0
