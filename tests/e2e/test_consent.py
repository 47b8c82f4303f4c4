"""Directives decide what leaves a running mesh: filed and ended by command line, withheld by resource.

Out of scope: which rule decides (tests/unit/consent), gRPC of consent (tests/integration/consent).
"""

import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.cli.sample_mesh import TENANT, SampleFeed
from services.cli.sending.outgoing import outgoing
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

_NO_RESULTS = {
    "resourceType": "Consent",
    "id": "c1",
    "status": "active",
    "provision": {
        "type": "permit",
        "provision": [
            {
                "type": "deny",
                "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}],
            }
        ],
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    ward = SampleFeed("ward", pathlib.Path(), ())
    async with running_mesh([ward], sources=pathlib.Path("none"), validate=True) as running:
        yield running


def _result(name: str, value: str) -> bytes:
    return (
        f"MSH|^~\\&|A|B|C|D|20260601120000+0000||ORU^R01^ORU_R01|{name}|P|2.5.1\r"
        "PID|1||C100^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR||Fennel^Flora\r"
        f"OBR|1||{name}|718-7^Hemoglobin^LN|||20260601120000+0000\r"
        f"OBX|1|NM|718-7^Hemoglobin^LN||{value}|g/dL|||||F|||20260601120000+0000\r"
    ).encode()


def _archived(running: Running) -> str:
    folder = running.sample.archive
    return "".join(each.read_text() for each in sorted(folder.rglob("*")) if each.is_file())


async def _send(running: Running, name: str, value: str) -> None:
    await running.send("ward", [outgoing(_result(name, value), name)])
    report = await running.settle()
    assert not report.violations


async def _person(running: Running) -> str:
    (row,) = await running.rows(
        "SELECT DISTINCT person_id FROM identity.identifier WHERE value = 'C100'"
    )
    return str(row["person_id"])


async def test_a_directive_withholds_resources_until_it_is_revoked(
    mesh: Running, tmp_path: pathlib.Path
) -> None:
    await _send(mesh, "R1", "11.125")
    assert "11.125" in _archived(mesh)
    who = ("--tenant", TENANT, "--person", await _person(mesh))
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(_NO_RESULTS))

    code, told = await mesh.plexus("consent", "simulate", *who, str(file))
    assert code == 0
    assert "Observation" in told
    code, told = await mesh.plexus("consent", "file", *who, str(file), "--json")
    assert code == 0, told
    filed: dict[str, Any] = json.loads(told)

    await _send(mesh, "R2", "12.125")
    archived = _archived(mesh)
    assert "12.125" not in archived
    # The report leaves, and the story says what did not.
    code, story = await mesh.plexus("why", "--control-id", "R2")
    assert code == 0
    assert "withheld" in story
    code, told = await mesh.plexus("consent", "explain", *who)
    assert (code, filed["consent_id"] in told) == (0, True)

    code, told = await mesh.plexus("consent", "revoke", *who, filed["consent_id"])
    assert code == 0, told
    await _send(mesh, "R3", "13.125")
    archived = _archived(mesh)
    assert "13.125" in archived
    assert "12.125" not in archived
    code, told = await mesh.plexus("consent", "list", *who)
    assert (code, "inactive" in told, "epoch 2" in told) == (0, True, True)
