"""Observation and DiagnosticReport: what was found."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from plexus.api.canonical.v1 import datatypes_pb2, resources_pb2
from plexus.api.canonical.v1.datatypes_pb2 import Concept
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import (
    attachment,
    concept,
    concept_label,
    concepts,
    identifiers,
    span,
)
from plexus.codecs.fhir.elements import (
    ABSENT_CONCEPT,
    Json,
    every,
    filled,
    text,
)
from plexus.codecs.fhir.references import (
    ENCOUNTER,
    PERFORMER,
    SPECIMEN,
    Links,
)
from plexus.codecs.fhir.shallow import opened
from plexus.codecs.fhir.shapes import sealed
from plexus.codecs.fhir.values import observation_value, reference_range

__all__ = [
    "ABNORMAL_URL",
    "DEVICE_URL",
    "NOTE_URL",
    "STRUCTURE_URL",
    "SUB_ID_URL",
    "diagnostic_report",
    "observation",
    "period_or_time",
]

# A longer value is a text or a document, and news each time.
_MOST_BYTES = 256
SUB_ID_URL = "http://hl7.org/fhir/StructureDefinition/observation-v2-subid"
# An element that only R5 has, under the URL that HL7 gives it for use in R4.
NOTE_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
ABNORMAL_URL = "http://hl7.org/fhir/StructureDefinition/observation-nature-of-abnormal-test"
STRUCTURE_URL = "http://hl7.org/fhir/StructureDefinition/observation-structure-type"
DEVICE_URL = "urn:plexus:extension:further-device"
_REQUEST = frozenset({"ServiceRequest", "CarePlan", "MedicationRequest", "NutritionOrder"})
_BASED_ON = _REQUEST | {"DeviceRequest", "ImmunizationRecommendation"}
_PART_OF = frozenset(
    {"MedicationAdministration", "MedicationDispense", "Procedure", "Immunization", "ImagingStudy"}
)
_REPORT_BASED_ON = _REQUEST | {"ImmunizationRecommendation"}
_OBSERVATION = frozenset({"Observation"})
_DEVICE = frozenset({"Device"})
_OBSERVER = PERFORMER | {"Patient", "RelatedPerson"}


class _Kind(NamedTuple):
    """What a laboratory says with each result of one kind, as R4 Observation has it."""

    status: str
    category: list[Json]
    code: Mapping[str, object]
    absent_reason: Json
    interpretation: list[Json]
    body_site: Json
    method: Json
    reference_range: list[Json]


@lru_cache(maxsize=4096)
def _kind(
    status: str,
    code: bytes,
    absent_reason: bytes,
    body_site: bytes,
    categories: tuple[bytes, ...],
    interpretations: tuple[bytes, ...],
    methods: tuple[bytes, ...],
    reference_ranges: tuple[bytes, ...],
) -> _Kind:
    """The same again and again; the result is shared, so nobody may change it."""
    source = resources_pb2.Observation(
        code=opened(Concept, code),
        absent_reason=opened(Concept, absent_reason),
        body_site=opened(Concept, body_site),
        categories=[opened(Concept, each) for each in categories],
        interpretations=[opened(Concept, each) for each in interpretations],
        methods=[opened(Concept, each) for each in methods],
        reference_ranges=[opened(resources_pb2.ReferenceRange, each) for each in reference_ranges],
    )
    return _Kind(
        status=coded(status, codes.OBSERVATION_STATUS, "unknown"),
        category=concepts(source.categories),
        code=concept(source.code) or ABSENT_CONCEPT,
        absent_reason=concept(source.absent_reason),
        interpretation=concepts(source.interpretations),
        body_site=concept(source.body_site),
        method=_joined(source.methods),
        reference_range=every(reference_range, source.reference_ranges),
    )


@lru_cache(maxsize=4096)
def _known_value(data: bytes) -> tuple[Json, list[Json]]:
    """Values are few, too: numbers of two or three digits, codes. Shared, like a kind."""
    value, extensions = observation_value(opened(resources_pb2.ObservationValue, data))
    for name, made in value.items():
        if isinstance(made, dict):
            value[name] = sealed(name.removeprefix("value"), made)
    return value, extensions


def _value(data: bytes) -> tuple[Json, list[Json]]:
    if len(data) <= _MOST_BYTES:
        return _known_value(data)
    return observation_value(opened(resources_pb2.ObservationValue, data))


def observation(source: Any, links: Links) -> Json:
    """R4 Observation, of a `ShallowObservation`."""
    categories, methods = source.categories, source.methods
    kind = _kind(
        source.status,
        source.code,
        source.absent_reason,
        source.body_site,
        tuple(categories[:]) if categories else (),
        tuple(source.interpretations[:]),
        tuple(methods[:]) if methods else (),
        tuple(source.reference_ranges[:]),
    )
    value, extensions = _value(source.value)
    more = list(extensions)
    # Asked for truth first, what is seldom there costs no call.
    devices = links.again_many(held, _DEVICE) if (held := source.equipment) else []
    if told := source.devices:
        devices += ({"type": "Device", "identifier": each} for each in identifiers(told))
    more += ({"url": DEVICE_URL, "valueReference": each} for each in devices[1:])
    if source.abnormal_kinds or source.structure_type:
        more += _kinds_of_test(source)
    if (given := source.sub_id) and (sub_id := text(given)):
        part = {"url": "original-sub-identifier", "valueString": sub_id}
        more.append({"url": SUB_ID_URL, "extension": [part]})
    return {
        "extension": more,
        "basedOn": links.again_many(source.based_on, _BASED_ON),
        "partOf": links.again_many(source.based_on, _PART_OF),
        "derivedFrom": links.again_many(source.derived_from, _OBSERVATION),
        "status": kind.status,
        "category": kind.category,
        "code": kind.code,
        "subject": links.subject(),
        "encounter": links.again(source.encounter, ENCOUNTER),
        "effectiveDateTime": times.date_time(source.effective_time),
        "issued": times.instant(source.issued),
        "performer": links.again_many(source.performers, _OBSERVER),
        **value,
        "dataAbsentReason": None if value else kind.absent_reason,
        "interpretation": kind.interpretation,
        "note": links.annotations(source.notes),
        "bodySite": kind.body_site,
        "method": kind.method,
        "specimen": links.again(source.specimen, SPECIMEN),
        "device": devices[0] if devices else None,
        "referenceRange": kind.reference_range,
    }


def _kinds_of_test(source: Any) -> list[Json]:
    """What R4 has no element for: which test found it abnormal, and how it belongs to others."""
    found = [(ABNORMAL_URL, each) for each in source.abnormal_kinds[:]]
    found.append((STRUCTURE_URL, source.structure_type))
    return [
        {"url": url, "valueCodeableConcept": made}
        for url, each in found
        if (made := concept(opened(Concept, each)))
    ]


def _joined(methods: Sequence[datatypes_pb2.Concept]) -> Json:
    """R4 has room for one method: several become one concept with all codings and words."""
    if not methods:
        return {}
    made = [(each, found) for each in methods if (found := concept(each))]
    if len(made) < 2:
        return made[0][1] if made else {}
    codings = [each for _, found in made for each in _list(found.get("coding"))]
    return filled({"coding": codings, "text": "; ".join(concept_label(each) for each, _ in made)})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def period_or_time(member: str, source: datatypes_pb2.Period) -> Json:
    """`member`Period, or `member`DateTime where only the start is known."""
    made = span(source.start, source.end)
    if "end" in made:
        return {f"{member}Period": made}
    return {f"{member}DateTime": made["start"]} if made else {}


def diagnostic_report(source: resources_pb2.DiagnosticReport, links: Links) -> Json:
    """R4 DiagnosticReport."""
    return {
        "extension": [
            {"url": NOTE_URL, "valueAnnotation": each} for each in links.annotations(source.notes)
        ],
        "basedOn": links.many(source.based_on, _REPORT_BASED_ON),
        "status": coded(source.status, codes.REPORT_STATUS, "unknown"),
        "category": concepts(source.categories),
        "code": concept(source.code) or ABSENT_CONCEPT,
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        **period_or_time("effective", source.effective),
        "issued": times.instant(source.issued),
        "performer": links.many(source.performers, PERFORMER),
        "resultsInterpreter": links.many(source.interpreters, PERFORMER),
        "specimen": links.many(source.specimens, SPECIMEN),
        "result": links.many(source.results, frozenset({"Observation"})),
        "conclusion": text(source.conclusion),
        "presentedForm": every(attachment, source.presented_forms),
    }
