"""`plexus identity train` against a real service and store: features out, a model in, and used."""

import asyncio
import json
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from click.testing import CliRunner

from plexus.api.identity.v1 import identity_pb2 as pb
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.clock import SystemClock
from plexus.errors import InvalidRequest
from plexus.rpc import Peer, RpcServer
from plexus.store import Database
from plexus.telemetry.tracing import Tracing
from services.cli.identity import command
from services.identity.actors import Seeker
from services.identity.domain import Linker, Matching
from services.identity.domain.scoring import shipped_model
from services.identity.service import IdentityServicer
from services.identity.store import ModelStore
from tests.integration.identity.identity_stage import Replica
from tests.integration.identity.steward_desk import NotedReadings
from tests.unit.identity.identity_material import NORTH, TENANT, envelope_of, number
from tests.unit.identity.people_material import person


@pytest_asyncio.fixture
async def address(
    identity_db: Database, grpc_library: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Where the service answers; the command line knows it, too."""
    server = RpcServer("127.0.0.1:0", Tracing("test", None))
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(
        IdentityServicer(
            identity_db, Seeker(identity_db, Linker({}, Matching())), NotedReadings(), SystemClock()
        ),
        server.grpc_server,
    )
    address = await server.start()
    monkeypatch.setenv("PLEXUS_IDENTITY_ADDRESS", address)
    try:
        yield address
    finally:
        await server.stop(0)


async def _run(folder: pathlib.Path, *arguments: str) -> tuple[int, str, str]:
    """The command in a process of its own kind: a thread with its own loop."""
    result = await asyncio.to_thread(
        CliRunner().invoke, command, [*arguments, "--data", str(folder)]
    )
    problem = getattr(result.exception, "detail", "")
    return result.exit_code, result.stdout, f"{result.stderr}{problem}"


async def _fill(database: Database, count: int) -> None:
    replica = Replica(database)
    people = [
        envelope_of(
            [number(f"n{place}", NORTH)],
            person=person(
                f"Fam{place % 97}", f"Giv{place % 41}", born=f"19{place % 90 + 10}-03-1{place % 9}"
            ),
            source="adt-north",
        )
        for place in range(count)
    ]
    for start in range(0, count, 128):
        await replica.take(people[start : start + 128])


async def test_a_model_is_trained_stored_and_listed(
    address: str, identity_db: Database, tmp_path: pathlib.Path
) -> None:
    await _fill(identity_db, 520)
    code, out, told = await _run(tmp_path, "train", TENANT, "--json")
    assert code == 0, told
    trained = json.loads(out)
    assert trained["records"] == 520
    assert "finding weights" in told
    code, again, _ = await _run(tmp_path, "train", TENANT, "--no-store", "--json")
    assert json.loads(again)["version"] == trained["version"]
    _, out, _ = await _run(tmp_path, "models", TENANT, "--json")
    assert json.loads(out) == [{"version": trained["version"], "records": 520, "active": True}]
    async with identity_db.connection() as connection:
        active = await ModelStore(connection).active()
    assert active[TENANT].version == trained["version"]


async def test_persons_that_may_be_one_are_told_and_nothing_changes(
    address: str, identity_db: Database, tmp_path: pathlib.Path
) -> None:
    replica = Replica(identity_db)
    again = [
        envelope_of([number(text, NORTH)], person=person("Dupond", "Orla"), source="adt-north")
        for text in ("dup1", "dup2")
    ]
    await replica.take(again)
    code, out, told = await _run(tmp_path, "dedupe", TENANT, "--json", "--show", "100000")
    assert code == 0, told

    async with identity_db.connection() as connection:
        rows = await connection.fetch(
            "SELECT person_id::text FROM identifier WHERE value IN ('dup1', 'dup2')"
        )
        persons = {row["person_id"] for row in rows}
    found = [{each["person_id"], each["other_person"]} for each in json.loads(out)["duplicates"]]
    assert len(persons) == 2
    assert persons in found


async def test_too_few_records_are_told_with_the_tenant(
    address: str, identity_db: Database, tmp_path: pathlib.Path
) -> None:
    code, _, told = await _run(tmp_path, "train", "nobody")
    assert code == 1
    assert "nobody: 0 records are too few" in told


async def test_a_newer_model_takes_the_place_of_the_one_before(identity_db: Database) -> None:
    model = shipped_model()
    async with identity_db.transaction() as connection:
        store = ModelStore(connection)
        await store.put(TENANT, model, is_active=True)
        await store.put(TENANT, model, is_active=False)
        assert [each.is_active for each in await store.versions(TENANT)] == [True]
        assert await store.versions("another") == []


async def test_a_model_that_cannot_be_read_leaves_the_shipped_one(identity_db: Database) -> None:
    async with identity_db.transaction() as connection:
        await connection.execute(
            "INSERT INTO model (tenant, version, content, trained_on, is_active)"
            " VALUES ('demo', 'x', '{}', 1, true)"
        )
        assert await ModelStore(connection).active() == {}


@pytest.mark.parametrize("content", ["", "{}", "no model"])
async def test_what_is_no_model_is_refused(address: str, content: str) -> None:
    peer = Peer(address, Tracing("test", None))
    stub: identity_pb2_grpc.IdentityServiceAsyncStub = identity_pb2_grpc.IdentityServiceStub(
        peer.channel
    )
    with pytest.raises(InvalidRequest):
        await peer.ask(
            stub.PutModel, pb.PutModelRequest(tenant=TENANT, content=content), deadline_seconds=5
        )
    await peer.close()
