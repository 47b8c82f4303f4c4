"""Whoever changes the database is found and named: `plexus audit verify`, offline, and the standalone verifier.

Out of scope: every kind and place of a change (tests/unit/audit/test_verification.py).
"""

import asyncio
import json
import pathlib
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.errors import NotFound
from plexus.rpc import Peer
from plexus.service import Runtime
from plexus.store import Database, open_database
from plexus.telemetry.tracing import Tracing
from plexus.testing.waiting import eventually
from services.audit.domain.leaves import decode_leaf, encode_leaf
from services.audit.domain.notes import VerifyingKey
from services.audit.domain.verification import Fault
from services.cli.auditing.proofs import document_of, flaw_in
from services.cli.auditing.sources import log_line, read_leaves, verify_file, verify_mesh
from tests.integration.audit.log_material import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SECONDS = 5.0
_VERIFIER = pathlib.Path(__file__).parents[3] / "docs" / "verify_audit.py"
COUNT = 300


@pytest_asyncio.fixture(loop_scope="session")
async def peer(audit: Runtime) -> AsyncIterator[Peer]:
    opened = Peer(audit.rpc.address, Tracing("test", None))
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def hands(audit: Runtime) -> AsyncIterator[Database]:
    """The database in the hands of somebody who may alter its tables."""
    url = audit.settings.database_url.get_secret_value()
    database = await open_database(url, schema="audit", size=2)
    yield database
    await database.close()


async def latest(peer: Peer, tenant: str) -> tuple[audit_pb2.Checkpoint, list[VerifyingKey]]:
    told = await peer.ask(
        audit_pb2_grpc.AuditServiceStub(peer.channel).GetCheckpoint,
        audit_pb2.GetCheckpointRequest(tenant=tenant),
        deadline_seconds=_SECONDS,
    )
    return told.checkpoint, [VerifyingKey.parse(text) for text in told.keys]


async def fill(peer: Peer, tenant: str) -> list[str]:
    """A log of some hundred events; their ids by sequence."""
    stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    await peer.ask(
        stub.Append,
        audit_pb2.AppendRequest(events=[event(tenant) for _ in range(COUNT)]),
        deadline_seconds=_SECONDS,
    )

    async def sealed() -> bool:
        try:
            return (await latest(peer, tenant))[0].size >= COUNT
        except NotFound:
            return False

    await eventually(sealed)
    ids: list[str] = []
    async for entries, _ in read_leaves(peer, tenant, 0, COUNT, "tester"):
        ids += [one.event_id for one in entries]
    return ids


async def tamper(hands: Database, *statements: tuple[str, object]) -> None:
    async with hands.transaction() as connection:
        for table in ("audit_event", "leaf", "tile", "checkpoint"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse_change")
        for statement, value in statements:
            assert (await connection.execute(statement, value)).endswith(" 1")
        for table in ("audit_event", "leaf", "tile", "checkpoint"):
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER refuse_change")


async def named(peer: Peer, tenant: str, *notes: str) -> list[tuple[Fault, int | None]]:
    where = [(note, "a file") for note in notes]
    found, _ = await verify_mesh(peer, tenant, [], where, "tester")
    return [(one.fault, one.sequence) for one in found.findings]


async def test_a_log_that_nobody_touched_verifies(peer: Peer) -> None:
    await fill(peer, "sound")
    checkpoint, keys = await latest(peer, "sound")
    found, trusted = await verify_mesh(peer, "sound", [], [(checkpoint.note, "it")], "tester")
    assert found.findings == []
    assert found.size >= COUNT
    assert found.checkpoints >= 1
    assert trusted == keys


async def test_a_row_that_is_rewritten_is_named(peer: Peer, hands: Database) -> None:
    ids = await fill(peer, "rewritten")
    forged = event("rewritten", event_id=ids[41], person_id="somebody else")
    await tamper(
        hands,
        (
            "UPDATE audit_event SET body = $1 WHERE event_id = '" + ids[41] + "'",
            encode_leaf(forged),
        ),
        ("UPDATE audit_event SET person_id = 'x' WHERE event_id = $1", ids[270]),
        ("UPDATE leaf SET agent = 'nobody' WHERE event_id = $1", ids[290]),
    )
    found = await named(peer, "rewritten")
    assert (Fault.EVENT_CHANGED, 41) in found
    assert (Fault.COLUMN_CHANGED, 41) in found
    assert (Fault.COLUMN_CHANGED, 270) in found
    assert (Fault.COLUMN_CHANGED, 290) in found
    assert len(found) == 4


async def test_a_row_that_is_removed_or_swapped_is_named(peer: Peer, hands: Database) -> None:
    ids = await fill(peer, "removed")
    async with hands.connection() as connection:
        bodies = await connection.fetch(
            "SELECT event_id, body FROM audit_event WHERE event_id = ANY($1::uuid[])",
            [ids[3], ids[280]],
        )
    body = {str(row["event_id"]): row["body"] for row in bodies}
    await tamper(
        hands,
        ("DELETE FROM audit_event WHERE event_id = $1", ids[7]),
        ("DELETE FROM leaf WHERE event_id = $1", ids[9]),
        ("UPDATE audit_event SET body = $1 WHERE event_id = '" + ids[3] + "'", body[ids[280]]),
        ("UPDATE audit_event SET body = $1 WHERE event_id = '" + ids[280] + "'", body[ids[3]]),
    )
    found = await named(peer, "removed")
    for expected in (
        (Fault.EVENT_REMOVED, 7),
        (Fault.LEAF_REMOVED, 9),
        (Fault.EVENTS_SWAPPED, 3),
        (Fault.EVENTS_SWAPPED, 280),
    ):
        assert expected in found


async def test_a_log_that_is_cut_back_is_found_by_a_kept_checkpoint(
    peer: Peer, hands: Database
) -> None:
    await fill(peer, "cut")
    before, _ = await latest(peer, "cut")
    async with hands.transaction() as connection:
        for table in ("leaf", "tile", "checkpoint"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse_change")
        tree = "(SELECT tree FROM tree WHERE tenant = 'cut')"
        await connection.execute(f"DELETE FROM leaf WHERE tree = {tree} AND sequence >= 280")
        await connection.execute(f"DELETE FROM checkpoint WHERE tree = {tree}")
        await connection.execute("UPDATE tree SET size = 280 WHERE tenant = 'cut'")
        for table in ("leaf", "tile", "checkpoint"):
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER refuse_change")
    assert (Fault.CUT_OFF, None) in [
        (one.fault, one.sequence)
        for one in (
            await verify_mesh(
                peer,
                "cut",
                [VerifyingKey.parse(k) for k in await keys_of(peer, "sound-keys", "cut")],
                [(before.note, "a file")],
                "tester",
            )
        )[0].findings
    ]


async def keys_of(peer: Peer, helper: str, tenant: str) -> list[str]:
    """The keys of a tenant whose checkpoints are gone: named like another one's, with its own name."""
    await fill(peer, helper)
    _, (key,) = await latest(peer, helper)
    return [str(VerifyingKey(key.name.replace(helper, tenant), key.key))]


async def test_an_export_and_a_proof_are_verified_without_a_mesh(
    peer: Peer, tmp_path: pathlib.Path
) -> None:
    ids = await fill(peer, "offline")
    checkpoint, keys = await latest(peer, "offline")
    lines = [json.dumps({"checkpoint": checkpoint.note}).encode() + b"\n"]
    async for entries, _ in read_leaves(peer, "offline", 0, checkpoint.size, "tester"):
        lines += [log_line(one) for one in entries]

    def verified(*content: bytes) -> list[tuple[Fault, int | None]]:
        file = tmp_path / "log.ndjson"
        file.write_bytes(b"".join(content))
        return [(one.fault, one.sequence) for one in verify_file(file, keys, [])[0].findings]

    def standalone(kind: str, content: bytes, key: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / kind
        file.write_bytes(content)
        return subprocess.run(
            [sys.executable, "-I", _VERIFIER, kind, file, key],
            capture_output=True,
            text=True,
            check=False,
        )

    proven = await peer.ask(
        audit_pb2_grpc.AuditServiceStub(peer.channel).ProveEvent,
        audit_pb2.ProveEventRequest(event_id=ids[123], reader="tester"),
        deadline_seconds=_SECONDS,
    )
    assert flaw_in(proven, keys) == ""

    def all_of_it() -> None:
        assert verified(*lines) == []
        swapped = [*lines[:5], lines[6], lines[5], *lines[7:]]
        assert verified(*swapped) == []  # the order of lines says nothing, their sequences do
        changed = lines[20].replace(b"disclosure", b"disclosurf")
        assert changed != lines[20]
        assert verified(*lines[:20], changed, *lines[21:]) == [(Fault.EVENT_CHANGED, 19)]
        assert (Fault.LEAF_REMOVED, 19) in verified(*lines[:20], *lines[21:])
        key = str(keys[0])
        good = standalone("log", b"".join(lines), key)
        assert (good.returncode, good.stdout) == (
            0,
            f"true: {checkpoint.size} events, 1 checkpoints\n",
        )
        for bad in ([*lines[:20], changed, *lines[21:]], [*lines[:20], *lines[21:]], lines[:-1]):
            assert standalone("log", b"".join(bad), key).stderr.startswith("FALSE")
        proof = document_of(proven, keys).encode()
        good = standalone("proof", proof, key)
        assert good.returncode == 0, good.stderr
        assert good.stdout.startswith(f"true: event {proven.sequence} of ")
        other = key.replace("AR", "AS", 1) if "AR" in key else key[:-2] + "A="
        for bad_proof, with_key in (
            (proof.replace(b"disclosure", b"disclosurf"), key),
            (proof.replace(f'"sequence": {proven.sequence}'.encode(), b'"sequence": 1'), key),
            (proof, other),
        ):
            assert standalone("proof", bad_proof, with_key).returncode != 0

    await asyncio.to_thread(all_of_it)
    assert decode_leaf(proven.leaf).event_id == ids[123]
