"""MedicationRequest, MedicationAdministration and Immunization."""

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import annotations, concept, concepts
from plexus.codecs.fhir.elements import ABSENT, ABSENT_CONCEPT, Json, every, filled, required, text
from plexus.codecs.fhir.quantities import quantity
from plexus.codecs.fhir.references import (
    ENCOUNTER,
    ORGANIZATION,
    PRACTITIONER,
    Links,
)
from plexus.codecs.fhir.results import period_or_time

__all__ = ["immunization", "medication_administration", "medication_request"]

_REQUESTER = PRACTITIONER | ORGANIZATION | {"Patient", "RelatedPerson", "Device"}
_GIVER = PRACTITIONER | {"Patient", "RelatedPerson", "Device"}
_REQUEST = frozenset({"MedicationRequest"})
_STAY = ENCOUNTER | {"EpisodeOfCare"}


def medication_request(source: resources_pb2.MedicationRequest, links: Links) -> Json:
    """R4 MedicationRequest; an order unless its intent says otherwise."""
    refills = source.refills if 0 < source.refills < 2**31 else None
    return {
        "status": coded(source.status, codes.MEDICATION_REQUEST_STATUS, "unknown"),
        "intent": coded(source.intent, codes.MEDICATION_REQUEST_INTENT, "order"),
        "medicationCodeableConcept": concept(source.medication) or ABSENT_CONCEPT,
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        "authoredOn": times.date_time(source.authored_on),
        "requester": links.one(source.requester, _REQUESTER),
        "note": annotations(source.notes),
        "dosageInstruction": every(_dosage, source.dosages),
        "dispenseRequest": filled(
            {"numberOfRepeatsAllowed": refills, "quantity": quantity(source.quantity)}
        ),
    }


def _dosage(source: resources_pb2.Dosage) -> Json:
    dose = quantity(source.dose)
    timing = text(source.timing)
    return filled(
        {
            "text": text(source.text),
            "timing": {"code": {"text": timing}} if timing else None,
            "site": concept(source.site),
            "route": concept(source.route),
            "doseAndRate": [{"doseQuantity": dose}] if dose else None,
        }
    )


def medication_administration(source: resources_pb2.MedicationAdministration, links: Links) -> Json:
    """R4 MedicationAdministration."""
    return {
        "status": coded(source.status, codes.ADMINISTRATION_STATUS, "unknown"),
        "medicationCodeableConcept": concept(source.medication) or ABSENT_CONCEPT,
        "subject": links.subject(),
        "context": links.one(source.encounter, _STAY),
        **(period_or_time("effective", source.effective) or {"effectivePeriod": ABSENT}),
        "performer": [{"actor": who} for who in links.many(source.performers, _GIVER)],
        "request": links.one(source.request, _REQUEST),
        "note": annotations(source.notes),
        "dosage": _given(source.dosage),
    }


def _given(source: resources_pb2.Dosage) -> Json:
    """MedicationAdministration.dosage, whose dose is required (invariant mad-1)."""
    said = "; ".join(each for each in (text(source.text), text(source.timing)) if each)
    made = filled({"text": said, "site": concept(source.site), "route": concept(source.route)})
    dose = quantity(source.dose)
    return made | {"dose": dose or ABSENT} if made or dose else {}


def immunization(source: resources_pb2.Immunization, links: Links) -> Json:
    """R4 Immunization."""
    given = times.date_time(source.occurrence)
    return {
        **required("status", coded(source.status, codes.IMMUNIZATION_STATUS)),
        "statusReason": concept(source.status_reason),
        "vaccineCode": concept(source.vaccine) or ABSENT_CONCEPT,
        "patient": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        **({"occurrenceDateTime": given} if given else {"occurrenceString": "unknown"}),
        "primarySource": source.primary_source if source.HasField("primary_source") else None,
        "reportOrigin": concept(source.report_origin),
        "manufacturer": links.one(source.manufacturer, ORGANIZATION),
        "lotNumber": text(source.lot_number),
        "expirationDate": times.date(source.expiration),
        "site": concept(source.site),
        "route": concept(source.route),
        "doseQuantity": quantity(source.dose),
        "performer": [
            filled({"function": concept(each.role), "actor": who})
            for each in source.performers
            if (who := links.one(each.actor, PRACTITIONER | ORGANIZATION))
        ],
        "note": annotations(source.notes),
        "programEligibility": concepts([source.program_eligibility]),
    }
