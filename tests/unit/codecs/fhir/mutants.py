"""Sound resources of invented people, and sixty copies with one fault each, by class of the fault."""

import copy
from typing import Any, Final, NamedTuple

_THO: Final = "http://terminology.hl7.org/CodeSystem"
_UCUM: Final = "http://unitsofmeasure.org"
_PATIENT: Final = {"reference": "urn:uuid:0b7f9c3e-3d0c-4c53-9d3a-6f0a2f0f7c01"}
_ENCOUNTER: Final = {"reference": "urn:uuid:0b7f9c3e-3d0c-4c53-9d3a-6f0a2f0f7c02"}

_GONE: Final = object()
Json = dict[str, Any]


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


_RESOURCES: Final[list[Json]] = [
    {
        "resourceType": "Patient",
        "identifier": [{"use": "usual", "type": concept(f"{_THO}/v2-0203", "MR"),
                        "system": "urn:oid:2.16.840.1.113883.3.9999.1", "value": "77"}],
        "active": True,
        "name": [{"use": "official", "family": "Thistledown", "given": ["Ada", "B"],
                  "period": {"start": "2001-05", "end": "2020-01-31"}}],
        "telecom": [{"system": "phone", "value": "555 0100", "use": "home", "rank": 1}],
        "gender": "female",
        "birthDate": "1970-01-31",
        "deceasedBoolean": False,
        "address": [{"use": "home", "line": ["1 Elm"], "city": "Nowhere"}],
        "contact": [{"relationship": [concept(f"{_THO}/v2-0131", "N")],
                     "name": {"family": "Thistledown"}}],
        "communication": [{"language": concept("urn:ietf:bcp:47", "en"), "preferred": True}],
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                       "valueAddress": {"city": "Nowhere"}}],
    },
    {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": f"{_THO}/v3-ActCode", "code": "IMP"},
        "subject": _PATIENT,
        "period": {"start": "2026-02-03T04:05:06+01:00"},
        "location": [{"location": {"display": "Ward 1"}, "status": "active"}],
    },
    {
        "resourceType": "Observation",
        "status": "final",
        "category": [concept(f"{_THO}/observation-category", "laboratory")],
        "code": concept("http://loinc.org", "718-7"),
        "subject": _PATIENT,
        "encounter": _ENCOUNTER,
        "effectiveDateTime": "2026-02-03T04:05:06Z",
        "issued": "2026-02-03T05:00:00.123Z",
        "valueQuantity": {"value": 13.2, "unit": "g/dL", "system": _UCUM, "code": "g/dL"},
        "interpretation": [concept(f"{_THO}/v3-ObservationInterpretation", "N")],
        "referenceRange": [{"low": {"value": 12, "unit": "g/dL"}, "high": {"value": 16, "unit": "g/dL"}}],
    },
    {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": concept(f"{_THO}/allergyintolerance-clinical", "active"),
        "criticality": "high",
        "code": {"text": "nuts"},
        "patient": _PATIENT,
    },
    {
        "resourceType": "Condition",
        "clinicalStatus": concept(f"{_THO}/condition-clinical", "resolved"),
        "verificationStatus": concept(f"{_THO}/condition-ver-status", "confirmed"),
        "code": {"text": "hay fever"},
        "subject": _PATIENT,
        "abatementDateTime": "2026",
    },
    {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "water"},
        "subject": _PATIENT,
        "dosageInstruction": [{"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                               "doseAndRate": [{"doseQuantity": {"value": 1, "system": _UCUM, "code": "mg"}}]}],
        "dispenseRequest": {"numberOfRepeatsAllowed": 2},
    },
    {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"text": "flu"},
        "patient": _PATIENT,
        "occurrenceDateTime": "2026-02-03",
        "education": [{"documentType": "leaflet"}],
    },
    {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-02-03T09:00:00Z",
        "end": "2026-02-03T09:30:00Z",
        "minutesDuration": 30,
        "participant": [{"actor": _PATIENT, "status": "accepted"}],
    },
    {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": _PATIENT,
        "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8="}}],
    },
    {
        "resourceType": "Organization",
        "name": "Elm Hospital",
        "telecom": [{"system": "phone", "value": "555 0101", "use": "work"}],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Elm</p></div>'},
    },
]  # fmt: skip


def sound_bundle() -> Json:
    """A transaction of all of them."""
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:0b7f9c3e-3d0c-4c53-9d3a-6f0a2f0f7c{at:02d}",
                "resource": copy.deepcopy(resource),
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for at, resource in enumerate(_RESOURCES, 1)
        ],
    }


class Mutant(NamedTuple):
    kind: str
    place: str
    """Resource type and path; a number is a place in a list."""
    value: Any = _GONE
    """What is set there; left out, the member is taken away."""

    def bundle(self) -> Json:
        made = sound_bundle()
        fhir_type, *path, last = self.place.split(".")
        where: Any = next(
            e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == fhir_type
        )
        for step in path:
            where = where[int(step)] if step.isdigit() else where[step]
        key: Any = int(last) if last.isdigit() else last
        if self.value is _GONE:
            del where[key]
        else:
            where[key] = copy.deepcopy(self.value)
        return made


_NO_ONE: Final = {"reference": "urn:uuid:0b7f9c3e-3d0c-4c53-9d3a-6f0a2f0f7c99"}
_QUANTITY: Final = {"value": 99, "unit": "g/dL"}

MUTANTS: Final = (
    Mutant("unknown", "Patient.nickname", "Addie"),
    Mutant("unknown", "Observation.referenceRange.0.low.comparator", "<"),
    Mutant("unknown", "Encounter.location.0.ward", "1"),
    Mutant("type", "Patient.birthDate", "31.01.1970"),
    Mutant("type", "Patient.birthDate", "1970-02-30"),
    Mutant("type", "Patient.active", "true"),
    Mutant("type", "Patient.name", {"family": "Thistledown"}),
    Mutant("type", "Patient.name.0.family", ["Thistledown"]),
    Mutant("type", "Patient.telecom.0.rank", 0),
    Mutant("type", "Patient.identifier.0.system", "not a uri"),
    Mutant("type", "Encounter.period.start", "2026-02-03T04:05:06"),
    Mutant("type", "Encounter.subject", "Patient/1"),
    Mutant("type", "Observation.issued", "2026-02-03"),
    Mutant("type", "Observation.valueQuantity.value", "13.2"),
    Mutant("type", "Observation.code", "718-7"),
    Mutant("type", "Observation.effectiveDateTime", "2026-02-03T25:05:06Z"),
    Mutant("type", "Appointment.minutesDuration", 30.5),
    Mutant("type", "DocumentReference.content.0.attachment.data", "???"),
    Mutant("type", "MedicationRequest.dispenseRequest.numberOfRepeatsAllowed", -1),
    Mutant("cardinality", "Observation.status"),
    Mutant("cardinality", "Observation.code"),
    Mutant("cardinality", "Encounter.class"),
    Mutant("cardinality", "Immunization.occurrenceDateTime"),
    Mutant("cardinality", "MedicationRequest.medicationReference", {"display": "wine"}),
    Mutant("cardinality", "Patient.communication.0.language"),
    Mutant("cardinality", "Patient.name.0.given", []),
    Mutant("cardinality", "DocumentReference.content", []),
    Mutant("cardinality", "Observation.valueString", "13.2"),
    Mutant("binding", "Patient.gender", "F"),
    Mutant("binding", "Patient.name.0.use", "L"),
    Mutant("binding", "Patient.telecom.0.system", "telephone"),
    Mutant("binding", "Patient.address.0.use", "H"),
    Mutant("binding", "Encounter.status", "active"),
    Mutant("binding", "Observation.status", "F"),
    Mutant("binding", "Observation.valueQuantity.comparator", "=<"),
    Mutant("binding", "MedicationRequest.intent", "RE"),
    Mutant("binding", "Appointment.participant.0.status", "yes"),
    Mutant("binding", "Organization.text.status", "made"),
    Mutant("binding", "AllergyIntolerance.clinicalStatus", {"text": "active"}),
    Mutant("invariant", "Patient.contact.0", {"gender": "male"}),
    Mutant("invariant", "Patient.name.0.period.start", "2020-02"),
    Mutant("invariant", "Patient.telecom.0.system"),
    Mutant("invariant", "Patient.extension.0.valueAddress"),
    Mutant("invariant", "Patient.name.0.period", {"id": "p"}),
    Mutant("invariant", "Observation.dataAbsentReason", {"text": "lost"}),
    Mutant("invariant", "Observation.referenceRange.0", {"age": {"low": {"value": 1}}}),
    Mutant("invariant", "Observation.valueQuantity.system"),
    Mutant("invariant", "AllergyIntolerance.clinicalStatus"),
    Mutant("invariant", "Condition.clinicalStatus", concept(f"{_THO}/condition-clinical", "active")),
    Mutant("invariant", "Condition.verificationStatus", concept(f"{_THO}/condition-ver-status", "entered-in-error")),
    Mutant("invariant", "MedicationRequest.dosageInstruction.0.timing.repeat.periodUnit"),
    Mutant("invariant", "Immunization.education.0", {"publicationDate": "2026"}),
    Mutant("invariant", "Appointment.end"),
    Mutant("invariant", "Organization.telecom.0.use", "home"),
    Mutant("reference", "Observation.subject", _NO_ONE),
    Mutant("reference", "Observation.encounter", _PATIENT),
    Mutant("reference", "Encounter.subject", {"type": "Person", "display": "someone"}),
    Mutant("terminology", "Observation.interpretation.0.coding.0.code", "JUNK"),
    Mutant("terminology", "Observation.code.coding.0.code", "718-8"),
    Mutant("terminology", "Observation.valueQuantity.code", "mmHg"),
)  # fmt: skip
