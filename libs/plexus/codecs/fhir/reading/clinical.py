"""Tables of allergies, diagnoses, procedures, documents and care teams: the inverse of `plexus.codecs.fhir.clinical`."""

from collections.abc import Mapping
from typing import Any, Final

from plexus.codecs.fhir.clinical import DUE_TO_URL, RANK_URL
from plexus.codecs.fhir.reading.datatypes import code_in, fixed, subject
from plexus.codecs.fhir.reading.filling import Each, Extensions, Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Tree

__all__ = ["TABLES"]

_RELATED: Final = {"replaces": "replaces", "appends": "appends"}


def _related(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """The document that it replaces and the one that it adds to, each by identifier."""
    values = source[name]
    for each in values if isinstance(values, list) else ():
        field = (
            _RELATED.get(code)
            if isinstance(each, dict) and type(code := each.get("code")) is str
            else None
        )
        if field is None or target.HasField(field) or not isinstance(each.get("target"), dict):
            continue
        other: Table = {"identifier": field, "type": fixed("DocumentReference", "identifier")}
        fill(other, "Reference", each["target"], target, reading)
        if target.HasField(field):
            del each["code"]


TABLES: Final[Mapping[str, Table]] = {
    "AllergyIntolerance": {
        "identifier": "identifiers",
        "clinicalStatus": code_in("clinical_status", "allergyintolerance-clinical"),
        "verificationStatus": code_in("verification_status", "allergyintolerance-verification"),
        "type": "type",
        "category": "category",
        "criticality": "criticality",
        "code": "code",
        "patient": subject,
        "onsetDateTime": "onset",
        "onsetString": "onset_text",
        "recorder": "recorder",
        "recordedDate": "recorded",
        "note": "notes",
        "reaction": {"manifestation": "reactions", "severity": "severity"},
    },
    "CareTeam": {
        "identifier": "identifiers",
        "status": "status",
        "subject": subject,
        "participant": Each(
            "participants",
            {"role": "role", "member": "actor", "onBehalfOf": "on_behalf_of", "period": "period"},
        ),
        "reasonCode": "reasons",
        "telecom": "telecoms",
    },
    "Condition": {
        "identifier": "identifiers",
        "extension": Extensions(
            {
                RANK_URL: "rank",
                DUE_TO_URL: {"identifier": "due_to", "type": fixed("Condition", "identifier")},
            }
        ),
        "clinicalStatus": code_in("clinical_status", "condition-clinical"),
        "verificationStatus": code_in("verification_status", "condition-ver-status"),
        "category": "categories",
        "code": "code",
        "subject": subject,
        "encounter": "encounter",
        "severity": "severity",
        "onsetDateTime": "onset",
        "abatementDateTime": "abatement",
        "recordedDate": "recorded",
        "asserter": "asserter",
        "note": "notes",
    },
    "DocumentReference": {
        "identifier": "identifiers",
        "masterIdentifier": "master",
        "status": "status",
        "docStatus": "doc_status",
        "type": "type",
        "subject": subject,
        "date": "date",
        "author": "authors",
        "authenticator": "authenticator",
        "relatesTo": _related,
        "category": "categories",
        "custodian": "custodian",
        "description": "description",
        "securityLabel": "security_labels",
        "content": {"attachment": "contents"},
        "context": {
            "encounter": "encounter",
            "event": "events",
            "period": "service_period",
            "related": "related",
        },
    },
    "Procedure": {
        "identifier": "identifiers",
        "status": "status",
        "category": "category",
        "code": "code",
        "subject": subject,
        "encounter": "encounter",
        "partOf": {"identifier": "part_of", "type": fixed("Procedure", "identifier")},
        "location": "location",
        "performedDateTime": "performed.start",
        "performedPeriod": "performed",
        "performer": Each(
            "performers", {"function": "role", "actor": "actor", "onBehalfOf": "on_behalf_of"}
        ),
        "reasonCode": "reasons",
    },
}
