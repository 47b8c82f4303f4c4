"""Names and URIs of code systems: the one place that knows them.

HL7 v2 names a code system by a code of table 0396 (`LN`), senders by spellings of it, OIDs name some;
FHIR wants the registered URI. Local names (`L`, `99LAB`) are not here: they mean something at their
sender only.
"""

import re
from functools import lru_cache

__all__ = [
    "CPT",
    "CVX",
    "ICD10CM",
    "LOINC",
    "NAMES",
    "OIDS",
    "RXNORM",
    "SNOMED",
    "THO",
    "UCUM",
    "system_of_name",
]

THO = "http://terminology.hl7.org/CodeSystem/"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
_ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
_ICD9CM = "http://hl7.org/fhir/sid/icd-9-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
_NDC = "http://hl7.org/fhir/sid/ndc"
CPT = "http://www.ama-assn.org/go/cpt"
UCUM = "http://unitsofmeasure.org"
_CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
_LANGUAGES = "urn:ietf:bcp:47"

NAMES = {
    "LN": LOINC,
    "LOINC": LOINC,
    "SCT": SNOMED,
    "SCT2": SNOMED,
    "SNM": SNOMED,
    "SNOMED": SNOMED,
    "SNOMEDCT": SNOMED,
    "SNOMED-CT": SNOMED,
    "I10": ICD10,
    "ICD10": ICD10,
    "ICD-10": ICD10,
    "I10C": ICD10CM,
    "ICD10CM": ICD10CM,
    "ICD-10-CM": ICD10CM,
    "I10P": _ICD10PCS,
    "ICD10PCS": _ICD10PCS,
    "ICD-10-PCS": _ICD10PCS,
    "I9": _ICD9CM,
    "I9C": _ICD9CM,
    "I9CDX": _ICD9CM,
    "I9CP": _ICD9CM,
    "ICD9": _ICD9CM,
    "ICD9CM": _ICD9CM,
    "ICD-9-CM": _ICD9CM,
    "RXNORM": RXNORM,
    "CVX": CVX,
    "MVX": "http://hl7.org/fhir/sid/mvx",
    "NDC": _NDC,
    "C4": CPT,
    "CPT": CPT,
    "CPT4": CPT,
    "CPT-4": CPT,
    "UCUM": UCUM,
    "CDCREC": _CDC_RACE,
    "FDAUNII": "http://fdasis.nlm.nih.gov",
    "NDFRT": "http://hl7.org/fhir/ndfrt",
    "HCPT": "http://nucc.org/provider-taxonomy",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "MDC": "urn:iso:std:iso:11073:10101",
    "WC": "http://www.whocc.no/atc",
    "ISO3166_1": "urn:iso:std:iso:3166",
    "ISO639": _LANGUAGES,
    "ISO6392": _LANGUAGES,
    "ACTCODE": f"{THO}v3-ActCode",
    "ROLECODE": f"{THO}v3-RoleCode",
    "NULLFL": f"{THO}v3-NullFlavor",
    "DAR": f"{THO}data-absent-reason",
}
"""URI by name of HL7 table 0396, or by a spelling that senders use for one. Upper case."""

OIDS = {
    "2.16.840.1.113883.6.1": LOINC,
    "2.16.840.1.113883.6.96": SNOMED,
    "2.16.840.1.113883.6.3": ICD10,
    "2.16.840.1.113883.6.90": ICD10CM,
    "2.16.840.1.113883.6.103": _ICD9CM,
    "2.16.840.1.113883.6.88": RXNORM,
    "2.16.840.1.113883.12.292": CVX,
    "2.16.840.1.113883.6.69": _NDC,
    "2.16.840.1.113883.6.12": CPT,
    "2.16.840.1.113883.6.8": UCUM,
    "2.16.840.1.113883.5.4": f"{THO}v3-ActCode",
    "2.16.840.1.113883.5.111": f"{THO}v3-RoleCode",
    "2.16.840.1.113883.5.1008": f"{THO}v3-NullFlavor",
    "2.16.840.1.113883.4.1": "http://hl7.org/fhir/sid/us-ssn",
    "2.16.840.1.113883.4.6": "http://hl7.org/fhir/sid/us-npi",
}
"""URI by OID. FHIR R4 4.3.0: a system that has a URL is named by it, not by its OID."""

_HL7_TABLE = re.compile(r"HL7-?([0-9]{1,4})")


@lru_cache(maxsize=1024)
def system_of_name(name: str) -> str:
    """URI of a system that a sender names as table 0396 does, or as "HL70001"; empty for any other."""
    upper = name.strip().upper()
    if known := NAMES.get(upper):
        return known
    number = _HL7_TABLE.fullmatch(upper)
    return f"{THO}v2-{number[1]:0>4}" if number else ""
