"""Audit events as FHIR R4 AuditEvent, in the patterns of IHE BALP (Basic Audit Log Patterns 1.1).

A permitted disclosure has the profile PrivacyDisclosure.Source. A denied one is told as BALP tells decisions
(AuthZ-Consent), and claims no profile: that wants a user and an organisation, and a mesh that sends has
none. Reading of the log itself is DICOM's "Audit Log Used". Whatever else there is, is a DICOM security alert
or patient record event with our own type beside it.

Each resource carries, as an extension, its sequence in the log and the hash of its leaf.
"""

from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1.audit_pb2 import AuditEvent

__all__ = ["LEAF_EXTENSION", "TYPE_SYSTEM", "audit_event"]

LEAF_EXTENSION: Final = "urn:plexus:extension:audit-leaf"
TYPE_SYSTEM: Final = "urn:plexus:codesystem:audit-event-type"
_DECISION_SYSTEM: Final = "urn:plexus:decision"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_LIFECYCLE: Final = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_AUTHZ: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_SOURCE_TYPE: Final = "http://terminology.hl7.org/CodeSystem/security-source-type"
_DISCLOSURE: Final = (
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source"
)
# AuditEvent.outcome: 0 success, 8 serious failure, as BALP tells a denial.
_OUTCOMES: Final = {"permit": "0", "success": "0", "deny": "8", "failure": "8"}
_MACHINE_NAME: Final = "1"


def audit_event(event: AuditEvent, sequence: int, leaf: bytes, site: str) -> dict[str, Any]:
    """The resource.

    Args:
        event: that was sealed.
        sequence: of its leaf.
        leaf: the hash of its leaf.
        site: the name of the log, which says whose record this is.
    """
    denied = event.outcome == "deny"
    disclosed = event.type == "disclosure" and not denied and bool(event.person_id)
    made: dict[str, Any] = {"resourceType": "AuditEvent", "id": event.event_id}
    if disclosed:
        made["meta"] = {"profile": [_DISCLOSURE]}
    made["extension"] = [
        {
            "url": LEAF_EXTENSION,
            "extension": [
                {"url": "sequence", "valueString": str(sequence)},
                {"url": "hash", "valueString": leaf.hex()},
            ],
        }
    ]
    made["type"], subtypes = _type(event)
    made["subtype"] = [*subtypes, {"system": TYPE_SYSTEM, "code": event.type}]
    if action := "E" if event.type == "disclosure" and denied else event.action:
        made["action"] = action
    made["recorded"] = _instant(event.at)
    made["outcome"] = _OUTCOMES.get(event.outcome, "0")
    if event.outcome:
        made["outcomeDesc"] = event.outcome
    if event.purpose:
        made["purposeOfEvent"] = [{"coding": [{"system": _REASON, "code": event.purpose}]}]
    made["agent"] = _agents(event)
    made["source"] = {
        "site": site,
        "observer": {"display": event.agent or "unknown"},
        "type": [{"system": _SOURCE_TYPE, "code": "4", "display": "Application Server"}],
    }
    if entities := _entities(event):
        made["entity"] = entities
    return made


def _type(event: AuditEvent) -> tuple[dict[str, str], list[dict[str, str]]]:
    if event.type == "disclosure":
        if event.outcome == "deny":
            return _dicom("110113", "Security Alert"), [{"system": _AUTHZ, "code": "AuthZ-Consent"}]
        return _dicom("110106", "Export"), [{"system": _LIFECYCLE, "code": "disclose"}]
    if event.type == "audit-read":
        return _dicom("110101", "Audit Log Used"), []
    if event.type == "content-read":
        return _dicom("110110", "Patient Record"), []
    return _dicom("110113", "Security Alert"), []


def _agents(event: AuditEvent) -> list[dict[str, Any]]:
    who = event.agent or "unknown"
    if event.type != "disclosure":
        return [
            {"type": _coded("110150", "Application"), "who": {"display": who}, "requestor": True}
        ]
    return [
        _party("110153", "Source Role ID", who, is_requestor=False),
        _party("110152", "Destination Role ID", event.destination or "unknown", is_requestor=True),
    ]


def _party(code: str, display: str, name: str, *, is_requestor: bool) -> dict[str, Any]:
    return {
        "type": _coded(code, display),
        "who": {"display": name},
        "requestor": is_requestor,
        "network": {"address": name, "type": _MACHINE_NAME},
    }


def _entities(event: AuditEvent) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if event.person_id:
        found.append({
            "what": {"reference": f"Patient/{event.person_id}"},
            "type": {"system": _ENTITY_TYPE, "code": "1", "display": "Person"},
            "role": {"system": _ROLE, "code": "1", "display": "Patient"},
        })  # fmt: skip
    details = [
        {"type": f"count {name}", "valueString": str(count)}
        for name, count in sorted(event.resource_counts.items())
    ]
    if event.trace_id:
        details.append({"type": "trace", "valueString": event.trace_id})
    if event.query:
        details.append({"type": "query", "valueString": event.query})
    content: dict[str, Any] = {}
    if event.message_id:
        content["what"] = {
            "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{event.message_id}"}
        }
    if details:
        content["detail"] = details
    if content:
        content["type"] = {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"}
        content["role"] = {"system": _ROLE, "code": "4", "display": "Domain Resource"}
        found.append(content)
    if event.decision_id:
        found.append({
            "what": {"identifier": {"system": _DECISION_SYSTEM, "value": event.decision_id}},
            "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
            "role": {"system": _ROLE, "code": "13", "display": "Security Resource"},
        })  # fmt: skip
    return found


def _instant(at: Timestamp) -> str:
    return at.ToJsonString()


def _dicom(code: str, display: str) -> dict[str, str]:
    return {"system": _DICOM, "code": code, "display": display}


def _coded(code: str, display: str) -> dict[str, Any]:
    return {"coding": [_dicom(code, display)]}
