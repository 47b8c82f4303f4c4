"""Whether a code can be of the system that it names.

Code systems that the definitions know completely are looked up; of LOINC and SNOMED CT the check
digit tells, of UCUM the grammar. Of any other system every code passes.
"""

import functools
from typing import Final

from plexus.codecs.fhir.definitions import code_system
from plexus.codecs.terminology import has_loinc_check_digit, has_snomed_check_digit, is_ucum

__all__ = ["is_code_of"]

_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_UCUM: Final = "http://unitsofmeasure.org"


@functools.lru_cache(maxsize=16_384)
def is_code_of(system: str, code: str) -> bool:
    """False where the system is known and the code is not of it."""
    if system == _UCUM:
        return is_ucum(code)
    if system == _LOINC:
        return has_loinc_check_digit(code)
    if system == _SNOMED:
        # A post-coordinated expression is more than an identifier.
        return has_snomed_check_digit(code) or not code.isalnum()
    known = code_system(system)
    return known is None or code in known
