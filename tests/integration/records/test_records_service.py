"""The RPCs of records on a real PostgreSQL, over a real gRPC connection."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
import pytest_asyncio

from plexus.api.records.v1 import records_pb2 as pb
from plexus.api.records.v1 import records_pb2_grpc
from plexus.errors import InvalidRequest, NotFound
from plexus.rpc import Peer, RpcServer
from plexus.store import Database
from plexus.telemetry.tracing import Tracing
from services.records.service import RecordsServicer
from tests.integration.records.records_stage import Replica
from tests.unit.records.records_material import (
    ANNA,
    BERT,
    CORA,
    LAB,
    TENANT,
    envelope_of,
    merge,
    person,
    resolved,
    result,
)

Asked: TypeAlias = "tuple[Peer, records_pb2_grpc.RecordsServiceAsyncStub]"


@pytest_asyncio.fixture
async def asked(records_db: Database, grpc_library: None) -> AsyncIterator[Asked]:
    """A caller of the service."""
    tracing = Tracing("test", None)
    server = RpcServer("127.0.0.1:0", tracing)
    records_pb2_grpc.add_RecordsServiceServicer_to_server(
        RecordsServicer(records_db), server.grpc_server
    )
    peer = Peer(await server.start(), tracing)
    stub: records_pb2_grpc.RecordsServiceAsyncStub = records_pb2_grpc.RecordsServiceStub(
        peer.channel
    )
    try:
        yield peer, stub
    finally:
        await peer.close()
        await server.stop(0)


async def _record(asked: Asked, person_id: str, kind: str = "") -> pb.GetRecordResponse:
    peer, stub = asked
    return await peer.ask(
        stub.GetRecord,
        pb.GetRecordRequest(tenant=TENANT, person_id=person_id, type=kind),
        deadline_seconds=5,
    )


async def test_a_record_shows_one_person_and_the_resources_by_type_and_key(
    asked: Asked, records_db: Database
) -> None:
    await Replica(records_db).take(
        envelope_of(resolved([result(key="b"), person("Quill"), result(key="a")])),
        envelope_of(resolved([person("Inkwell", source=LAB, time="2026")])),
    )
    answer = await _record(asked, ANNA)
    assert [each.resource.WhichOneof("content") for each in answer.resources] == [
        "observation",
        "observation",
        "person",
    ]
    assert [each.resource.key for each in answer.resources[:2]] == ["a", "b"]
    assert answer.resources[2].resource.person.names[0].family == "Inkwell"
    assert answer.resources[0].resource.origin.source == LAB
    assert not answer.truncated


async def test_a_record_shows_one_type_where_one_is_asked_for(
    asked: Asked, records_db: Database
) -> None:
    await Replica(records_db).take(envelope_of(resolved([result(), person("Quill")])))
    for kind, content in (("Person", "person"), ("Observation", "observation")):
        (only,) = (await _record(asked, ANNA, kind)).resources
        assert only.resource.WhichOneof("content") == content
    assert not (await _record(asked, ANNA, "Encounter")).resources


async def test_a_large_record_is_cut_and_says_so(asked: Asked, records_db: Database) -> None:
    many = [result(key=f"{at:04}") for at in range(1001)]
    await Replica(records_db).take(envelope_of(resolved([*many, person("Quill")])))
    answer = await _record(asked, ANNA)
    assert len(answer.resources) == 1000
    assert answer.truncated


async def test_the_survivor_answers_for_a_record_that_went_under(
    asked: Asked, records_db: Database
) -> None:
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result()], person_id=CORA)))
    await replica.settled(envelope_of(merge(CORA, BERT)))
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    for person_id in (ANNA, BERT, CORA):
        answer = await _record(asked, person_id)
        assert answer.person_id == ANNA
        assert len(answer.resources) == 1


async def test_the_survivor_answers_before_it_has_taken_over(
    asked: Asked, records_db: Database
) -> None:
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result()], person_id=BERT)))
    await replica.take(envelope_of(merge(BERT, ANNA)))
    assert (await _record(asked, BERT)).person_id == ANNA


async def test_the_history_has_every_version_the_newest_first(
    asked: Asked, records_db: Database
) -> None:
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result("preliminary", time="2026-01-01")])))
    await replica.take(envelope_of(resolved([result("final", time="2026-01-03")])))
    await replica.take(envelope_of(resolved([result("corrected", time="2026-01-02")])))
    peer, stub = asked
    answer = await peer.ask(
        stub.GetHistory,
        pb.GetHistoryRequest(tenant=TENANT, resource_key="Observation|K"),
        deadline_seconds=5,
    )
    assert [
        (each.resource.observation.status, each.version, each.disposition)
        for each in answer.versions
    ] == [
        ("corrected", 2, pb.DISPOSITION_SUPERSEDED),
        ("final", 2, pb.DISPOSITION_UPDATED),
        ("preliminary", 1, pb.DISPOSITION_CREATED),
    ]


async def test_what_does_not_exist_and_wrong_questions_are_told_apart(asked: Asked) -> None:
    peer, stub = asked
    with pytest.raises(NotFound):
        await _record(asked, ANNA)
    with pytest.raises(InvalidRequest):
        await _record(asked, "nobody")
    for key, error in (("unknown", NotFound), ("", InvalidRequest)):
        with pytest.raises(error):
            await peer.ask(
                stub.GetHistory,
                pb.GetHistoryRequest(tenant=TENANT, resource_key=key),
                deadline_seconds=5,
            )
