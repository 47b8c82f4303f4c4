"""ServiceRequest and Specimen: what was asked for, and what it is to be done on."""

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.contact_points import telecoms
from plexus.codecs.fhir.datatypes import (
    concept,
    concepts,
    identifier,
    identifiers,
    labels,
)
from plexus.codecs.fhir.elements import ABSENT_CONCEPT, Json, every, extension, filled, text
from plexus.codecs.fhir.quantities import quantity
from plexus.codecs.fhir.references import (
    ANYBODY,
    ANYTHING,
    ENCOUNTER,
    ORGANIZATION,
    PRACTITIONER,
    REASON,
    SPECIMEN,
    Links,
)
from plexus.codecs.fhir.results import period_or_time
from plexus.codecs.fhir.timings import timing

__all__ = [
    "CALLBACK_URL",
    "EVENT_URL",
    "HANDLING_URL",
    "REJECT_URL",
    "RELEVANT_URL",
    "ROLE_URL",
    "STATUS_REASON_URL",
    "service_request",
    "specimen",
]

STATUS_REASON_URL = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
EVENT_URL = "http://hl7.org/fhir/StructureDefinition/businessEvent"
HANDLING_URL = "http://hl7.org/fhir/StructureDefinition/specimen-specialHandling"
REJECT_URL = "http://hl7.org/fhir/StructureDefinition/specimen-reject-reason"
ROLE_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Specimen.role"
CALLBACK_URL = "http://hl7.org/fhir/StructureDefinition/servicerequest-order-callback-phone-number"
RELEVANT_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest.supportingInfo"
_BASED_ON = frozenset({"CarePlan", "MedicationRequest", "ServiceRequest"})
_ORDERER = PRACTITIONER | ORGANIZATION | {"Patient", "RelatedPerson", "Device"}
_FILLER = ANYBODY | {"HealthcareService"}


def service_request(source: resources_pb2.ServiceRequest, links: Links) -> Json:
    """R4 ServiceRequest; an order unless its intent says otherwise."""
    occurrence = period_or_time("occurrence", source.occurrence)
    if made := timing(source.schedule, source.timing, source.occurrence):
        occurrence = {"occurrenceTiming": made}
    code, details = concept(source.code), concepts(source.details)
    return {
        "meta": labels(source.restrictions),
        "extension": _request_extensions(source),
        "basedOn": links.many(source.based_on, _BASED_ON),
        "requisition": identifier(source.requisition),
        "status": coded(source.status, codes.REQUEST_STATUS, "unknown"),
        "intent": coded(source.intent, codes.REQUEST_INTENT, "order"),
        "category": concepts(source.categories),
        "priority": coded(source.priority, codes.REQUEST_PRIORITY),
        "code": code or (ABSENT_CONCEPT if details else None),
        # Invariant prr-1: details only where there is a code.
        "orderDetail": details,
        "quantityQuantity": quantity(source.quantity),
        "subject": links.subject(),
        "encounter": links.one(source.encounter, ENCOUNTER),
        **occurrence,
        "asNeededCodeableConcept": concept(source.as_needed),
        "authoredOn": times.date_time(source.authored_on),
        "requester": links.one(source.requester, _ORDERER),
        "performer": links.many(source.performers, _FILLER),
        "locationCode": concepts([source.location_kind]),
        "reasonCode": concepts(source.reasons),
        "reasonReference": links.many(source.reason_references, REASON),
        "supportingInfo": links.many(source.supporting, ANYTHING),
        "specimen": links.many(source.specimens, SPECIMEN),
        "note": links.annotations(source.notes),
    }


def _request_extensions(source: resources_pb2.ServiceRequest) -> list[Json]:
    found = [extension(STATUS_REASON_URL, valueCodeableConcept=concept(source.status_reason))]
    found += (
        extension(CALLBACK_URL, valueContactPoint=each) for each in telecoms(source.callbacks)
    )
    # From R5 on, what supports a request may be said in words; its backport has this name.
    found += (
        {"url": RELEVANT_URL, "extension": [{"url": "concept", "valueCodeableConcept": each}]}
        for each in concepts(source.relevant)
    )
    event = [
        extension("value", valueCodeableConcept=concept(source.event)),
        extension("date", valueDateTime=times.date_time(source.event_time)),
    ]
    if parts := [each for each in event if each]:
        found.append({"url": EVENT_URL, "extension": parts})
    return [each for each in found if each]


def specimen(source: resources_pb2.Specimen, links: Links) -> Json:
    """R4 Specimen."""
    return {
        "extension": [
            {"url": url, "valueCodeableConcept": each}
            for url, known in (
                (HANDLING_URL, source.handling),
                (ROLE_URL, source.roles),
                (REJECT_URL, source.reject_reasons),
            )
            for each in concepts(known)
        ],
        "status": coded(source.status, codes.SPECIMEN_STATUS),
        "type": concept(source.type),
        "subject": links.subject(),
        "accessionIdentifier": identifier(source.accession),
        "receivedTime": times.date_time(source.received_time),
        "parent": [
            {"type": "Specimen", "identifier": made} for made in identifiers(source.parents)
        ],
        "collection": filled(
            {
                "collector": links.one(source.collector, PRACTITIONER),
                **period_or_time("collected", source.collected),
                "quantity": quantity(source.quantity),
                "method": concept(source.method),
                "bodySite": concept(source.body_site),
            }
        ),
        "container": every(_container, source.containers),
        "condition": concepts(source.conditions),
        "note": links.annotations(source.notes),
    }


def _container(source: resources_pb2.Container) -> Json:
    return filled(
        {
            "identifier": identifiers(source.identifiers),
            "description": text(source.description),
            "type": concept(source.type),
            "additiveCodeableConcept": concept(source.additive),
        }
    )
