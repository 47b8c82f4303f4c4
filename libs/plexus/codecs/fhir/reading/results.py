"""Tables of what was found: the inverse of `plexus.codecs.fhir.results`."""

from collections.abc import Mapping
from typing import Any, Final

from plexus.codecs.fhir.reading.datatypes import subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Tree
from plexus.codecs.fhir.results import (
    ABNORMAL_URL,
    DEVICE_URL,
    NOTE_URL,
    STRUCTURE_URL,
    SUB_ID_URL,
)
from plexus.codecs.fhir.values import VALUE_URL

__all__ = ["TABLES"]


def _based_on(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """Orders, and acts that it is part of: what one of the two cannot point at it names all the same.

    So what stands in both is one, and so is an act and its bare name among the orders.
    """
    orders, acts = source[name], source.get("partOf")
    if isinstance(orders, list) and isinstance(acts, list):
        for each in orders:
            if each in acts:
                acts[acts.index(each)] = None
        for act in acts:
            if not isinstance(act, dict):
                continue
            bare = {name: act[name] for name in ("extension", "display") if name in act}
            if bare in orders:
                orders[orders.index(bare)] = None
    fill({name: "based_on"}, "Observation", source, target, reading)


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
        "basedOn": _based_on,
        "partOf": "based_on",
        "derivedFrom": "derived_from",
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
        "device": "equipment",
        "referenceRange": Each(
            "reference_ranges",
            {"low": "low", "high": "high", "appliesTo": "applies_to", "text": "text"},
        ),
        "extension": Extensions(
            {
                VALUE_URL: "value.attachment",
                DEVICE_URL: "equipment",
                ABNORMAL_URL: "abnormal_kinds",
                STRUCTURE_URL: "structure_type",
                SUB_ID_URL: Extensions({"original-sub-identifier": "sub_id"}),
            }
        ),
    },
}
