"""What codes mean: code systems and their names, the HL7 tables, units, check digits.

Content that may be shipped is data here; LOINC, SNOMED CT, RxNorm and ICD are loaded by their users
into an index (`releases`, `index`).
"""

import hashlib
from functools import cache

from plexus.codecs.terminology import hl7_tables, unit_aliases
from plexus.codecs.terminology.check_digits import (
    has_loinc_check_digit,
    has_snomed_check_digit,
    loinc_check_digit,
)
from plexus.codecs.terminology.hl7_tables import (
    CodeSystem,
    TableCode,
    code_system,
    display,
    is_known,
    table,
)
from plexus.codecs.terminology.systems import (
    ICD10CM,
    LOINC,
    NAMES,
    OIDS,
    RXNORM,
    SNOMED,
    THO,
    UCUM,
    system_of_name,
)
from plexus.codecs.terminology.ucum import is_ucum
from plexus.codecs.terminology.units import NormalUnit, normalise

__all__ = [
    "ICD10CM",
    "LOINC",
    "NAMES",
    "OIDS",
    "RXNORM",
    "SNOMED",
    "THO",
    "UCUM",
    "CodeSystem",
    "NormalUnit",
    "TableCode",
    "code_system",
    "display",
    "has_loinc_check_digit",
    "has_snomed_check_digit",
    "is_known",
    "is_ucum",
    "loinc_check_digit",
    "normalise",
    "system_of_name",
    "table",
    "terminology_version",
]


@cache
def terminology_version() -> str:
    """Content hash over what is held here, 16 hexadecimal digits: events depend on it."""
    digest = hashlib.sha256(hl7_tables.content())
    for words in (NAMES, unit_aliases.ALIASES, unit_aliases.FOLDED, unit_aliases.COUNTS):
        digest.update(repr(sorted(words.items())).encode())
    for words in (unit_aliases.MEASURES, unit_aliases.DIVISORS):
        digest.update(repr(sorted(words.items())).encode())
    return digest.hexdigest()[:16]
