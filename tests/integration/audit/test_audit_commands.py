"""`plexus audit` against audit as it runs: what a person and an auditor type, in processes of their own."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.codecs.fhir.judge import judge
from plexus.errors import NotFound
from plexus.rpc import Peer
from plexus.service import Runtime
from plexus.telemetry.tracing import Tracing
from plexus.testing.waiting import eventually
from services.audit.domain.notes import open_note
from tests.integration.audit.log_material import event

# Each command is a process of its own, which takes seconds on a machine that is busy.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

_SECONDS = 5.0
TENANT = "commands"
COUNT = 20
_VERIFIER = pathlib.Path(__file__).parents[3] / "docs" / "verify_audit.py"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def ids(audit: Runtime) -> AsyncIterator[list[str]]:
    """Events of a tenant of this module's own, sealed."""
    peer = Peer(audit.rpc.address, Tracing("test", None))
    made = [
        event(TENANT, person_id=f"p{number % 2}", outcome="deny" if number == 4 else "permit")
        for number in range(COUNT)
    ]
    stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    await peer.ask(stub.Append, audit_pb2.AppendRequest(events=made), deadline_seconds=_SECONDS)

    async def sealed() -> bool:
        request = audit_pb2.GetCheckpointRequest(tenant=TENANT)
        try:
            told = await peer.ask(stub.GetCheckpoint, request, deadline_seconds=_SECONDS)
        except NotFound:
            return False
        return told.checkpoint.size >= COUNT

    await eventually(sealed)
    yield [one.event_id for one in made]
    await peer.close()


async def run(audit: Runtime, folder: pathlib.Path, *words: str) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "PLEXUS_AUDIT_ADDRESS": audit.rpc.address,
        "PLEXUS_DATA": str(folder),
    }

    def go() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "audit", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    done = await asyncio.to_thread(go)
    return done.returncode, done.stdout, done.stderr


async def test_an_auditor_gets_proof_checkpoint_and_export_and_needs_no_mesh_for_them(
    audit: Runtime, ids: list[str], tmp_path: pathlib.Path
) -> None:
    code, proof, problem = await run(audit, tmp_path, "prove", ids[3])
    assert code == 0, problem
    document = json.loads(proof)
    assert document["event_id"] == ids[3]
    code, note, problem = await run(audit, tmp_path, "checkpoint", "--tenant", TENANT)
    assert code == 0, problem
    assert open_note(note, []).checkpoint.size >= COUNT
    log = tmp_path / "log.ndjson"
    code, _, problem = await run(audit, tmp_path, "export", "--tenant", TENANT, "--out", str(log))
    assert code == 0, problem
    code, told, problem = await run(audit, tmp_path, "verify", "--offline", str(log))
    assert (code, told.startswith("nothing was changed")) == (0, True), problem

    def standalone(kind: str, file: pathlib.Path) -> str:
        done = subprocess.run(
            [sys.executable, "-I", _VERIFIER, kind, file, document["keys"][0]],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    (tmp_path / "proof.json").write_text(proof)
    assert (await asyncio.to_thread(standalone, "proof", tmp_path / "proof.json")).startswith(
        "true"
    )
    assert (await asyncio.to_thread(standalone, "log", log)).startswith("true")
    spoiled = log.read_bytes().replace(b'\\"outcome\\":\\"deny\\"', b'\\"outcome\\":\\"DENY\\"')
    assert spoiled != log.read_bytes()
    log.write_bytes(spoiled)
    code, told, _ = await run(audit, tmp_path, "verify", "--offline", str(log), "--json")
    assert code == 1
    (finding,) = json.loads(told)["findings"]
    assert (finding["fault"], finding["event_id"]) == ("event changed", ids[4])


async def test_the_leaves_of_a_log_have_its_root(
    audit: Runtime, ids: list[str], tmp_path: pathlib.Path
) -> None:
    _, note, _ = await run(audit, tmp_path, "checkpoint", "--tenant", TENANT)
    checkpoint = open_note(note, []).checkpoint
    leaves = tmp_path / "leaves"
    await run(
        audit, tmp_path, "export", "--tenant", TENANT, "--format", "leaves", "--out", str(leaves)
    )
    # Reading is recorded, so the log may have grown meanwhile.
    lines = leaves.read_bytes().splitlines(keepends=True)[: checkpoint.size]
    leaves.write_bytes(b"".join(lines))
    _, root, _ = await run(audit, tmp_path, "root", str(leaves))
    assert root == checkpoint.root.hex() + "\n"


async def test_a_running_log_is_verified(
    audit: Runtime, ids: list[str], tmp_path: pathlib.Path
) -> None:
    _, note, _ = await run(audit, tmp_path, "checkpoint", "--tenant", TENANT)
    (tmp_path / "kept").write_text(note)
    code, told, problem = await run(
        audit, tmp_path, "verify", "--tenant", TENANT, "--checkpoint", str(tmp_path / "kept")
    )
    assert (code, told.startswith("nothing was changed")) == (0, True), problem
    code, _, problem = await run(audit, tmp_path, "verify")
    assert (code, "--tenant" in problem) == (1, True)


async def test_questions_are_answered(
    audit: Runtime, ids: list[str], tmp_path: pathlib.Path
) -> None:
    words = ("--tenant", TENANT, "--json")
    code, told, problem = await run(audit, tmp_path, "disclosures", "p0", *words)
    assert code == 0, problem
    disclosed = [one["event_id"] for one in json.loads(told)]
    assert (
        disclosed == [name for place, name in enumerate(ids) if place % 2 == 0 and place != 4][::-1]
    )
    _, told, _ = await run(audit, tmp_path, "query", "--person", "p0", "--outcome", "deny", *words)
    assert [one["event_id"] for one in json.loads(told)] == [ids[4]]
    _, told, _ = await run(audit, tmp_path, "query", "--destination", "ehr", "--limit", "3", *words)
    assert [one["event_id"] for one in json.loads(told)] == ids[:-4:-1]
    _, told, _ = await run(
        audit,
        tmp_path,
        "query",
        "--type",
        "audit-read",
        "--tenant",
        TENANT,
        "--until",
        "2001-01-01",
    )
    assert told == "There is no such event.\n"


async def test_exports_carry_sequence_and_leaf_on_each_line(
    audit: Runtime, ids: list[str], tmp_path: pathlib.Path
) -> None:
    code, told, problem = await run(
        audit, tmp_path, "export", "--tenant", TENANT, "--format", "fhir"
    )
    assert code == 0, problem
    resources = [json.loads(line) for line in told.splitlines()][:COUNT]
    for place, one in enumerate(resources):
        parts = {part["url"]: part["valueString"] for part in one["extension"][0]["extension"]}
        assert parts["sequence"] == str(place)
        assert len(parts["hash"]) == 64
    # Reads its tables when it is first asked.
    judged = await asyncio.to_thread(lambda: [flaw for one in resources for flaw in judge(one)])
    assert [str(flaw) for flaw in judged if flaw.rule != "dangling"] == []
    code, told, problem = await run(
        audit, tmp_path, "export", "--tenant", TENANT, "--format", "syslog", "--from", "5"
    )
    assert code == 0, problem
    assert 'sequence="5"' in told.splitlines()[0]
