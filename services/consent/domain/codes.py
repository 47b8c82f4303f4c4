"""Names that are compared: code systems, codes, references and security labels, each in one form.

Codes are written `system|code`. Systems have aliases (an OID, an old address, a trailing slash, the
short prefixes below); a reference may carry a version. What is compared is normalised first, on
both sides, so that a spelling never decides.
"""

import functools
from typing import Final

from plexus.codecs.fhir.definitions import code_system
from plexus.codecs.terminology.systems import NAMES, OIDS, THO

__all__ = [
    "ACT_CODE",
    "ACT_REASON",
    "CONFIDENTIALITY",
    "CONSENT_ACTION",
    "LEVELS",
    "NORMAL",
    "RESOURCE_TYPES",
    "UNKNOWN_LEVEL",
    "known_types",
    "labels_below",
    "local_reference",
    "reference",
    "system_uri",
    "token",
]

CONFIDENTIALITY: Final = f"{THO}v3-Confidentiality"
ACT_CODE: Final = f"{THO}v3-ActCode"
ACT_REASON: Final = f"{THO}v3-ActReason"
CONSENT_ACTION: Final = f"{THO}consentaction"
RESOURCE_TYPES: Final = "http://hl7.org/fhir/resource-types"

LEVELS: Final = {"U": 0, "L": 1, "M": 2, "N": 3, "R": 4, "V": 5}
"""Confidentiality in its order, the least first (HL7 v3-Confidentiality)."""

NORMAL: Final = LEVELS["N"]
UNKNOWN_LEVEL: Final = 6
"""Of a confidentiality that nobody knows: above all, so every deny reaches it and no permit does."""

_PREFIXES: Final = {
    "conf": CONFIDENTIALITY,
    "act": ACT_CODE,
    "rt": RESOURCE_TYPES,
    "action": CONSENT_ACTION,
    "purpose": ACT_REASON,
}
_OIDS: Final = OIDS | {
    "2.16.840.1.113883.5.25": CONFIDENTIALITY,
    "2.16.840.1.113883.5.8": ACT_REASON,
}
_SECURE_TWINS: Final = ("terminology.hl7.org/", "hl7.org/", "loinc.org", "snomed.info/")
_V3_ONCE: Final = "http://hl7.org/fhir/v3/"

# Types that R5 has and R4 has not: a directive in R5's shape may name them.
_R5_TYPES_NAMES: Final = """
ActorDefinition AdministrableProductDefinition ArtifactAssessment
BiologicallyDerivedProductDispense Citation ClinicalUseDefinition ConditionDefinition
DeviceAssociation DeviceDispense DeviceUsage EncounterHistory EvidenceReport FormularyItem
GenomicStudy ImagingSelection Ingredient InventoryItem InventoryReport
ManufacturedItemDefinition NutritionIntake NutritionProduct PackagedProductDefinition
Permission RegulatedAuthorization RequestOrchestration Requirements SubscriptionStatus
SubscriptionTopic SubstanceDefinition TestPlan Transport
"""
_R5_TYPES: Final = frozenset(_R5_TYPES_NAMES.split())
_ABSTRACT_TYPES: Final = frozenset({"Resource", "DomainResource"})

# HL7 v3-ActCode, InformationSensitivityPolicy: which labels stand below which.
_BELOW: Final = {
    "SPI": ("BH",),
    "BH": ("COGN", "DVD", "EMOTDIS", "MH", "PSY", "PSYTHPN", "SUD"),
    "SUD": ("ETHUD", "OPIOIDUD"),
}


@functools.lru_cache(maxsize=4096)
def system_uri(name: str) -> str:
    """The one URI of a code system; what is not known by another name stays as it is."""
    name = name.strip().rstrip("/")
    if name in _PREFIXES:
        return _PREFIXES[name]
    oid = name.removeprefix("urn:oid:")
    if oid in _OIDS:
        return _OIDS[oid]
    if name.startswith("https://") and name[8:].startswith(_SECURE_TWINS):
        name = f"http://{name[8:]}"
    if name.startswith(_V3_ONCE):
        return f"{THO}v3-{name.removeprefix(_V3_ONCE)}"
    if name == "http://hl7.org/fhir/consentaction":
        return CONSENT_ACTION
    return NAMES.get(name.upper(), name)


@functools.lru_cache(maxsize=16_384)
def token(text: str, system: str = "") -> str:
    """`system|code` in its one form; a bare code belongs to `system`, or stays bare."""
    head, bar, code = text.partition("|")
    if bar:
        return f"{system_uri(head)}|{code.strip()}"
    return f"{system}|{text.strip()}" if system else text.strip()


@functools.lru_cache(maxsize=16_384)
def reference(text: str) -> str:
    """A reference without version and trailing slash; `system|value` where it is an identifier."""
    if "|" in text:
        return token(text)
    return text.strip().rstrip("/").partition("/_history/")[0]


def local_reference(text: str) -> str:
    """`Type/id` of an absolute reference, else the reference itself."""
    if "://" not in text or "|" in text:
        return text
    parts = text.split("/")
    return "/".join(parts[-2:]) if len(parts) > 4 else text


@functools.cache
def known_types() -> frozenset[str]:
    """Resource types of FHIR R4 and R5 that data can have."""
    return ((code_system(RESOURCE_TYPES) or frozenset()) | _R5_TYPES) - _ABSTRACT_TYPES


def labels_below(code: str) -> frozenset[str]:
    """A sensitivity code of v3-ActCode and all that stand below it."""
    found = {code}
    for below in _BELOW.get(code, ()):
        found |= labels_below(below)
    return frozenset(found)
