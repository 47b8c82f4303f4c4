"""The flow on NATS and PostgreSQL: what tests/unit/actors says of it in memory, where it must be true.

The stage keeps a row for each effect, in the transaction of its batch.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from plexus.actors import Flow, Turn
from plexus.api.audit.v1.audit_pb2 import Custody, EvidenceBatch, Outcome
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.bus import Bus, JetStreamBus, Outgoing, Ownership, connect_bus, unpack
from plexus.clock import SystemClock
from plexus.errors import Unavailable
from plexus.local.nats_server import NatsServer
from plexus.store import Database, PostgresJournal, Transaction, migrate, open_database
from plexus.testing.waiting import eventually
from tests.unit.actors.flow_material import (
    KEYS,
    POISON,
    SHARDS,
    Recorder,
    crash,
    flow_of,
    is_worked_off,
    message,
    message_id,
    outgoing,
    ownership_of,
    running,
)

_LEASE_SECONDS = 1.0


class MuteBus(JetStreamBus):
    """Outputs never arrive, as where the replica dies before it can publish."""

    async def publish(self, items: Sequence[Outgoing]) -> None:
        raise Unavailable("mute")


class World:
    """Servers, and replicas over them."""

    def __init__(self, server: NatsServer, database: Database) -> None:
        self.server = server
        self.database = database
        self.journal = PostgresJournal(database)
        self.bus: JetStreamBus

    async def connect(self) -> JetStreamBus:
        return await connect_bus(
            self.server.url,
            name="test",
            shards=SHARDS,
            create_streams=True,
            lease_seconds=_LEASE_SECONDS,
        )

    def stage(self) -> Recorder:
        return Recorder(self._keep)

    async def _keep(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        await transaction.connection.executemany(
            "INSERT INTO effect (number, attempt, key) VALUES ($1, $2, $3)",
            [(turn.envelope.origin, turn.envelope.attempt, turn.envelope.key) for turn in turns],
        )

    async def effects(self, key: str | None = None) -> list[int]:
        """Message numbers in the order of their effects."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "SELECT number FROM effect WHERE $1::text IS NULL OR key = $1 ORDER BY place", key
            )
        return [row["number"] for row in rows]

    async def owner(self, instance: str = "a", bus: Bus | None = None) -> Ownership:
        ownership = ownership_of(bus or self.bus, instance, SystemClock())
        await ownership.renew()
        return ownership

    async def flow(self, instance: str = "a", bus: Bus | None = None) -> Flow:
        bus = bus or self.bus
        return flow_of(
            bus, self.journal, self.stage(), await self.owner(instance, bus), clock=SystemClock()
        )

    async def send(self, *envelopes: Envelope, copy: int = 0) -> None:
        await self.bus.publish([outgoing(envelope, copy) for envelope in envelopes])

    async def at_rest(self) -> None:
        await eventually(lambda: is_worked_off(self.bus, self.journal), timeout_seconds=20)

    async def entries(self, stream: str) -> list[Envelope]:
        last = (await self.bus.state(stream)).last_sequence
        consumer = await self.bus.consume(stream, range(SHARDS), 0, "look")
        found: list[Envelope] = []
        reached = 0
        async with asyncio.timeout(10):
            while reached < last:
                for one in await consumer.next_batch(100, 1.0):
                    found.append(unpack(one.data))
                    reached = one.sequence
        await consumer.close()
        return found

    async def left(self, key: str | None = None) -> list[int]:
        return [
            envelope.origin
            for envelope in await self.entries("out")
            if key is None or envelope.key == key
        ]

    async def custody(self, number: int) -> list[Custody]:
        return [
            told
            for envelope in await self.entries("audit")
            for told in EvidenceBatch.FromString(envelope.payload).custody
            if told.message_id == message_id(number)
        ]


@pytest_asyncio.fixture
async def world(nats_server: NatsServer, database: str) -> AsyncIterator[World]:
    """Empty servers and one connection to each."""
    store = await open_database(database, schema="stage", size=6)
    await migrate(store, None)
    async with store.transaction() as connection:
        await connection.execute(
            "CREATE TABLE effect (place bigserial, number bigint, attempt integer, key text,"
            " PRIMARY KEY (number, attempt))"
        )
    made = World(nats_server, store)
    made.bus = await made.connect()
    for stream in ("in", "out", "audit"):
        await made.bus.state(stream)
    try:
        yield made
    finally:
        await made.bus.close()
        await store.close()


async def test_many_messages_have_one_effect_each_and_keep_their_order(world: World) -> None:
    sent = [message(number, KEYS[number % 3]) for number in range(1, 301)]
    await world.send(*sent)
    async with running(await world.flow()):
        await world.at_rest()
        await world.send(*sent, copy=1)
        await world.at_rest()
    assert sorted(await world.effects()) == sorted(await world.left()) == list(range(1, 301))
    for key in KEYS:
        of_key = [envelope.origin for envelope in sent if envelope.key == key]
        assert await world.effects(key) == await world.left(key) == of_key


async def test_a_crash_between_commit_and_publishing_loses_and_doubles_nothing(
    world: World,
) -> None:
    mute = await world.connect()
    mute.__class__ = MuteBus
    await world.send(message(1), message(2, payload=POISON), message(3))
    flow = await world.flow(bus=mute)
    task = asyncio.create_task(flow.run())

    async def committed() -> bool:
        return await world.effects() == [1, 3]

    await eventually(committed)
    await crash(flow, task)
    await mute.close()
    assert await world.left() == []
    async with running(await world.flow()):
        await world.at_rest()
    assert await world.effects() == await world.left() == [1, 3]
    (told,) = await world.custody(2)
    assert told.outcome == Outcome.OUTCOME_PARKED


async def test_an_owner_that_was_replaced_unawares_writes_nothing_more(world: World) -> None:
    old_bus = await world.connect()
    old = await world.flow("old", old_bus)
    task = asyncio.create_task(old.run())
    await world.send(message(1))
    await world.at_rest()

    async def lease_is_over() -> bool:
        return await world.bus.leases.alive("stage") == set()

    await eventually(lease_is_over)
    async with running(await world.flow("new")):

        async def taken() -> bool:
            async with world.database.connection() as connection:
                epoch = await connection.fetchval("SELECT max(epoch) FROM fence")
            return bool(epoch == 2)

        await eventually(taken)
        # The old owner believes in its shards and reads the same messages.
        numbers = range(2, 40)
        for number in numbers:
            await world.send(message(number, KEYS[number % 3]))
        await old._ownership.renew()
        await world.at_rest()
        await crash(old, task)
    await old_bus.close()
    assert sorted(await world.effects()) == sorted(await world.left()) == list(range(1, 40))
    for key in KEYS:
        assert await world.effects(key) == sorted(await world.effects(key))
        assert await world.left(key) == sorted(await world.left(key))


async def test_after_a_lost_nats_store_all_leaves_again_and_nothing_is_done_again(
    world: World,
) -> None:
    sent = [message(number, KEYS[number % 3]) for number in range(1, 20)]
    await world.send(*sent)
    async with running(await world.flow()):
        await world.at_rest()
        before = await world.bus.state("in")
        await world.server.stop()
        await world.server.wipe_store()
        await world.server.start()

        async def sent_again() -> bool:
            with contextlib.suppress(Unavailable):
                for stream in ("in", "out", "audit"):
                    await world.bus.state(stream)
                await world.send(*sent, message(20))
                return True
            return False

        await eventually(sent_again)
        assert (await world.bus.state("in")).incarnation != before.incarnation
        await world.at_rest()
    assert sorted(await world.effects()) == sorted(await world.left()) == list(range(1, 21))
    for key in KEYS:
        assert await world.left(key) == sorted(await world.left(key))


async def test_a_killed_nats_server_is_waited_for(world: World) -> None:
    async with running(await world.flow()):
        await world.send(*(message(number) for number in range(1, 6)))
        await world.server.kill()
        await world.server.start()

        async def sent_the_rest() -> bool:
            with contextlib.suppress(Unavailable):
                await world.send(*(message(number) for number in range(1, 11)))
                return True
            return False

        await eventually(sent_the_rest)
        await world.at_rest()
    assert await world.effects() == list(range(1, 11))
    # What came again in other company is handed on again; whoever comes next knows it.
    assert list(dict.fromkeys(await world.left())) == list(range(1, 11))


async def test_the_ids_of_messages_survive_the_store(world: World) -> None:
    await world.send(message(7))
    async with running(await world.flow()):
        await world.at_rest()
    (envelope,) = await world.entries("out")
    assert uuid.UUID(envelope.message_id) == uuid.UUID(message_id(7))
