"""A directive that comes in a stream decides on the very message that brings it, and on all after it.

Out of scope: directives that are filed (test_consent.py), what they decide (tests/unit/consent).
"""

import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from services.cli.sample_mesh import TENANT, SampleFeed
from services.cli.sending.outgoing import outgoing
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    ward = SampleFeed("ward", pathlib.Path(), ())
    fhir = {"name": "fhir-ward", "tenant": TENANT, "dialect": "fhir"}
    async with running_mesh(
        [ward], sources=pathlib.Path("none"), validate=True, further_feeds=[fhir]
    ) as running:
        yield running


def _patient(number: str) -> dict[str, Any]:
    system = "urn:oid:2.16.840.1.113883.3.9999.7"
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [{"system": system, "value": number}],
        "name": [{"family": "Fennel", "given": [f"Flora{number}"]}],
    }


def _result(number: str, name: str, value: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{number}"},
        "valueQuantity": {"value": float(value), "unit": "g"},
    }


def _consent(number: str, **changes: Any) -> dict[str, Any]:
    deny = {
        "type": "deny",
        "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}],
    }
    said = {
        "resourceType": "Consent",
        "id": f"c{number}",
        "status": "active",
        "scope": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                    "code": "patient-privacy",
                }
            ]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{number}"},
        "policyRule": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}
            ]
        },
        "provision": {"provision": [deny]},
    }
    return said | changes


async def _send(running: Running, name: str, *resources: dict[str, Any]) -> str:
    bundle = {
        "resourceType": "Bundle",
        "id": name,
        "type": "transaction",
        "entry": [{"resource": each} for each in resources],
    }
    async with grpc.aio.insecure_channel(running.mesh.mesh.grpc["ingest"]) as channel:
        stub = ingest_pb2_grpc.IngestServiceStub(channel)
        answer = await stub.Submit(
            ingest_pb2.SubmitRequest(feed="fhir-ward", content=json.dumps(bundle).encode()),
            timeout=20,
        )
    assert not answer.receipt.issues
    report = await running.settle()
    assert not report.violations
    folder = running.sample.archive
    return "".join(each.read_text() for each in sorted(folder.rglob("*")) if each.is_file())


async def test_a_directive_decides_on_the_message_that_brings_it_and_until_it_is_ended(
    mesh: Running,
) -> None:
    archived = await _send(mesh, "t1", _patient("T1"), _result("T1", "a", "21.125"), _consent("T1"))
    assert "FloraT1" in archived
    assert "21.125" not in archived
    ended = _consent("T1", status="inactive")
    archived = await _send(mesh, "t2", _patient("T1"), _result("T1", "b", "22.125"), ended)
    assert "22.125" in archived
    assert "21.125" not in archived


async def test_what_cannot_be_understood_withholds_everything(mesh: Running) -> None:
    strange = _consent("T2", modifierExtension=[{"url": "http://x.example", "valueCode": "y"}])
    archived = await _send(mesh, "t3", _patient("T2"), _result("T2", "c", "23.125"), strange)
    assert "FloraT2" not in archived
    assert "23.125" not in archived
    archived = await _send(mesh, "t4", _patient("T2"), _consent("T2", status="rejected"))
    assert "FloraT2" in archived


async def test_a_directive_goes_with_the_person_into_a_merge(mesh: Running) -> None:
    await _send(mesh, "t5", _patient("T3"), _consent("T3"))
    merge = (
        b"MSH|^~\\&|A|B|C|D|20260601120000+0000||ADT^A40^ADT_A39|M1|P|2.5.1\r"
        b"EVN|A40|20260601120000+0000\r"
        b"PID|1||T4^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR||Fennel^FloraT4\r"
        b"MRG|T3^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR\r"
    )
    await _send(mesh, "t6", _patient("T4"), _result("T4", "d", "24.125"))
    await mesh.send("ward", [outgoing(merge, "M1")])
    archived = await _send(mesh, "t7", _patient("T4"), _result("T4", "e", "25.125"))
    assert "24.125" in archived
    assert "25.125" not in archived
