"""AllergyIntolerance, Condition, Procedure, DocumentReference and CareTeam."""

from collections.abc import Mapping

from plexus.api.canonical.v1 import resources_pb2
from plexus.api.canonical.v1.datatypes_pb2 import Attachment
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.contact_points import telecoms
from plexus.codecs.fhir.datatypes import (
    attachment,
    concept,
    concepts,
    identifier,
    period,
)
from plexus.codecs.fhir.elements import (
    ABSENT,
    ABSENT_CONCEPT,
    Json,
    every,
    extension,
    filled,
    required,
    text,
)
from plexus.codecs.fhir.references import (
    ANYTHING,
    AUTHOR,
    ENCOUNTER,
    LOCATION,
    ORGANIZATION,
    PRACTITIONER,
    Links,
)
from plexus.codecs.fhir.results import period_or_time

__all__ = [
    "DUE_TO_URL",
    "RANK_URL",
    "allergy",
    "care_team",
    "condition",
    "document_reference",
    "procedure",
]

_THO = "http://terminology.hl7.org/CodeSystem"
RANK_URL = "urn:plexus:extension:diagnosis-rank"
_ASSERTER = PRACTITIONER | {"Patient", "RelatedPerson"}
_PROCEDURE_ACTOR = PRACTITIONER | ORGANIZATION | {"Patient", "RelatedPerson", "Device"}
_TEAM_MEMBER = PRACTITIONER | ORGANIZATION | {"Patient", "RelatedPerson", "CareTeam"}
_OVER = frozenset({"inactive", "remission", "resolved"})
DUE_TO_URL = "http://hl7.org/fhir/StructureDefinition/condition-dueTo"
_DOCUMENT_AUTHOR = AUTHOR | {"Device"}


def _status(system: str, value: str, allowed: Mapping[str, str], default: str = "") -> Json:
    code = coded(value, allowed, default)
    return {"coding": [{"system": f"{_THO}/{system}", "code": code}]} if code else {}


def allergy(source: resources_pb2.Allergy, links: Links) -> Json:
    """R4 AllergyIntolerance.

    Its clinical status is required unless it was entered in error, where it is forbidden (ait-1,
    ait-2); the v2-to-FHIR guide (AL1) has "active" where the source does not say.
    """
    verification = coded(source.verification_status, codes.ALLERGY_VERIFICATION)
    manifestations = concepts(source.reactions)
    severity = coded(source.severity, codes.REACTION_SEVERITY)
    category = coded(source.category, codes.ALLERGY_CATEGORY)
    return {
        "clinicalStatus": None
        if verification == "entered-in-error"
        else _status(
            "allergyintolerance-clinical",
            source.clinical_status,
            codes.ALLERGY_CLINICAL,
            "active",
        ),
        "verificationStatus": _status(
            "allergyintolerance-verification", verification, codes.ALLERGY_VERIFICATION
        ),
        "type": coded(source.type, codes.ALLERGY_TYPE),
        "category": [category] if category else None,
        "criticality": coded(source.criticality, codes.ALLERGY_CRITICALITY),
        "code": concept(source.code),
        "patient": links.subject(),
        **_onset(source),
        "recordedDate": times.date_time(source.recorded),
        "recorder": links.one(source.recorder, _ASSERTER),
        "reaction": [
            filled({"manifestation": manifestations or [ABSENT_CONCEPT], "severity": severity})
        ]
        if manifestations or severity
        else None,
        "note": links.annotations(source.notes),
    }


def _onset(source: resources_pb2.Allergy) -> Json:
    """When it began; in words where no time is known."""
    if at := times.date_time(source.onset):
        return {"onsetDateTime": at}
    return {"onsetString": text(source.onset_text)}


def condition(source: resources_pb2.Condition, links: Links) -> Json:
    """R4 Condition.

    Its role in a stay stands among the categories and its rank in an extension: in R4 they belong
    to Encounter.diagnosis, which a later message about the stay alone would wipe out.
    """
    verification = coded(source.verification_status, codes.CONDITION_VERIFICATION)
    ended = times.date_time(source.abatement)
    clinical = source.clinical_status
    if ended and clinical not in _OVER:
        # Invariant con-4: what has ended is not active.
        clinical = "resolved"
    role = concept(source.use)
    rank = source.rank if 0 < source.rank < 2**31 else 0
    due_to = identifier(source.due_to)
    extensions = (
        extension(RANK_URL, valuePositiveInt=rank),
        extension(
            DUE_TO_URL,
            valueReference={"type": "Condition", "identifier": due_to} if due_to else None,
        ),
    )
    return {
        "extension": [each for each in extensions if each],
        # Invariant con-5: what was entered in error has no clinical status.
        "clinicalStatus": None
        if verification == "entered-in-error"
        else _status("condition-clinical", clinical, codes.CONDITION_CLINICAL),
        "verificationStatus": _status(
            "condition-ver-status", verification, codes.CONDITION_VERIFICATION
        ),
        "category": [*concepts(source.categories), *([role] if role else ())],
        "severity": concept(source.severity),
        "code": concept(source.code),
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        "onsetDateTime": times.date_time(source.onset),
        "abatementDateTime": ended,
        "recordedDate": times.date_time(source.recorded),
        "asserter": links.one(source.asserter, _ASSERTER),
        "note": links.annotations(source.notes),
    }


def procedure(source: resources_pb2.Procedure, links: Links) -> Json:
    """R4 Procedure."""
    whole = identifier(source.part_of)
    return {
        "partOf": [{"type": "Procedure", "identifier": whole}] if whole else None,
        "status": coded(source.status, codes.EVENT_STATUS, "unknown"),
        "category": concept(source.category),
        "code": concept(source.code),
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        **period_or_time("performed", source.performed),
        "performer": [
            filled(
                {
                    "function": concept(each.role),
                    "actor": who,
                    "onBehalfOf": links.one(each.on_behalf_of, ORGANIZATION),
                }
            )
            for each in source.performers
            if (who := links.one(each.actor, _PROCEDURE_ACTOR))
        ],
        "location": links.one(source.location, LOCATION),
        "reasonCode": concepts(source.reasons),
    }


def document_reference(source: resources_pb2.DocumentReference, links: Links) -> Json:
    """R4 DocumentReference."""
    replaced = identifier(source.replaces)
    stay = links.one(source.encounter, ENCOUNTER)
    contents = every(attachment, source.contents)
    if source.text:
        written = Attachment(content_type="text/plain", data=source.text.encode())
        contents.insert(0, attachment(written))
    return {
        "masterIdentifier": identifier(source.master),
        **required("status", coded(source.status, codes.DOCUMENT_STATUS)),
        "docStatus": coded(source.doc_status, codes.COMPOSITION_STATUS),
        "type": concept(source.type),
        "subject": links.subject(),
        "date": times.instant(source.date),
        "author": links.many(source.authors, _DOCUMENT_AUTHOR),
        "authenticator": links.one(source.authenticator, PRACTITIONER | ORGANIZATION),
        "relatesTo": [
            {"code": code, "target": {"type": "DocumentReference", "identifier": other}}
            for code, other in (("replaces", replaced), ("appends", identifier(source.appends)))
            if other
        ],
        "description": text(source.description),
        "securityLabel": concepts(source.security_labels),
        "content": [{"attachment": made} for made in contents] or [{"attachment": ABSENT}],
        "category": concepts(source.categories),
        "custodian": links.one(source.custodian, ORGANIZATION),
        "context": filled(
            {
                "encounter": [stay] if stay else None,
                "event": concepts(source.events),
                "period": period(source.service_period),
                "related": links.many(source.related, ANYTHING),
            }
        ),
    }


def care_team(source: resources_pb2.CareTeam, links: Links) -> Json:
    """R4 CareTeam; only a practitioner acts on behalf of somebody (ctm-1)."""
    return {
        "status": coded(source.status, codes.CARE_TEAM_STATUS),
        "subject": links.subject(),
        "participant": [made for each in source.participants if (made := _member(each, links))],
        "reasonCode": concepts(source.reasons),
        "telecom": telecoms(source.telecoms),
    }


def _member(source: resources_pb2.Participant, links: Links) -> Json:
    role = concept(source.role)
    who = links.one(source.actor, _TEAM_MEMBER)
    of = links.one(source.on_behalf_of, ORGANIZATION) if source.actor.type == "Practitioner" else {}
    if not (role or who):
        return {}
    return filled(
        {
            "role": [role] if role else None,
            "member": who,
            "onBehalfOf": of if who else None,
            "period": period(source.period),
        }
    )
