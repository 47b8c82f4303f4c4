"""Tables of what was asked for, and on what: the inverse of `plexus.codecs.fhir.orders`."""

from collections.abc import Mapping
from typing import Final

from plexus.codecs.fhir.orders import (
    CALLBACK_URL,
    EVENT_URL,
    HANDLING_URL,
    REJECT_URL,
    RELEVANT_URL,
    ROLE_URL,
    STATUS_REASON_URL,
)
from plexus.codecs.fhir.reading.datatypes import fixed, subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Table
from plexus.codecs.fhir.reading.timings import timing

__all__ = ["TABLES"]

TABLES: Final[Mapping[str, Table]] = {
    "ServiceRequest": {
        "basedOn": "based_on",
        "identifier": "identifiers",
        "meta": {"security": "restrictions"},
        "extension": Extensions(
            {
                STATUS_REASON_URL: "status_reason",
                CALLBACK_URL: "callbacks",
                RELEVANT_URL: Extensions({"concept": "relevant"}),
                EVENT_URL: Extensions({"value": "event", "date": "event_time"}),
            }
        ),
        "requisition": "requisition",
        "status": "status",
        "intent": "intent",
        "category": "categories",
        "priority": "priority",
        "code": "code",
        "orderDetail": "details",
        "quantityQuantity": "quantity",
        "subject": subject,
        "encounter": "encounter",
        "occurrenceDateTime": "occurrence.start",
        "occurrencePeriod": "occurrence",
        "occurrenceTiming": timing("occurrence"),
        "asNeededCodeableConcept": "as_needed",
        "authoredOn": "authored_on",
        "requester": "requester",
        "performer": "performers",
        "locationCode": "location_kind",
        "reasonCode": "reasons",
        "reasonReference": "reason_references",
        "supportingInfo": "supporting",
        "specimen": "specimens",
        "note": "notes",
    },
    "Specimen": {
        "extension": Extensions(
            {HANDLING_URL: "handling", ROLE_URL: "roles", REJECT_URL: "reject_reasons"}
        ),
        "identifier": "identifiers",
        "status": "status",
        "type": "type",
        "subject": subject,
        "accessionIdentifier": "accession",
        "receivedTime": "received_time",
        "parent": {"identifier": "parents", "type": fixed("Specimen", "identifier")},
        "collection": {
            "collector": "collector",
            "collectedDateTime": "collected.start",
            "collectedPeriod": "collected",
            "quantity": "quantity",
            "method": "method",
            "bodySite": "body_site",
        },
        "container": Each(
            "containers",
            {
                "identifier": "identifiers",
                "description": "description",
                "type": "type",
                "additiveCodeableConcept": "additive",
            },
        ),
        "condition": "conditions",
        "note": "notes",
    },
}
