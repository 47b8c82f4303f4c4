"""A permission that is revoked while a thousand deliveries are queued: none leaves afterwards.

Under a statute that needs consent nothing leaves without the directive, so what was queued under it is
withheld once it is revoked. Out of scope: what directives decide (tests/unit/consent).
"""

import collections
import json
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.testing.waiting import eventually
from services.cli.receiver import Faults
from services.cli.sample_mesh import TENANT, SampleFeed
from services.cli.sending.outgoing import outgoing
from tests.e2e.running import Running, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]

_QUEUED = 1000
_LEFT_FIRST = 25
_PERMIT = {
    "resourceType": "Consent",
    "id": "opt-in",
    "status": "active",
    "provision": {"type": "permit"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh() -> AsyncIterator[Running]:
    ward = SampleFeed("ward", pathlib.Path(), ())
    async with running_mesh(
        [ward],
        sources=pathlib.Path("none"),
        further_sections={"statutes": [{"id": "opt-in", "law": "needs-consent"}]},
    ) as running:
        yield running


def _result(number: int) -> bytes:
    return (
        f"MSH|^~\\&|A|B|C|D|20260601120000+0000||ORU^R01^ORU_R01|Q{number}|P|2.5.1\r"
        "PID|1||C200^^^WARD&2.16.840.1.113883.3.9999.7&ISO^MR||Fennel^Flora\r"
        f"OBR|1||F{number}|718-7^Hemoglobin^LN|||20260601120000+0000\r"
        f"OBX|1|NM|718-7^Hemoglobin^LN||{number}|g/dL|||||F|||20260601120000+0000\r"
    ).encode()


async def _decided(running: Running) -> dict[str, set[str]]:
    """The outcomes that audit has of each message towards the EHR."""
    code, told = await running.plexus(
        "audit",
        "query",
        "--destination",
        "ehr",
        "--type",
        "disclosure",
        "--limit",
        "100000",
        "--json",
    )
    assert code == 0, told
    found: dict[str, set[str]] = collections.defaultdict(set)
    for event in json.loads(told):
        found[event["message_id"]].add(event["outcome"])
    return found


async def _are_queued(running: Running) -> bool:
    rows = await running.rows("SELECT count(*) AS n FROM delivery.item WHERE destination = 'ehr'")
    return bool(rows[0]["n"] >= _QUEUED)


async def _have_left(running: Running) -> bool:
    return len(running.receiver.transactions) >= _LEFT_FIRST


async def test_nothing_leaves_once_a_revocation_has_returned(
    mesh: Running, tmp_path: pathlib.Path
) -> None:
    await mesh.send("ward", [outgoing(_result(0), "Q0")])
    await mesh.settle()
    assert not mesh.receiver.transactions
    (row,) = await mesh.rows(
        "SELECT DISTINCT person_id FROM identity.identifier WHERE value = 'C200'"
    )
    who = ("--tenant", TENANT, "--person", str(row["person_id"]))
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(_PERMIT))
    code, told = await mesh.plexus("consent", "file", *who, str(file), "--json")
    assert code == 0, told

    mesh.receiver.faults = Faults(answer=503)
    messages = [outgoing(_result(n), f"Q{n}") for n in range(1, _QUEUED + 1)]
    await mesh.send("ward", messages, connections=4)
    await eventually(lambda: _are_queued(mesh), timeout_seconds=60)
    mesh.receiver.faults = Faults(delay_seconds=0.05)
    await eventually(lambda: _have_left(mesh), timeout_seconds=60)
    code, told = await mesh.plexus("consent", "revoke", *who, json.loads(told)["consent_id"])
    left = {each.message_id for each in mesh.receiver.transactions}
    assert code == 0, told
    assert len(left) < _QUEUED

    mesh.receiver.faults = Faults()
    report = await mesh.settle(120)
    assert not report.violations
    assert {each.message_id for each in mesh.receiver.transactions} == left
    outcomes = await _decided(mesh)
    assert len(outcomes) == _QUEUED + 1
    for message_id, found in outcomes.items():
        assert ("permit" in found) >= (message_id in left)
        assert ("deny" in found) is (message_id not in left)
