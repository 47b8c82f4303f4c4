"""A steward before a real PostgreSQL: gRPC, the relay onto a stream, and a replica that works it off."""

import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Any

from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1 import (
    identity_pb2,
    identity_pb2_grpc,
    stewardship_pb2,
    stewardship_pb2_grpc,
)
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.bus import unpack
from plexus.bus.memory import MemoryBus
from plexus.clock import SystemClock
from plexus.ids import KeyDigest, RandomIds
from plexus.rpc import Peer, RpcServer
from plexus.store import Database
from plexus.telemetry.tracing import Tracing
from services.identity.actors import PersonOrders, Seeker, Splitter, Stewardship
from services.identity.domain import Linker, Matching
from services.identity.flow import DecisionRelay
from services.identity.service import IdentityServicer, StewardshipServicer
from tests.integration.identity.identity_stage import SECRET, Replica
from tests.unit.identity.identity_material import TENANT

_DEFAULT = Matching()


class NotedReadings:
    """Keeps in memory who read what. Audit's own log: tests/integration/audit."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, list[str], str]] = []

    async def note(self, tenant: str, reader: str, persons: Collection[str], asked: str) -> None:
        self.noted.append((reader, sorted(persons), asked))


class Desk:
    """What a test of stewardship needs."""

    peer: Peer

    def __init__(self, database: Database, matching: Matching) -> None:
        self.database = database
        self.bus = bus = MemoryBus(shards=1)
        self.readings = NotedReadings()
        self.replica = Replica(database)
        self.linker = linker = Linker({}, matching)
        clock = SystemClock()
        self.stewardship = Stewardship(database, linker, RandomIds(), clock)
        self.orders = PersonOrders(database, linker, RandomIds(), clock)
        self.splitter = Splitter(database, linker, RandomIds(), clock)
        self.relay = DecisionRelay(database, bus, RandomIds(), KeyDigest(SECRET), clock)
        self._read = 0

    async def ask(self, method: str, **fields: Any) -> Any:
        """One RPC of the stewardship service."""
        stub = stewardship_pb2_grpc.StewardshipServiceStub(self.peer.channel)
        descriptor = stewardship_pb2.DESCRIPTOR.services_by_name["StewardshipService"]
        request = getattr(stewardship_pb2, descriptor.methods_by_name[method].input_type.name)(
            tenant=TENANT, **fields
        )
        return await self.peer.ask(getattr(stub, method), request, deadline_seconds=10)

    async def ask_identity(self, method: str, **fields: Any) -> Any:
        """One RPC of the identity service."""
        stub = identity_pb2_grpc.IdentityServiceStub(self.peer.channel)
        descriptor = identity_pb2.DESCRIPTOR.services_by_name["IdentityService"]
        request = getattr(identity_pb2, descriptor.methods_by_name[method].input_type.name)(
            tenant=TENANT, **fields
        )
        return await self.peer.ask(getattr(stub, method), request, deadline_seconds=10)

    async def decide(self, verdict: str, *review_ids: int, **fields: Any) -> list[str]:
        """Decide reviews; returns the outcomes."""
        answer = await self.ask(
            "DecideReviews",
            review_ids=review_ids,
            verdict=getattr(stewardship_pb2, f"VERDICT_{verdict}"),
            **{"reason": "seen", "steward": "operator:ann"} | fields,
        )
        return [each.outcome for each in answer.outcomes]

    async def reviews(self, **fields: Any) -> list[stewardship_pb2.Review]:
        """The queue."""
        answer = await self.ask("ListReviews", limit=100, **fields)
        return list(answer.reviews)

    async def relayed(self) -> list[Envelope]:
        """What the relay puts on the stream now."""
        await self.relay.publish()
        consumer = await self.bus.consume(
            "canonical", list(range(self.bus.shards)), self._read, "test"
        )
        try:
            arrived = await consumer.next_batch(100, 0.0)
        finally:
            await consumer.close()
        if arrived:
            self._read = arrived[-1].sequence
        envelopes = [unpack(each.data) for each in arrived]
        return [each for each in envelopes if each.kind == PayloadKind.PAYLOAD_KIND_CANONICAL]

    async def carried_out(self) -> list[ResolvedEvent]:
        """Work off what was decided; returns what was emitted."""
        return await self.replica.resolved(*await self.relayed())


@contextlib.asynccontextmanager
async def desk_of(database: Database, matching: Matching = _DEFAULT) -> AsyncIterator[Desk]:
    """A desk that can be asked."""
    tracing = Tracing("test", None)
    server = RpcServer("127.0.0.1:0", tracing)
    desk = Desk(database, matching)
    identity_pb2_grpc.add_IdentityServiceServicer_to_server(
        IdentityServicer(database, Seeker(database, desk.linker), desk.readings, SystemClock()),
        server.grpc_server,
    )
    stewardship_pb2_grpc.add_StewardshipServiceServicer_to_server(
        StewardshipServicer(
            desk.stewardship,
            desk.orders,
            desk.splitter,
            desk.readings,
            desk.relay.wake,
            SystemClock(),
        ),
        server.grpc_server,
    )
    desk.peer = Peer(await server.start(), tracing)
    try:
        yield desk
    finally:
        await desk.peer.close()
        await server.stop(0)
