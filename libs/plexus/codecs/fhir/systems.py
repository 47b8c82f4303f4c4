"""URIs for code systems and for assigning authorities.

HL7 v2 names code systems by table 0396 (`LN`) and authorities by HD (name, universal id, type);
FHIR wants an absolute URI. What has a registered URI gets it; any other name becomes a URN of our
own, so that two names never fall together and none is lost. All functions are pure and cached:
a feed uses few names, many times.
"""

import re
from functools import lru_cache
from urllib.parse import quote

__all__ = [
    "IDENTIFIER_TYPES",
    "IDENTIFIER_TYPE_SYSTEM",
    "PERSON_SYSTEM",
    "RESOURCE_SYSTEM",
    "authority_uri",
    "system_uri",
]

PERSON_SYSTEM = "urn:plexus:person"
RESOURCE_SYSTEM = "urn:plexus:resource"
IDENTIFIER_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0203"

# HL7 table 0203 as HL7 Terminology (THO) 5.0.0 lists it; a type outside it is sent as text.
_IDENTIFIER_TYPES_NAMES = """
AC ACSN AIN AM AMA AN ANC AND ANON ANT APRN ASID BA BC BCFN BCT BR BRN BSNR CAAI CC CONM CY CZ
DC DCFN DDS DEA DFN DI DL DN DO DP DPM DR DS DSG EI EN ESN ETIN FDR FDRFN FGN FI FILL GI GIN GKV
GL GN HC IND IRISTEM JHN KZVA L&I LACSN LANR LI LN LR MA MB MC MCD MCN MCR MCT MD MI MR MRT MS
NBSNR NCT NE NH NI NII NIIH NIIP NP NPI OBI OD PA PAYERID PC PCN PE PEN PGN PHC PHE PHO PI PIN
PKV PLAC PN PNT PPIN PPN PRC PRN PT QA RI RN RPH RR RRI RRP SAMN SB SID SL SN SNBSN SNO SP SR
SRX SS STN TAX TN TPR TRL U UCID UDI UMB UPIN USID VN VP VS WC WCN WP XV XX ZANR
"""
IDENTIFIER_TYPES = frozenset(_IDENTIFIER_TYPES_NAMES.split())

_THO = "http://terminology.hl7.org/CodeSystem/"
_LOINC = "http://loinc.org"
_SNOMED = "http://snomed.info/sct"
_ICD10 = "http://hl7.org/fhir/sid/icd-10"
_ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
_ICD9CM = "http://hl7.org/fhir/sid/icd-9-cm"
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_CVX = "http://hl7.org/fhir/sid/cvx"
_NDC = "http://hl7.org/fhir/sid/ndc"
_CPT = "http://www.ama-assn.org/go/cpt"
_UCUM = "http://unitsofmeasure.org"

# Names of HL7 table 0396 and the spellings that senders use for them.
_NAMED = {
    "LN": _LOINC,
    "LOINC": _LOINC,
    "SCT": _SNOMED,
    "SCT2": _SNOMED,
    "SNOMED": _SNOMED,
    "SNOMEDCT": _SNOMED,
    "SNOMED-CT": _SNOMED,
    "I10": _ICD10,
    "ICD10": _ICD10,
    "ICD-10": _ICD10,
    "I10C": _ICD10CM,
    "ICD10CM": _ICD10CM,
    "ICD-10-CM": _ICD10CM,
    "I10P": "http://www.cms.gov/Medicare/Coding/ICD10",
    "I9C": _ICD9CM,
    "I9CDX": _ICD9CM,
    "I9CP": _ICD9CM,
    "ICD9CM": _ICD9CM,
    "ICD-9-CM": _ICD9CM,
    "RXNORM": _RXNORM,
    "CVX": _CVX,
    "MVX": "http://hl7.org/fhir/sid/mvx",
    "NDC": _NDC,
    "C4": _CPT,
    "CPT": _CPT,
    "CPT4": _CPT,
    "CPT-4": _CPT,
    "UCUM": _UCUM,
    "CDCREC": "urn:oid:2.16.840.1.113883.6.238",
    "FDAUNII": "http://fdasis.nlm.nih.gov",
    "NDFRT": "http://hl7.org/fhir/ndfrt",
    "HCPT": "http://nucc.org/provider-taxonomy",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "MDC": "urn:iso:std:iso:11073:10101",
    "WC": "http://www.whocc.no/atc",
    "ISO3166_1": "urn:iso:std:iso:3166",
    "ACTCODE": f"{_THO}v3-ActCode",
    "ROLECODE": f"{_THO}v3-RoleCode",
    "NULLFL": f"{_THO}v3-NullFlavor",
    "DAR": f"{_THO}data-absent-reason",
}

# FHIR R4 4.3.0: a system that has a URL is named by it, not by its OID.
_OIDS = {
    "2.16.840.1.113883.6.1": _LOINC,
    "2.16.840.1.113883.6.96": _SNOMED,
    "2.16.840.1.113883.6.3": _ICD10,
    "2.16.840.1.113883.6.90": _ICD10CM,
    "2.16.840.1.113883.6.103": _ICD9CM,
    "2.16.840.1.113883.6.88": _RXNORM,
    "2.16.840.1.113883.12.292": _CVX,
    "2.16.840.1.113883.6.69": _NDC,
    "2.16.840.1.113883.6.12": _CPT,
    "2.16.840.1.113883.6.8": _UCUM,
    "2.16.840.1.113883.5.4": f"{_THO}v3-ActCode",
    "2.16.840.1.113883.5.111": f"{_THO}v3-RoleCode",
    "2.16.840.1.113883.5.1008": f"{_THO}v3-NullFlavor",
    "2.16.840.1.113883.4.1": "http://hl7.org/fhir/sid/us-ssn",
    "2.16.840.1.113883.4.6": "http://hl7.org/fhir/sid/us-npi",
}

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HL7_TABLE = re.compile(r"HL7-?([0-9]{1,4})")
_LOCAL = frozenset({"", "L", "LOCAL"})


@lru_cache(maxsize=4096)
def system_uri(system: str, name: str = "") -> str:
    """URI of a code system given as a URI, as a bare OID or by its name; "" for plain "local"."""
    system = system.strip()
    if _ABSOLUTE.fullmatch(system):
        return _OIDS.get(system.removeprefix("urn:oid:"), system)
    if _OID.fullmatch(system):
        return _OIDS.get(system, f"urn:oid:{system}")
    short = (system or name).strip()
    upper = short.upper()
    if upper in _LOCAL:
        return ""
    if known := _NAMED.get(upper):
        return known
    if table := _HL7_TABLE.fullmatch(upper):
        return f"{_THO}v2-{table[1]:0>4}"
    return f"urn:plexus:codesystem:{quote(short, safe='')}"


@lru_cache(maxsize=4096)
def authority_uri(namespace: str, universal_id: str, universal_id_type: str) -> str:
    """URI of an assigning authority (HL7 v2.5.1 2.A.36, HD), or "" where nothing names it.

    The universal id goes first, by its type; one that is not of its type, and a bare namespace,
    become `urn:plexus:authority:` with the name percent-encoded.
    """
    universal_id, namespace = universal_id.strip(), namespace.strip()
    kind = universal_id_type.strip().upper()
    lower = universal_id.lower()
    if kind in {"ISO", "OID", ""} and _OID.fullmatch(universal_id):
        return _OIDS.get(universal_id, f"urn:oid:{universal_id}")
    if kind in {"UUID", "GUID", ""} and _UUID.fullmatch(lower):
        return f"urn:uuid:{lower}"
    if kind in {"URI", "URL", "URN", "ISO", "OID", "UUID", ""} and _ABSOLUTE.fullmatch(
        universal_id
    ):
        return _OIDS.get(universal_id.removeprefix("urn:oid:"), universal_id)
    if kind == "DNS" and universal_id:
        return f"urn:plexus:dns:{quote(lower, safe='')}"
    name = namespace or universal_id
    return f"urn:plexus:authority:{quote(name, safe='')}" if name else ""
