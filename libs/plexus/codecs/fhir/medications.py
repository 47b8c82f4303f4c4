"""MedicationRequest, MedicationDispense, MedicationAdministration and Immunization."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from plexus.api.canonical.v1 import datatypes_pb2, resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import (
    concept,
    concepts,
    identifier,
    labels,
    span,
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
from plexus.codecs.fhir.quantities import is_upside_down, quantity
from plexus.codecs.fhir.references import (
    ANYTHING,
    ENCOUNTER,
    LOCATION,
    ORGANIZATION,
    PRACTITIONER,
    Links,
)
from plexus.codecs.fhir.results import period_or_time
from plexus.codecs.fhir.timings import timing
from plexus.codecs.terminology import UCUM

__all__ = [
    "DAY",
    "STRENGTH_URL",
    "immunization",
    "medication_administration",
    "medication_dispense",
    "medication_request",
]

_REQUESTER = PRACTITIONER | ORGANIZATION | {"Patient", "RelatedPerson", "Device"}
_GIVER = PRACTITIONER | {"Patient", "RelatedPerson", "Device"}
_DISPENSER = _GIVER | ORGANIZATION
_REQUEST = frozenset({"MedicationRequest"})
_STAY = ENCOUNTER | {"EpisodeOfCare"}
_REASON = frozenset({"Condition", "Observation"})
_MEDICINE = "medicine"
DAY: Mapping[str, object] = {"value": 1, "unit": "day", "system": UCUM, "code": "d"}
"""The time for which the most that may be taken is told."""
STRENGTH_URL = "urn:plexus:extension:ingredient-strength"


class _Medicine(Protocol):
    """What is told of a medicine, by whatever kind of message."""

    @property
    def medication(self) -> datatypes_pb2.Concept: ...
    @property
    def form(self) -> datatypes_pb2.Concept: ...
    @property
    def ingredients(self) -> Sequence[resources_pb2.Ingredient]: ...


def _medicine(
    source: _Medicine, lot_number: str = "", expiration: str = "", maker: str = ""
) -> Json:
    """medication[x]: a concept, or where more is known of it, a contained Medication."""
    code = concept(source.medication) or ABSENT_CONCEPT
    lot = filled({"lotNumber": text(lot_number), "expirationDate": times.date_time(expiration)})
    made_by = text(maker)
    more = filled(
        {
            "manufacturer": {"display": made_by} if made_by else None,
            "form": concept(source.form),
            "ingredient": every(_ingredient, source.ingredients),
            "batch": lot,
        }
    )
    if not more:
        return {"medicationCodeableConcept": code}
    contained = {"resourceType": "Medication", "id": _MEDICINE, "code": code, **more}
    return {
        "contained": [contained],
        "medicationReference": {"reference": f"#{_MEDICINE}"},
    }


def _ingredient(source: resources_pb2.Ingredient) -> Json:
    """Medication.ingredient; its strength is an amount in so much of the product, here one dose."""
    item, amount = concept(source.item), quantity(source.amount)
    if not (item or amount):
        return {}
    strength = extension(STRENGTH_URL, valueQuantity=quantity(source.strength))
    return filled(
        {
            "extension": [strength] if strength else None,
            "itemCodeableConcept": item or ABSENT_CONCEPT,
            "strength": {"numerator": amount, "denominator": quantity(source.per) or {"value": 1}}
            if amount
            else None,
        }
    )


def medication_request(source: resources_pb2.MedicationRequest, links: Links) -> Json:
    """R4 MedicationRequest; an order unless its intent says otherwise."""
    refills = source.refills if 0 < source.refills < 2**31 else None
    substitution = concept(source.substitution)
    return {
        **_medicine(source),
        "groupIdentifier": identifier(source.requisition),
        "status": coded(source.status, codes.MEDICATION_REQUEST_STATUS, "unknown"),
        "statusReason": concept(source.status_reason),
        "intent": coded(source.intent, codes.MEDICATION_REQUEST_INTENT, "order"),
        "category": concepts(source.categories),
        "priority": coded(source.priority, codes.REQUEST_PRIORITY),
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        "supportingInformation": links.many(source.supporting, ANYTHING),
        "authoredOn": times.date_time(source.authored_on),
        "requester": links.one(source.requester, _REQUESTER),
        "reasonCode": concepts(source.reasons),
        "reasonReference": links.many(source.reason_references, _REASON),
        "note": links.annotations(source.notes),
        "dosageInstruction": every(_dosage, source.dosages),
        "dispenseRequest": filled(
            {
                "validityPeriod": span(source.validity.start, source.validity.end),
                "numberOfRepeatsAllowed": refills,
                "quantity": quantity(source.quantity),
                "performer": links.one(source.dispenser, ORGANIZATION),
            }
        ),
        "substitution": {"allowedCodeableConcept": substitution} if substitution else None,
    }


def _dosage(source: resources_pb2.Dosage) -> Json:
    bounds = span(source.period.start, source.period.end)
    most = quantity(source.most_per_day)
    return filled(
        {
            "text": text(source.text),
            "additionalInstruction": concepts(source.instructions),
            "timing": timing(source.schedule, source.timing, source.period)
            or ({"repeat": {"boundsPeriod": bounds}} if bounds else None),
            "asNeededBoolean": True if source.as_needed else None,
            "site": concept(source.site),
            "route": concept(source.route),
            "method": concept(source.method),
            "doseAndRate": every(_dose, [source]),
            "maxDosePerPeriod": {"numerator": most, "denominator": DAY} if most else None,
        }
    )


def _dose(source: resources_pb2.Dosage) -> Json:
    dose, high, rate = quantity(source.dose), quantity(source.dose_high), quantity(source.rate)
    amount: Json = {"doseQuantity": dose}
    if high and high != dose and not is_upside_down(source.dose, source.dose_high):
        amount = {"doseRange": filled({"low": dose, "high": high})}
    return filled({**amount, "rateQuantity": rate})


def medication_dispense(source: resources_pb2.MedicationDispense, links: Links) -> Json:
    """R4 MedicationDispense."""
    substitution = concept(source.substitution)
    return {
        **_medicine(source, source.lot_number, source.expiration),
        "status": coded(source.status, codes.DISPENSE_STATUS, "unknown"),
        "subject": links.subject(),
        "context": links.one(source.encounter, _STAY),
        "performer": links.performers(source.performers, _DISPENSER),
        "authorizingPrescription": [made]
        if (made := links.one(source.request, _REQUEST))
        else None,
        "quantity": quantity(source.quantity),
        "daysSupply": quantity(source.days_supply),
        "whenHandedOver": times.date_time(source.handed_over),
        "destination": links.one(source.destination, LOCATION),
        "note": links.annotations(source.notes),
        "dosageInstruction": every(_dosage, source.dosages),
        "substitution": {"wasSubstituted": True, "type": substitution} if substitution else None,
    }


def medication_administration(source: resources_pb2.MedicationAdministration, links: Links) -> Json:
    """R4 MedicationAdministration."""
    reason = concept(source.status_reason)
    return {
        **_medicine(source, source.lot_number, source.expiration, source.manufacturer),
        "status": coded(source.status, codes.ADMINISTRATION_STATUS, "unknown"),
        "statusReason": [reason] if reason else None,
        "subject": links.subject(),
        "context": links.one(source.encounter, _STAY),
        **(period_or_time("effective", source.effective) or {"effectivePeriod": ABSENT}),
        "performer": [
            *({"actor": who} for who in links.many(source.performers, _GIVER)),
            *links.performers(source.participants, _GIVER),
        ],
        "reasonCode": concepts(source.reasons),
        "request": links.one(source.request, _REQUEST),
        "note": links.annotations(source.notes),
        "dosage": _given(source.dosage),
    }


def _given(source: resources_pb2.Dosage) -> Json:
    """MedicationAdministration.dosage, whose dose or rate is required (invariant mad-1)."""
    said = "; ".join(each for each in (text(source.text), text(source.timing)) if each)
    made = filled(
        {
            "text": said,
            "site": concept(source.site),
            "route": concept(source.route),
            "method": concept(source.method),
            "rateQuantity": quantity(source.rate),
        }
    )
    dose = quantity(source.dose)
    if not made and not dose:
        return {}
    return made | ({"dose": dose or ABSENT} if dose or "rateQuantity" not in made else {})


def immunization(source: resources_pb2.Immunization, links: Links) -> Json:
    """R4 Immunization."""
    given = times.date_time(source.occurrence)
    return {
        "meta": labels(source.restrictions),
        **required("status", coded(source.status, codes.IMMUNIZATION_STATUS)),
        "statusReason": concept(source.status_reason),
        "vaccineCode": concept(source.vaccine) or ABSENT_CONCEPT,
        "patient": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        **({"occurrenceDateTime": given} if given else {"occurrenceString": "unknown"}),
        "recorded": times.date_time(source.recorded),
        "primarySource": source.primary_source if source.HasField("primary_source") else None,
        "reportOrigin": concept(source.report_origin),
        "location": links.one(source.location, LOCATION),
        "manufacturer": links.one(source.manufacturer, ORGANIZATION),
        "lotNumber": text(source.lot_number),
        "expirationDate": times.date(source.expiration),
        "site": concept(source.site),
        "route": concept(source.route),
        "doseQuantity": quantity(source.dose),
        "performer": links.performers(source.performers, PRACTITIONER | ORGANIZATION),
        "note": links.annotations(source.notes),
        "reasonCode": concepts(source.reasons),
        "programEligibility": concepts([source.program_eligibility]),
        "fundingSource": concept(source.funding_source),
    }
