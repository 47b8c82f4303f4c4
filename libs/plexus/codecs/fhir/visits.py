"""Encounter and Appointment: that somebody comes."""

from typing import NamedTuple

from plexus.api.canonical.v1 import datatypes_pb2, resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import (
    coding,
    concept,
    concept_label,
    concepts,
    identifier,
    identifiers,
    labels,
    period,
)
from plexus.codecs.fhir.elements import (
    Json,
    extension,
    filled,
    remembered,
    required,
    text,
)
from plexus.codecs.fhir.references import (
    LOCATION,
    ORGANIZATION,
    PRACTITIONER,
    Links,
)
from plexus.codecs.fhir.shapes import sealed

__all__ = ["ARRIVAL_URL", "PLANNED_URL", "appointment", "encounter"]

_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_V2_CLASS = "http://terminology.hl7.org/CodeSystem/v2-0004"
# The guide's map PatientClass[EncounterClass]; other letters of table 0004 stay what they are.
_CLASSES = {"E": "EMER", "I": "IMP", "O": "AMB", "P": "PRENC"}
_UNKNOWN_CLASS = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    "code": "UNK",
    "display": "unknown",
}
ARRIVAL_URL = "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival"
PLANNED_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.planned"
_ENCOUNTER_ACTOR = PRACTITIONER | {"RelatedPerson"}
_APPOINTMENT_ACTOR = (
    PRACTITIONER | LOCATION | {"RelatedPerson", "Patient", "Device", "HealthcareService"}
)


class _Stay(NamedTuple):
    """What many stays have in common, as R4 Encounter has it."""

    meta: Json
    extension: list[Json]
    length: Json

    status: str
    act: Json
    type: list[Json]
    service_type: Json
    priority: Json
    reason_code: list[Json]
    hospitalization: Json


_stay = remembered(
    resources_pb2.Encounter,
    lambda source: _Stay(
        meta=labels(source.restrictions),
        extension=_stay_extensions(source),
        length={
            "value": source.days,
            "unit": "d",
            "system": "http://unitsofmeasure.org",
            "code": "d",
        }
        if 0 < source.days < 2**31
        else {},
        status=coded(source.status, codes.ENCOUNTER_STATUS, "unknown"),
        act=sealed("Coding", _class(source.encounter_class)),
        type=concepts(source.types),
        service_type=concept(source.service_type),
        priority=concept(source.priority),
        reason_code=concepts(source.reasons),
        hospitalization=sealed(
            "Encounter.hospitalization",
            filled(
                {
                    "preAdmissionIdentifier": identifier(source.pre_admission_identifier),
                    "admitSource": concept(source.admit_source),
                    "reAdmission": concept(source.re_admission),
                    "dietPreference": concepts(source.diets),
                    "specialCourtesy": concepts(source.special_courtesies),
                    "specialArrangement": concepts(source.special_arrangements),
                    "destination": _destination(source.discharged_to),
                    "dischargeDisposition": concept(source.discharge_disposition),
                }
            ),
        ),
    ),
    without=(
        "identifiers",
        "period",
        "participants",
        "locations",
        "accounts",
        "service_provider",
        "episodes",
        "facts",
    ),
)


def encounter(source: resources_pb2.Encounter, links: Links) -> Json:
    """R4 Encounter."""
    stay = _stay(source)
    return {
        "meta": stay.meta,
        "extension": stay.extension,
        "status": stay.status,
        "class": stay.act,
        "type": stay.type,
        "serviceType": stay.service_type,
        "priority": stay.priority,
        "subject": links.subject(),
        "episodeOfCare": [
            {"type": "EpisodeOfCare", "identifier": made} for made in identifiers(source.episodes)
        ],
        "participant": [
            made
            for each in source.participants
            if (made := _participant(each, links, "individual", _ENCOUNTER_ACTOR))
        ],
        "period": period(source.period),
        "length": stay.length,
        "reasonCode": stay.reason_code,
        "account": [
            {"type": "Account", "identifier": made} for made in identifiers(source.accounts)
        ],
        "hospitalization": stay.hospitalization,
        "location": [
            filled(
                {
                    "location": where,
                    "status": coded(each.status, codes.ENCOUNTER_LOCATION_STATUS),
                    "period": period(each.period),
                }
            )
            for each in source.locations
            if (where := links.one(each.location, LOCATION))
        ],
        "serviceProvider": links.one(source.service_provider, ORGANIZATION),
    }


def _stay_extensions(source: resources_pb2.Encounter) -> list[Json]:
    """How the person came; and when it is planned, which is an element from R5 on."""
    came = next((made for each in source.arrival_mode.codings if (made := coding(each))), {})
    planned = source.planned
    found = (
        extension(f"{PLANNED_URL}StartDate", valueDateTime=times.date_time(planned.start)),
        extension(f"{PLANNED_URL}EndDate", valueDateTime=times.date_time(planned.end)),
        extension(ARRIVAL_URL, valueCoding=came),
    )
    return [each for each in found if each]


def _class(source: datatypes_pb2.Concept) -> Json:
    """Encounter.class: v3 ActCode where it is known or table 0004 leads to it, else as sent."""
    made = [found for each in source.codings if (found := coding(each))]
    for each in made:
        if each.get("system") == _ACT_CODE:
            return each
    for each in made:
        if each.get("system") == _V2_CLASS and (code := _CLASSES.get(str(each.get("code")))):
            return {"system": _ACT_CODE, "code": code} | (
                {"display": each["display"]} if "display" in each else {}
            )
    if made:
        return made[0]
    words = text(source.text)
    return {"display": words} if words else dict(_UNKNOWN_CLASS)


def _participant(
    source: resources_pb2.Participant, links: Links, member: str, permitted: frozenset[str]
) -> Json:
    role = concept(source.role)
    who = links.one(source.actor, permitted)
    if not (role or who):
        return {}
    return filled({"type": [role] if role else None, "period": period(source.period), member: who})


def _destination(source: datatypes_pb2.Concept) -> Json:
    """R4 wants a place here, not a concept: a place known by its code and name."""
    first = next((made for each in source.codings if (made := coding(each))), {})
    known = filled({"system": first.get("system"), "value": first.get("code")})
    return filled(
        {"identifier": known if "value" in known else None, "display": concept_label(source)}
    )


def appointment(source: resources_pb2.Appointment, links: Links) -> Json:
    """R4 Appointment.

    R4 wants both ends as instants, or neither (app-2), and both but for a proposed, cancelled or
    waitlisted one (app-3). An end follows from start and length; what is still not known is said to
    be absent. Ends without a zone are no instants and stand as the requested period.
    """
    status = coded(source.status, codes.APPOINTMENT_STATUS)
    start, end = times.instant(source.period.start), times.instant(source.period.end)
    minutes = source.minutes if 0 < source.minutes < 2**31 else 0
    if start and minutes and not end:
        end = times.later(start, minutes)
    needs_ends = start or end or status not in {"proposed", "cancelled", "waitlist"}
    people = [
        made | {"status": "needs-action"}
        for each in source.participants
        if (made := _participant(each, links, "actor", _APPOINTMENT_ACTOR))
    ]
    agreed = status in {"booked", "arrived", "fulfilled", "checked-in"}
    return {
        **required("status", status),
        "cancelationReason": concept(source.cancelation_reason)
        if status in {"cancelled", "noshow"}
        else None,
        "serviceType": concepts(source.service_types),
        "appointmentType": concept(source.appointment_type),
        "reasonCode": concepts(source.reasons),
        "slot": [{"type": "Slot", "identifier": made} for made in identifiers(source.slots)],
        "basedOn": links.many(source.based_on, frozenset({"ServiceRequest"})),
        "description": text(source.description),
        **(required("start", start) | required("end", end) if needs_ends else {}),
        "minutesDuration": minutes or None,
        "comment": text(source.comment),
        "participant": [
            {"actor": links.subject(), "status": "accepted" if agreed else "needs-action"},
            *people,
        ],
        "requestedPeriod": [wanted]
        if not (start and end) and (wanted := period(source.period))
        else None,
    }
