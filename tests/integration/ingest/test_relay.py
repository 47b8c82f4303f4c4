"""How receipts reach the streams, over a real store. What the broker does with them is tested with the bus."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator

from plexus.api.audit.v1.audit_pb2 import EvidenceBatch
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.api.ingest.v1.ingest_pb2 import ReceiptOutcome
from plexus.bus import MemoryBus, unpack
from plexus.clock import ManualClock
from plexus.ids import RandomIds
from plexus.rpc import Peer
from plexus.store import Database
from plexus.telemetry.tracing import Tracing, new_traceparent
from plexus.testing.waiting import eventually
from services.ingest.flow import Custodian, Relay
from services.ingest.store import Draft, ReceiptStore, Stored

_PACE_SECONDS = 0.1
_AT = datetime.datetime(2026, 3, 1, 9, 30, 15, 250_001, tzinfo=datetime.UTC)


class _World:
    def __init__(self, database: Database) -> None:
        self.bus = MemoryBus()
        self.clock = ManualClock()
        self.store = ReceiptStore(database)
        self.last_origin = 0
        self.relay: Relay

    async def start(self, custodian: Custodian) -> None:
        self.relay = Relay(
            self.store,
            await self.store.claim("0"),
            custodian,
            connect=lambda: self.bus,
            last_origin=lambda: self.last_origin,
            ids=RandomIds(),
            clock=self.clock,
            tracing=Tracing("ingest", None),
            pace_seconds=_PACE_SECONDS,
        )

    async def receive(self, *numbers: int, outcome: int = 1) -> list[Stored]:
        """One commit, as the committer makes it."""
        stored = await self.store.add(
            [_draft(number, outcome) for number in numbers], self.relay.writer
        )
        self.last_origin = stored[-1].origin
        self.relay.offer(stored)
        return stored

    def raw(self) -> int:
        return len(self.bus.entries("raw"))

    def reports(self) -> list[EvidenceBatch]:
        envelopes = [unpack(data) for _, data in self.bus.entries("audit")]
        return [EvidenceBatch.FromString(envelope.payload) for envelope in envelopes]


@contextlib.asynccontextmanager
async def _running(database: Database) -> AsyncIterator[_World]:
    world = _World(database)
    peer = Peer("127.0.0.1:1", Tracing("ingest", None))
    await world.start(Custodian(peer))
    relaying = asyncio.create_task(world.relay.run())
    try:
        yield world
    finally:
        relaying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await relaying
        await peer.close()


async def test_a_lone_receipt_is_handed_on_at_once(ingest_db: Database) -> None:
    async with _running(ingest_db) as world:
        await world.receive(1)
        await eventually(lambda: world.raw() == 1)


async def test_receipts_that_come_within_a_pace_share_a_report_of_custody(
    ingest_db: Database,
) -> None:
    async with _running(ingest_db) as world:
        await world.receive(1)
        await eventually(lambda: world.raw() == 1 and world.relay.unrelayed == 0)
        for number in range(2, 7):
            await world.receive(number)
        assert world.relay.unrelayed == 5
        world.clock.advance(_PACE_SECONDS)
        await eventually(lambda: world.raw() == 6)
        assert [len(report.custody) for report in world.reports()] == [1, 5]


async def test_an_envelope_says_what_the_receipt_says(ingest_db: Database) -> None:
    async with _running(ingest_db) as world:
        (stored,) = await world.receive(1)
        await eventually(lambda: world.raw() == 1)
        envelope = unpack(world.bus.entries("raw")[0][1])
        assert envelope.payload == stored.content
        assert envelope.kind == PayloadKind.PAYLOAD_KIND_RAW
        assert envelope.received_at.ToDatetime(datetime.UTC) == _AT
        for name in ("message_id", "tenant", "feed", "source", "key", "origin", "traceparent"):
            assert getattr(envelope, name) == getattr(stored, name), name
        for name in ("charset", "message_type", "attempt"):
            assert getattr(envelope, name) == getattr(stored, name), name
        assert envelope.correlation_id == stored.message_id


async def test_custody_tells_refusals_and_repeats(ingest_db: Database) -> None:
    async with _running(ingest_db) as world:
        await world.receive(1)
        (repeated,) = await world.receive(1)
        (refused,) = await world.receive(2, outcome=ReceiptOutcome.RECEIPT_OUTCOME_REJECTED)
        world.clock.advance(_PACE_SECONDS)
        await eventually(lambda: sum(len(report.custody) for report in world.reports()) == 3)
        first, second, third = (one for report in world.reports() for one in report.custody)
        assert second.message_id == repeated.message_id
        assert second.facts["first"] == first.message_id
        assert third.message_id == refused.message_id
        assert {one.at.ToDatetime(datetime.UTC) for one in (first, second, third)} == {_AT}
        assert world.raw() == 1


def _draft(number: int, outcome: int) -> Draft:
    return Draft(
        message_id=RandomIds().message_id(),
        tenant="clinic",
        feed="ward",
        source="adt",
        control_id=f"C{number}",
        message_type="ADT^A04",
        fingerprint=b"fingerprint" + bytes([number]),
        control=b"control" + bytes([number]),
        outcome=outcome,  # type: ignore[arg-type]
        ack_code="AA",
        key=f"{number:016x}",
        charset="utf-8",
        received_at=_AT,
        traceparent=new_traceparent(sampled=False),
        issues=(),
        content=b"MSH|^~\\&|" + b"synthetic " * 100,
    )
