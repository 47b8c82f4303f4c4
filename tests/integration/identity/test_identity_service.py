"""The RPCs of identity on a real PostgreSQL, over a real gRPC connection."""

import uuid
from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
import pytest_asyncio

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.identity.v1 import identity_pb2 as pb
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.clock import SystemClock
from plexus.errors import InvalidRequest, NotFound
from plexus.rpc import Peer, RpcServer
from plexus.store import Database
from plexus.telemetry.tracing import Tracing
from services.identity.actors import Seeker
from services.identity.domain import Linker, Matching
from services.identity.service import IdentityServicer
from tests.integration.identity.identity_stage import Replica
from tests.integration.identity.steward_desk import NotedReadings
from tests.unit.identity.identity_material import NORTH, TENANT, WEST, envelope_of, number

Asked: TypeAlias = "tuple[Peer, identity_pb2_grpc.IdentityServiceAsyncStub]"


@pytest_asyncio.fixture
async def asked(identity_db: Database, grpc_library: None) -> AsyncIterator[Asked]:
    """A caller of the service."""
    tracing = Tracing("test", None)
    server = RpcServer("127.0.0.1:0", tracing)
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(
        IdentityServicer(
            identity_db, Seeker(identity_db, Linker({}, Matching())), NotedReadings(), SystemClock()
        ),
        server.grpc_server,
    )
    peer = Peer(await server.start(), tracing)
    stub: identity_pb2_grpc.IdentityServiceAsyncStub = identity_pb2_grpc.IdentityServiceStub(
        peer.channel
    )
    try:
        yield peer, stub
    finally:
        await peer.close()
        await server.stop(0)


async def test_an_identifier_is_resolved_by_either_name_of_its_authority(
    asked: Asked, identity_db: Database
) -> None:
    peer, stub = asked
    (known,) = await Replica(identity_db).resolved(envelope_of([number("1", NORTH)]))
    for authority in (NORTH, ("north", ""), ("", "urn:oid:2.999.1")):
        answer = await peer.ask(
            stub.Resolve,
            pb.ResolveRequest(tenant=TENANT, identifier=number("1", authority)),
            deadline_seconds=5,
        )
        assert answer.person_id == known.person_id


async def test_many_are_answered_in_the_order_asked_and_nobody_is_empty(
    asked: Asked, identity_db: Database
) -> None:
    peer, stub = asked
    one, two = await Replica(identity_db).resolved(
        envelope_of([number("1")]), envelope_of([number("2", WEST)])
    )
    answer = await peer.ask(
        stub.ResolveBatch,
        pb.ResolveBatchRequest(
            tenant=TENANT,
            identifiers=[number("2", WEST), number("9"), number("0000"), number("1")],
        ),
        deadline_seconds=5,
    )
    assert list(answer.person_ids) == [two.person_id, "", "", one.person_id]


async def test_another_tenant_sees_nobody(asked: Asked, identity_db: Database) -> None:
    peer, stub = asked
    (known,) = await Replica(identity_db).resolved(envelope_of([number("1")]))
    answer = await peer.ask(
        stub.Resolve,
        pb.ResolveRequest(tenant="other", identifier=number("1")),
        deadline_seconds=5,
    )
    assert answer.person_id == ""
    with pytest.raises(NotFound):
        await peer.ask(
            stub.GetPerson,
            pb.GetPersonRequest(tenant="other", person_id=known.person_id),
            deadline_seconds=5,
        )


async def test_a_merged_person_is_answered_by_the_root_with_all_that_went_under(
    asked: Asked, identity_db: Database
) -> None:
    peer, stub = asked
    first = envelope_of([number("1")])
    replica = Replica(identity_db)
    one, two, three = await replica.resolved(
        first, envelope_of([number("2")]), envelope_of([number("3")])
    )
    await replica.take([envelope_of([number("2")], [number("3")])])
    await replica.take([envelope_of([number("1")], [number("2")])])
    for person_id in (one.person_id, two.person_id, three.person_id):
        answer = await peer.ask(
            stub.GetPerson,
            pb.GetPersonRequest(tenant=TENANT, person_id=person_id),
            deadline_seconds=5,
        )
        assert answer.person_id == one.person_id
        assert set(answer.merged_person_ids) == {two.person_id, three.person_id}
        assert {each.value for each in answer.identifiers} == {"1", "2", "3"}
        (told,) = {each.message_id for each in answer.identifiers if each.value == "1"}
        assert told == first.message_id


async def test_linked_persons_are_told_of_on_both_sides_until_they_are_unlinked(
    asked: Asked, identity_db: Database
) -> None:
    peer, stub = asked
    replica = Replica(identity_db)

    async def linked(person_id: str) -> list[str]:
        answer = await peer.ask(
            stub.GetPerson,
            pb.GetPersonRequest(tenant=TENANT, person_id=person_id),
            deadline_seconds=5,
        )
        assert not answer.merged_person_ids
        return list(answer.linked_person_ids)

    pair = ([number("1")], [number("7", WEST)])
    (link,) = await replica.resolved(envelope_of(*pair, kind=EventKind.EVENT_KIND_LINK))
    one, other = link.person_id, link.other_person_id
    assert (await linked(one), await linked(other)) == ([other], [one])
    await replica.take([envelope_of(*pair, kind=EventKind.EVENT_KIND_UNLINK)])
    assert (await linked(one), await linked(other)) == ([], [])


async def test_a_link_leads_to_who_stands_for_the_other_person_now(
    asked: Asked, identity_db: Database
) -> None:
    peer, stub = asked
    replica = Replica(identity_db)
    link, stays = await replica.resolved(
        envelope_of([number("1")], [number("2")], kind=EventKind.EVENT_KIND_LINK),
        envelope_of([number("3")]),
    )
    await replica.take([envelope_of([number("3")], [number("2")])])
    answer = await peer.ask(
        stub.GetPerson,
        pb.GetPersonRequest(tenant=TENANT, person_id=link.person_id),
        deadline_seconds=5,
    )
    assert list(answer.linked_person_ids) == [stays.person_id]


async def test_wrong_questions_are_refused(asked: Asked) -> None:
    peer, stub = asked
    with pytest.raises(InvalidRequest):
        await peer.ask(stub.Resolve, pb.ResolveRequest(tenant=TENANT), deadline_seconds=5)
    with pytest.raises(InvalidRequest):
        await peer.ask(
            stub.GetPerson,
            pb.GetPersonRequest(tenant=TENANT, person_id="nobody"),
            deadline_seconds=5,
        )
    with pytest.raises(InvalidRequest):
        await peer.ask(
            stub.ResolveBatch,
            pb.ResolveBatchRequest(tenant=TENANT, identifiers=[number("1")] * 1001),
            deadline_seconds=5,
        )
    with pytest.raises(NotFound):
        await peer.ask(
            stub.GetPerson,
            pb.GetPersonRequest(tenant=TENANT, person_id=str(uuid.UUID(int=1))),
            deadline_seconds=5,
        )
