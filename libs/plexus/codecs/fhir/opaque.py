"""What the canonical model has no message for, carried unharmed.

A FHIR resource goes out as itself, with its address, server metadata and references replaced:
`Patient/123` of the sender may be somebody else at the receiver. Anything else becomes a Basic
whose content is an attachment, byte for byte.
"""

import json
import re
from decimal import Decimal

from plexus.api.canonical.v1.datatypes_pb2 import Attachment
from plexus.api.canonical.v1.resources_pb2 import Opaque
from plexus.codecs.fhir.datatypes import attachment
from plexus.codecs.fhir.elements import ABSENT_CONCEPT, Json, filled, text
from plexus.codecs.fhir.quantities import number
from plexus.codecs.fhir.references import Links
from plexus.codecs.fhir.validation import findings

__all__ = ["CONTENT_URL", "REFERENCE_SYSTEM", "SUBJECTS", "basic", "original", "readdressed"]

CONTENT_URL = "urn:plexus:extension:content"
REFERENCE_SYSTEM = "urn:plexus:source-reference"
_DEPTH_LIMIT = 64
_SERVER_META = frozenset({"versionId", "lastUpdated", "source"})

# R4 types with a repeating `identifier` (conditional updates need one) that the model has no
# message for. Patient is not among them: the golden person is the one Patient that leaves.
_TYPES_NAMES = """
Account AppointmentResponse BodyStructure CarePlan CareTeam ChargeItem Claim ClaimResponse
ClinicalImpression Communication CommunicationRequest Consent Contract
CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceRequest
DeviceUseStatement DocumentManifest Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare
ExplanationOfBenefit FamilyMemberHistory Flag Goal Group GuidanceResponse HealthcareService
ImagingStudy ImmunizationEvaluation ImmunizationRecommendation InsurancePlan Invoice List
MeasureReport Media Medication MedicationDispense MedicationStatement MolecularSequence
NutritionOrder OrganizationAffiliation PaymentNotice PaymentReconciliation PractitionerRole
RequestGroup ResearchStudy ResearchSubject RiskAssessment Schedule Slot Substance SupplyDelivery
SupplyRequest Task VisionPrescription
"""
_TYPES = frozenset(_TYPES_NAMES.split())
_TARGET = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/[^/]+(?:/_history/[^/]+)?$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST_INTEGER = 2**63 - 1
SUBJECTS = frozenset({"subject", "patient", "beneficiary", "for", "individual"})


def original(source: Opaque) -> Json | None:
    """The content as a valid FHIR resource of a type that can stand for itself, else None."""
    if source.content_type.partition(";")[0].strip().lower() != "application/fhir+json":
        return None
    try:
        read = json.loads(source.content, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict) or read.get("resourceType") not in _TYPES:
        return None
    return read if _is_sound(read, _DEPTH_LIMIT) and not findings(read) else None


def _refuse(_constant: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")


def _is_sound(value: object, levels: int) -> bool:
    """True where `value` can be written again: not nested beyond reason, no lone surrogates."""
    if isinstance(value, dict):
        members = (*value, *value.values())
        return levels > 0 and all(_is_sound(each, levels - 1) for each in members)
    if isinstance(value, list):
        return levels > 0 and all(_is_sound(each, levels - 1) for each in value)
    return not isinstance(value, str) or _SURROGATE.search(value) is None


def readdressed(read: Json, links: Links) -> Json:
    """The members of a FHIR resource as they may leave, without `resourceType`.

    `id` and `meta.versionId`, `lastUpdated` and `source` are the receiver's to give. References
    within (`#x`) stay, the patient's becomes ours, all others turn logical.
    """
    made = {
        name: value
        for name, each in read.items()
        if name not in {"resourceType", "id"} and _holds(value := _rewritten(each, links, name))
    }
    if isinstance(meta := made.pop("meta", None), dict):
        kept = {name: each for name, each in meta.items() if name not in _SERVER_META}
        if kept:
            made["meta"] = kept
    return made


def _holds(value: object) -> bool:
    return bool(value) or value == 0


def _rewritten(value: object, links: Links, member: str) -> object:
    if isinstance(value, dict):
        if isinstance(reference := value.get("reference"), str) and not reference.startswith("#"):
            return _reference(value, reference, links, member)
        return {
            name: made
            for name, each in value.items()
            if _holds(made := _rewritten(each, links, name))
        }
    if isinstance(value, list):
        # A null keeps its place: it stands for a primitive whose extensions lie in `_member`.
        rewritten = (_rewritten(each, links, member) for each in value)
        return [made for made in rewritten if made is None or _holds(made)]
    if isinstance(value, Decimal):
        return number(str(value))
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return number(str(value))
    return value


def _reference(value: Json, reference: str, links: Links, member: str) -> Json:
    match = _TARGET.search(reference)
    target = match[1] if match else ""
    if target == "Patient" and member in SUBJECTS:
        return links.subject()
    named = _rewritten(value.get("identifier"), links, "identifier")
    return filled(
        {
            "type": target,
            "identifier": named or {"system": REFERENCE_SYSTEM, "value": reference},
            "display": value.get("display"),
        }
    )


def basic(source: Opaque, links: Links) -> Json:
    """R4 Basic that holds the content."""
    kind = text(source.type)
    content = attachment(Attachment(content_type=source.content_type, data=source.content))
    return {
        "extension": [{"url": CONTENT_URL, "valueAttachment": content}] if content else None,
        "code": {"text": kind} if kind else ABSENT_CONCEPT,
        "subject": links.subject(),
    }
