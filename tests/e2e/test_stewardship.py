"""A steward merges two patients by mistake and takes it back: what a destination knows in the end.

Out of scope: which pairs are raised and what else a steward may do (tests/integration/identity).
"""

import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from plexus.testing.waiting import eventually
from services.cli.sample_mesh import TENANT, SampleFeed
from services.cli.sending.outgoing import outgoing
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

_WHY = ("--reason", "one insurance card", "--steward", "operator:ann")
_PATIENTS = {"S100": "Fennel^Flora^^^^^L||19640512|F", "S200": "Sorrel^Stan^^^^^L||19790130|M"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    ward = SampleFeed("ward", pathlib.Path(), ())
    async with running_mesh([ward], sources=pathlib.Path("none"), validate=True) as running:
        yield running


def _result(name: str, number: str, value: str, minute: int) -> bytes:
    at = f"202606011{minute // 60}{minute % 60:02d}00+0000"
    return (
        f"MSH|^~\\&|A|B|C|D|{at}||ORU^R01^ORU_R01|{name}|P|2.5.1\r"
        f"PID|1||{number}^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR||{_PATIENTS[number]}\r"
        f"OBR|1||{name}|718-7^Hemoglobin^LN|||{at}\r"
        f"OBX|1|NM|718-7^Hemoglobin^LN||{value}|g/dL|||||F|||{at}\r"
    ).encode()


async def _send(running: Running, name: str, number: str, value: str, minute: int) -> None:
    await running.send("ward", [outgoing(_result(name, number, value, minute), name)])
    await _settled(running)


async def _settled(running: Running) -> None:
    report = await running.settle()
    assert not report.violations


async def _person(running: Running, number: str) -> str:
    (row,) = await running.rows(
        "SELECT DISTINCT person_id FROM identity.identifier WHERE value = $1", number
    )
    return str(row["person_id"])


def _known(running: Running) -> dict[str, dict[str, Any]]:
    """What the destination has: patients by id, and the values of each patient's results."""
    resources = [orjson.loads(line) for line in running.receiver._store.lines()]
    patients = {
        each["id"]: {
            "active": each.get("active", True),
            "family": (each.get("name") or [{}])[0].get("family"),
            "replaced": any(link["type"] == "replaced-by" for link in each.get("link", ())),
            "values": set(),
        }
        for each in resources
        if each["resourceType"] == "Patient"
    }
    for each in resources:
        if each["resourceType"] == "Observation":
            patient = each["subject"]["reference"].removeprefix("Patient/")
            patients[patient]["values"].add(each["valueQuantity"]["value"])
    return patients


async def test_a_merge_and_its_undoing_reach_the_destination_with_all_data(mesh: Running) -> None:
    await _send(mesh, "T1", "S100", "11.1", 1)
    await _send(mesh, "T2", "S200", "22.2", 2)
    flora, stan = await _person(mesh, "S100"), await _person(mesh, "S200")
    before = _known(mesh)
    florist, stanist = (
        next(name for name, each in before.items() if each["family"] == family)
        for family in ("Fennel", "Sorrel")
    )

    code, told = await mesh.plexus("identity", "merge", TENANT, flora, stan, *_WHY)
    assert code == 0, told
    await _until_applied(mesh)
    merged = _known(mesh)
    assert merged[florist]["values"] == {11.1, 22.2}
    assert merged[stanist]["replaced"]
    await _send(mesh, "T3", "S200", "33.3", 3)
    await _send(mesh, "T4", "S100", "44.4", 4)
    assert _known(mesh)[florist]["values"] == {11.1, 22.2, 33.3, 44.4}

    code, told = await mesh.plexus("identity", "split", TENANT, stan, "--dry-run", *_WHY)
    assert (code, "goes back" in told) == (0, True), told
    code, told = await mesh.plexus("identity", "split", TENANT, stan, *_WHY)
    assert code == 0, told
    await _until_applied(mesh)
    after = _known(mesh)
    assert after[florist] == before[florist] | {"values": {11.1, 44.4}}
    assert after[stanist] == before[stanist] | {"values": {22.2, 33.3}}
    assert not mesh.receiver.findings

    await _send(mesh, "T5", "S200", "55.5", 5)
    assert _known(mesh)[stanist]["values"] == {22.2, 33.3, 55.5}
    code, told = await mesh.plexus("identity", "explain", TENANT, stan, "--json", *_WHY[2:])
    assert code == 0, told
    kinds = {each["kind"] for each in json.loads(told)["changes"]}
    assert {"merge", "unmerge"} <= kinds
    code, told = await mesh.plexus("conservation")
    assert (code, "stewardship" in told) == (0, True), told


async def _until_applied(running: Running) -> None:
    """What was decided is on its way at once, and counts as received when it is on the stream."""

    async def delivered() -> bool:
        (row,) = await running.rows(
            "SELECT (SELECT count(*) FROM identity.decision WHERE message_id IS NOT NULL)"
            " = (SELECT count(*) FROM audit.message WHERE feed = 'stewardship'"
            " AND disposition = 2) AS are_all"
        )
        return bool(row["are_all"])

    await eventually(delivered, timeout_seconds=60)
    await _settled(running)
