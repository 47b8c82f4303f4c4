"""Records behind the real flow: an adoption goes round through the stream, poison stops nobody.

The bus is the one in memory, which keeps the contract of JetStream; PostgreSQL is real.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from plexus.actors import Flow
from plexus.api.audit.v1.audit_pb2 import EvidenceBatch, Outcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.bus import MemoryBus, Outgoing, Ownership, unpack
from plexus.clock import SystemClock
from plexus.ids import KeyDigest, RandomIds
from plexus.store import Database, PostgresJournal
from plexus.telemetry.tracing import Tracing
from plexus.testing.waiting import eventually
from services.records.flow import RecordsStage
from tests.integration.records.records_stage import SECRET
from tests.unit.records.records_material import ANNA, BERT, envelope_of, merge, resolved, result

SHARDS = 4


@contextlib.asynccontextmanager
async def _running(bus: MemoryBus, database: Database) -> AsyncIterator[None]:
    """One replica that owns all shards."""
    clock = SystemClock()
    ownership = Ownership(
        bus.leases,
        stage="records",
        instance="0",
        units=[str(shard) for shard in range(SHARDS)],
        lease_seconds=5,
        clock=clock,
    )
    await ownership.renew()
    flow = Flow(
        RecordsStage(KeyDigest(SECRET)),
        name="records",
        stage_name=StageName.STAGE_RECORDS,
        stream="resolved",
        bus=bus,
        journal=PostgresJournal(database, keeps_plans=True),
        ownership=ownership,
        ids=RandomIds(),
        clock=clock,
        tracing=Tracing("records", None),
        batch=16,
        park_limit_per_minute=10,
    )
    task = asyncio.create_task(flow.run())
    try:
        yield
    finally:
        flow.stop()
        await task


async def _publish(bus: MemoryBus, *envelopes: Envelope) -> None:
    digest = KeyDigest(SECRET)
    for envelope in envelopes:
        # The real key, so that a person's messages and adoptions share a shard.
        envelope.key = digest.key(envelope.tenant, "person", envelope.key.rpartition("/")[2])
    await bus.publish([
        Outgoing("resolved", each.key, each.message_id, each.SerializeToString())
        for each in envelopes
    ])  # fmt: skip


def _changed(bus: MemoryBus) -> list[ChangedEvent]:
    return [ChangedEvent.FromString(unpack(data).payload) for _, data in bus.entries("changed")]


async def test_a_merge_goes_round_and_is_told_once_by_the_survivor(records_db: Database) -> None:
    bus = MemoryBus(shards=SHARDS)
    async with _running(bus, records_db):
        await _publish(
            bus,
            envelope_of(resolved([result(key="Bert's")], person_id=BERT)),
            envelope_of(merge(BERT, ANNA)),
            envelope_of(resolved([result(key="late")], person_id=BERT)),
        )
        await eventually(lambda: len(_changed(bus)) == 3)
    told = [(each.person_id, [r.resource.key for r in each.resources]) for each in _changed(bus)]
    assert told == [(BERT, ["Bert's"]), (ANNA, ["Bert's"]), (ANNA, ["late"])]


async def test_poison_is_parked_and_the_others_go_on(records_db: Database) -> None:
    bus = MemoryBus(shards=SHARDS)
    bad = envelope_of(resolved([result(key="")]))
    async with _running(bus, records_db):
        await _publish(bus, envelope_of(resolved([result()])), bad, envelope_of(resolved([])))
        await eventually(lambda: len(_changed(bus)) == 2)
        await eventually(lambda: len(_parked(bus)) == 1)
    assert _parked(bus) == [bad.message_id]


async def test_a_stream_that_is_worked_off_again_changes_and_tells_nothing_new(
    records_db: Database,
) -> None:
    """The stream is lost and published again: every message is known, its outcome is repeated."""
    bus = MemoryBus(shards=SHARDS)
    envelopes = [envelope_of(resolved([result(key=str(at))])) for at in range(5)]
    async with _running(bus, records_db):
        await _publish(bus, *envelopes)
        await eventually(lambda: len(_changed(bus)) == 5)
    first = _changed(bus)
    bus.wipe()
    bus.reconnect()
    async with _running(bus, records_db):
        await bus.publish([
            Outgoing("resolved", each.key, each.message_id, each.SerializeToString())
            for each in envelopes
        ])  # fmt: skip
        await eventually(lambda: len(_changed(bus)) == 5)
    assert _changed(bus) == first
    async with records_db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM history") == 5


def _parked(bus: MemoryBus) -> list[str]:
    return [
        custody.message_id
        for _, data in bus.entries("audit")
        for custody in EvidenceBatch.FromString(unpack(data).payload).custody
        if custody.outcome == Outcome.OUTCOME_PARKED
    ]
