"""Tables of what was found: the inverse of `plexus.codecs.fhir.results`."""

from collections.abc import Mapping
from typing import Final

from plexus.codecs.fhir.reading.datatypes import fixed, subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Table
from plexus.codecs.fhir.results import DEVICE_URL, NOTE_URL, SUB_ID_URL
from plexus.codecs.fhir.values import VALUE_URL

__all__ = ["TABLES"]

_DEVICE: Final[Table] = {"identifier": "devices", "type": fixed("Device", "identifier")}

TABLES: Final[Mapping[str, Table]] = {
    "DiagnosticReport": {
        "identifier": "identifiers",
        "extension": Extensions({NOTE_URL: "notes"}),
        "basedOn": "based_on",
        "status": "status",
        "category": "categories",
        "code": "code",
        "subject": subject,
        "encounter": "encounter",
        "effectiveDateTime": "effective.start",
        "effectivePeriod": "effective",
        "issued": "issued",
        "performer": "performers",
        "resultsInterpreter": "interpreters",
        "specimen": "specimens",
        "result": "results",
        "conclusion": "conclusion",
        "presentedForm": "presented_forms",
    },
    "Observation": {
        "identifier": "identifiers",
        "basedOn": "based_on",
        "partOf": "based_on",
        "status": "status",
        "category": "categories",
        "code": "code",
        "subject": subject,
        "encounter": "encounter",
        "effectiveDateTime": "effective_time",
        "effectiveInstant": "effective_time",
        "issued": "issued",
        "performer": "performers",
        "valueQuantity": "value.quantity",
        "valueCodeableConcept": "value.concept",
        "valueString": "value.text",
        "valueBoolean": "value.boolean",
        "valueInteger": "value.integer",
        "valueRange": "value.range",
        "valueRatio": "value.ratio",
        "valueTime": "value.time",
        "valueDateTime": "value.date_time",
        "valuePeriod": "value.period",
        "dataAbsentReason": "absent_reason",
        "interpretation": "interpretations",
        "note": "notes",
        "bodySite": "body_site",
        "method": "methods",
        "specimen": "specimen",
        "device": _DEVICE,
        "referenceRange": Each(
            "reference_ranges",
            {"low": "low", "high": "high", "appliesTo": "applies_to", "text": "text"},
        ),
        "extension": Extensions(
            {
                VALUE_URL: "value.attachment",
                DEVICE_URL: _DEVICE,
                SUB_ID_URL: Extensions({"original-sub-identifier": "sub_id"}),
            }
        ),
    },
}
