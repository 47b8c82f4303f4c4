"""One canonical resource as one FHIR R4 resource.

The table `_RENDERERS` is the whole map from canonical to FHIR types. Each renderer gives the
members that are its own; what all resources share is added here: type, id, and an identifier of our
own that conditional updates and logical references find it by. Nothing here depends on the message
that brought the resource, so a retry makes the same bytes.
Neighbours: `bundle` renders all resources of an event; the renderers stand in a module per subject.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import (
    billing,
    clinical,
    medications,
    opaque,
    orders,
    origins,
    people,
    plans,
    results,
    visits,
)
from plexus.codecs.fhir.datatypes import identifiers
from plexus.codecs.fhir.elements import Json
from plexus.codecs.fhir.facts import extensions_of
from plexus.codecs.fhir.references import Links
from plexus.codecs.fhir.shallow import ShallowObservation, ShallowResource, opened
from plexus.codecs.fhir.systems import PERSON_SYSTEM, RESOURCE_SYSTEM
from plexus.errors import InvalidMessage, Reason

__all__ = [
    "CONTENT_FIELDS",
    "FHIR_TYPES",
    "UNNUMBERED",
    "Content",
    "content_of",
    "render_resource",
    "rendered",
]

# The message's class follows from the oneof's member, which a type checker cannot see.
_Renderer = Callable[[Any, Links], Json]

_RENDERERS: dict[str, tuple[str, type[Any], _Renderer]] = {
    "person": ("Patient", resources_pb2.Person, people.patient),
    "related_person": ("RelatedPerson", resources_pb2.RelatedPerson, people.related_person),
    "encounter": ("Encounter", resources_pb2.Encounter, visits.encounter),
    "observation": ("Observation", ShallowObservation, results.observation),
    "diagnostic_report": (
        "DiagnosticReport",
        resources_pb2.DiagnosticReport,
        results.diagnostic_report,
    ),
    "service_request": ("ServiceRequest", resources_pb2.ServiceRequest, orders.service_request),
    "specimen": ("Specimen", resources_pb2.Specimen, orders.specimen),
    "appointment": ("Appointment", resources_pb2.Appointment, visits.appointment),
    "coverage": ("Coverage", resources_pb2.Coverage, billing.coverage),
    "allergy": ("AllergyIntolerance", resources_pb2.Allergy, clinical.allergy),
    "condition": ("Condition", resources_pb2.Condition, clinical.condition),
    "medication_request": (
        "MedicationRequest",
        resources_pb2.MedicationRequest,
        medications.medication_request,
    ),
    "medication_administration": (
        "MedicationAdministration",
        resources_pb2.MedicationAdministration,
        medications.medication_administration,
    ),
    "immunization": ("Immunization", resources_pb2.Immunization, medications.immunization),
    "procedure": ("Procedure", resources_pb2.Procedure, clinical.procedure),
    "document_reference": (
        "DocumentReference",
        resources_pb2.DocumentReference,
        clinical.document_reference,
    ),
    "practitioner": ("Practitioner", resources_pb2.Practitioner, people.practitioner),
    "organization": ("Organization", resources_pb2.Organization, people.organization),
    "location": ("Location", resources_pb2.Location, people.location),
    "account": ("Account", resources_pb2.Account, billing.account),
    "charge_item": ("ChargeItem", resources_pb2.ChargeItem, billing.charge_item),
    "care_team": ("CareTeam", resources_pb2.CareTeam, clinical.care_team),
    "medication_dispense": (
        "MedicationDispense",
        resources_pb2.MedicationDispense,
        medications.medication_dispense,
    ),
    "practitioner_role": (
        "PractitionerRole",
        resources_pb2.PractitionerRole,
        people.practitioner_role,
    ),
    "goal": ("Goal", resources_pb2.Goal, plans.goal),
    "care_plan": ("CarePlan", resources_pb2.CarePlan, plans.care_plan),
    "observation_definition": (
        "ObservationDefinition",
        resources_pb2.ObservationDefinition,
        plans.observation_definition,
    ),
    "device": ("Device", resources_pb2.Device, origins.device),
    "provenance": ("Provenance", resources_pb2.Provenance, origins.act),
}

UNNUMBERED = frozenset({"Provenance"})
"""FHIR types that have no identifier: a receiver knows them by their id."""

CONTENT_FIELDS: Mapping[str, str] = {
    fhir_type: field for field, (fhir_type, _, _) in _RENDERERS.items()
}
"""Field of canonical Resource by FHIR type."""

FHIR_TYPES: Mapping[str, str] = {
    field: fhir_type for field, (fhir_type, _, _) in _RENDERERS.items()
}
"""FHIR type by field of canonical Resource; an opaque one has its own."""


class Content(NamedTuple):
    """What a canonical resource holds, as far as it was looked at."""

    fhir_type: str
    kind: type[Any]
    """Class of the message that `data` is."""
    data: bytes
    render: _Renderer
    original: Json | None = None
    """A FHIR resource that goes out as itself."""


def content_of(resource: Any) -> Content:
    """The FHIR type of a resource, read shallowly, and how to render it.

    Raises:
        InvalidMessage: it has no content or no key, so it has no place in a record.
    """
    kind = resource.WhichOneof("content")
    if kind is None or not resource.key:
        raise InvalidMessage(
            "a canonical resource needs a content and a key",
            reason=Reason.REASON_RENDERING_FAILED,
        )
    data = getattr(resource, kind)
    if kind == "opaque":
        original = opaque.original(opened(resources_pb2.Opaque, data))
        fhir_type = "Basic" if original is None else str(original["resourceType"])
        return Content(fhir_type, resources_pb2.Opaque, data, opaque.basic, original)
    fhir_type, message_kind, render = _RENDERERS[kind]
    return Content(fhir_type, message_kind, data, render)


def rendered(content: Content, own: Json, resource_id: str, links: Links) -> Json:
    """The FHIR resource; `own` is the identifier that we know it by, `resource_id` may be "".

    Raises:
        InvalidMessage: the content cannot be read.
    """
    made: Json = {"resourceType": content.fhir_type}
    if resource_id:
        made["id"] = resource_id
    if content.original is not None:
        body = opaque.readdressed(content.original, links)
        others = body.pop("identifier", None)
        made["identifier"] = [own, *(others if isinstance(others, list) else ())]
        return made | body
    message = opened(content.kind, content.data)
    if content.fhir_type in UNNUMBERED:
        body = {name: value for name, value in content.render(message, links).items() if value}
        return _with_facts(made | body, message, links)
    others = [] if content.fhir_type == "Basic" else identifiers(message.identifiers)
    made["identifier"] = [own, *others] if others else [own]
    for name, value in content.render(message, links).items():
        if value or value == 0:  # as `filled` does
            made[name] = value
    return _with_facts(made, message, links)


def _with_facts(made: Json, message: Any, links: Links) -> Json:
    """With what no element says beside what the extensions of the renderer do."""
    if made["resourceType"] == "Basic" or not message.facts:
        return made
    if found := extensions_of(message.facts, links):
        others = made.get("extension")
        made["extension"] = [*others, *found] if isinstance(others, list) else found
    return made


def render_resource(
    resource: resources_pb2.Resource, tenant: str, *, person_id: str = "", literal: bool = False
) -> dict[str, object]:
    """The FHIR R4 JSON object of one resource, for `orjson` to write: numbers are fragments.

    Args:
        resource: what to render; its `deleted` mark is the caller's to heed.
        tenant: whose resource it is; the id is made of tenant, FHIR type and key.
        person_id: the golden person whom it is about. A Patient is keyed by it. Where it is not
            given, a required subject is said to be absent.
        literal: point at other resources as `Type/id`, for a server that holds them all, instead
            of naming them by identifier.

    Raises:
        InvalidMessage: the resource has no content or no key.
    """
    content = content_of(ShallowResource.FromString(resource.SerializeToString()))
    links = Links(tenant, person_id, literal=literal)
    key = resource.key
    if content.fhir_type == "Patient":
        key = person_id or key
        own: Json = {"system": PERSON_SYSTEM, "value": key}
    else:
        own = {"system": RESOURCE_SYSTEM, "value": links.id(content.fhir_type, key)}
    return rendered(content, own, links.id(content.fhir_type, key), links)
