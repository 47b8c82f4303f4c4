"""FHIR from gRPC to a FHIR destination: a Bundle becomes a patient's record beside what HL7 v2 said.

In scope: the whole way, refusals at the door, duplicates. How members are read is tested in
tests/unit/codecs/fhir/test_fhir_reading.py.
"""

import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from plexus.api.errors.v1.errors_pb2 import Reason
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from services.cli.sample_mesh import TENANT, SampleFeed
from services.cli.sending.outgoing import outgoing
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

_MRN = {"system": "urn:oid:2.16.840.1.113883.3.9999.7", "value": "F100"}
_PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [_MRN],
    "name": [{"family": "Fennel", "given": ["Flora"]}],
}
_OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
    "subject": {"reference": "Patient/p1"},
}
_ACCEPTED = ingest_pb2.ReceiptOutcome.RECEIPT_OUTCOME_ACCEPTED
_REJECTED = ingest_pb2.ReceiptOutcome.RECEIPT_OUTCOME_REJECTED
_DUPLICATE = ingest_pb2.ReceiptOutcome.RECEIPT_OUTCOME_DUPLICATE


def _bundle(*resources: dict[str, Any], name: str) -> bytes:
    entries = [{"resource": each} for each in resources]
    bundle = {"resourceType": "Bundle", "id": name, "type": "transaction", "entry": entries}
    # 1.50 is not 1.5: the digits must arrive.
    return json.dumps(bundle).replace("1.5,", "1.50,").encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    ward = SampleFeed("ward", pathlib.Path(), ())
    fhir = {"name": "fhir-ward", "tenant": TENANT, "dialect": "fhir"}
    async with running_mesh(
        [ward], sources=pathlib.Path("none"), validate=True, further_feeds=[fhir]
    ) as running:
        yield running


async def _submit(running: Running, content: bytes) -> ingest_pb2.Receipt:
    async with grpc.aio.insecure_channel(running.mesh.mesh.grpc["ingest"]) as channel:
        stub = ingest_pb2_grpc.IngestServiceStub(channel)
        answer = await stub.Submit(
            ingest_pb2.SubmitRequest(feed="fhir-ward", content=content), timeout=20
        )
    return answer.receipt


async def test_a_bundle_reaches_the_fhir_server_of_the_same_person_as_hl7_v2(mesh: Running) -> None:
    admitted = (
        b"MSH|^~\\&|A|B|C|D|20260601120000+0000||ADT^A01^ADT_A01|W1|P|2.5.1\r"
        b"EVN|A01|20260601120000+0000\r"
        b"PID|1||F100^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR||Fennel^Flora\r"
        b"PV1|1|I\r"
    )
    await mesh.send("ward", [outgoing(admitted, "admitted")])
    weighed = _OBSERVATION | {"valueQuantity": {"value": 1.5, "unit": "g"}}
    receipt = await _submit(mesh, _bundle(_PATIENT, weighed, name="b1"))
    assert receipt.outcome == _ACCEPTED
    assert (receipt.message_type, receipt.control_id) == ("Bundle/transaction", "b1")
    report = await mesh.settle()
    assert not report.violations
    persons = await mesh.rows(
        "SELECT count(DISTINCT person_id) AS n FROM identity.identifier WHERE value = 'F100'"
    )
    assert persons[0]["n"] == 1
    keys = await mesh.rows(
        "SELECT count(DISTINCT key) AS n FROM ingest.receipt WHERE control_id IN ('W1', 'b1')"
    )
    assert keys[0]["n"] == 1
    assert not mesh.receiver.findings
    sent = [b for b in _archived(mesh) if b'"Observation"' in b]
    assert sent
    assert b'"value":1.50' in sent[-1]


def _archived(running: Running) -> list[bytes]:
    folder = running.sample.archive
    return [file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()]


async def test_a_resource_alone_is_about_the_patient_that_it_points_at(mesh: Running) -> None:
    await _submit(mesh, _bundle(_PATIENT, name="b2"))
    receipt = await _submit(mesh, json.dumps(_OBSERVATION | {"id": "o2"}).encode())
    assert receipt.outcome == _ACCEPTED
    assert receipt.message_type == "Observation"
    report = await mesh.settle()
    assert not report.violations
    rows = await mesh.rows(
        "SELECT count(DISTINCT person_id) AS n FROM records.resource WHERE key LIKE '%fhir:%o_'"
    )
    assert rows[0]["n"] == 1


async def test_what_is_sent_again_is_recognised(mesh: Running) -> None:
    content = _bundle(_PATIENT | {"gender": "female"}, name="b3")
    first = await _submit(mesh, content)
    again = await _submit(mesh, content)
    assert again.outcome == _DUPLICATE
    assert again.message_id == first.message_id


@pytest.mark.parametrize(
    ("content", "reason", "location"),
    [
        (b"MSH|^~\\&|A", Reason.REASON_UNREADABLE, ""),
        (b'{"resourceType":"Hamster"}', Reason.REASON_UNSUPPORTED_MESSAGE_TYPE, "resourceType"),
        (b'{"resourceType":"Location"}', Reason.REASON_MAPPING_FAILED, "Patient"),
    ],
)
async def test_what_is_no_fhir_of_one_person_is_refused_with_reason_and_place(
    mesh: Running, content: bytes, reason: Reason.ValueType, location: str
) -> None:
    receipt = await _submit(mesh, content)
    assert receipt.outcome == _REJECTED
    assert [(one.reason, one.location) for one in receipt.issues] == [(reason, location)]
