"""What is judged of a FHIR message at the door. The whole way is in tests/e2e/test_fhir_intake.py."""

import json
from collections.abc import Mapping

from plexus.api.errors.v1.errors_pb2 import Reason
from plexus.ids import KeyDigest
from services.ingest.domain import Assessment, assess, assess_fhir

_DIGEST = KeyDigest(b"0123456789abcdef")
_PATIENT: dict[str, object] = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "urn:oid:2.999.1", "value": "4711"}],
}


def _assess(content: bytes | Mapping[str, object]) -> Assessment:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return assess_fhir(data, tenant="t", source="ward", digest=_DIGEST)


def test_a_person_orders_fhir_and_hl7_v2_by_the_same_key() -> None:
    message = (
        b"MSH|^~\\&|A|B|C|D|20260601120000||ADT^A08^ADT_A01|1|P|2.5.1\r"
        b"EVN|A08\rPID|1||4711^^^NORTH&2.999.1&ISO^MR||Test\r"
    )
    other = assess(message, tenant="t", source="other", digest=_DIGEST)
    assert other.accepted
    assert _assess(_PATIENT).key == other.key


def test_a_message_is_named_by_its_bundle_or_by_id_and_version_of_its_resource() -> None:
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": _PATIENT}]}
    assert _assess(bundle | {"id": "b"}).control_id == "b"
    assert _assess(bundle | {"id": "b", "identifier": {"value": "n"}}).control_id == "n"
    assert _assess(_PATIENT | {"meta": {"versionId": "3"}}).control_id == "Patient/p/3"
    assert _assess(_PATIENT).control_id == ""


def test_what_has_no_name_conflicts_with_nothing() -> None:
    one, other = _assess(_PATIENT), _assess(_PATIENT | {"gender": "male"})
    assert one.control != other.control
    assert one.fingerprint == _assess(_PATIENT).fingerprint


def test_a_refusal_names_reason_and_place_and_is_ordered_by_the_source() -> None:
    refused = _assess({"resourceType": "Bundle", "type": "collection"})
    assert not refused.accepted
    assert refused.answer is None
    assert refused.issues[0].reason == Reason.REASON_MAPPING_FAILED
    assert refused.message_type == "Bundle/collection"
    assert refused.key == _DIGEST.key("t", "source", "ward")
    assert not _assess(b"\xff").accepted
