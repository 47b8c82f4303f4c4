"""Each contract on each implementation: a bus in memory and on NATS, a journal in memory and on PostgreSQL."""

import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Protocol

import pytest
import pytest_asyncio

from plexus.bus import Bus, JetStreamBus, MemoryBus, connect_bus
from plexus.clock import ManualClock
from plexus.local.nats_server import NatsServer
from plexus.local.postgres import Postgres
from plexus.store import Journal, MemoryJournal, PostgresJournal, migrate, open_database
from plexus.testing import servers
from plexus.testing.waiting import eventually

SHARDS = 4
LEASE_SECONDS = 1.0


class BusWorld(Protocol):
    """A bus, and what may happen to it."""

    bus: Bus

    async def another(self) -> Bus:
        """A second member's way to the same streams."""

    def pass_lease(self) -> None:
        """Let the lease time pass, or begin to."""

    async def go_down(self) -> None:
        """Become unreachable."""

    async def come_back(self) -> None:
        """Become reachable again, with all that was stored."""

    async def lose_store(self) -> None:
        """Lose everything, and be reachable afterwards."""


class MemoryWorld:
    """In this process."""

    def __init__(self) -> None:
        self._clock = ManualClock()
        self._memory = MemoryBus(shards=SHARDS, lease_seconds=LEASE_SECONDS, clock=self._clock)
        self.bus: Bus = self._memory

    async def another(self) -> Bus:
        return self._memory

    def pass_lease(self) -> None:
        self._clock.advance(LEASE_SECONDS)

    async def go_down(self) -> None:
        self._memory.disconnect()

    async def come_back(self) -> None:
        self._memory.reconnect()

    async def lose_store(self) -> None:
        self._memory.wipe()


class NatsWorld:
    """A server of this test's own."""

    def __init__(self, server: NatsServer, stack: contextlib.AsyncExitStack) -> None:
        self._server = server
        self._stack = stack
        self._buses: list[JetStreamBus] = []

    async def start(self) -> None:
        self.bus: Bus = await self.another()

    async def another(self) -> JetStreamBus:
        bus = await connect_bus(
            self._server.url,
            name=f"test-{len(self._buses)}",
            shards=SHARDS,
            create_streams=True,
            lease_seconds=LEASE_SECONDS,
        )
        self._stack.push_async_callback(bus.close)
        self._buses.append(bus)
        return bus

    def pass_lease(self) -> None:
        """The server's own clock does."""

    async def go_down(self) -> None:
        await self._server.stop()
        await eventually(lambda: not any(bus.connected for bus in self._buses))

    async def come_back(self) -> None:
        before = self.bus.connections
        await self._server.start()
        await eventually(lambda: all(bus.connected for bus in self._buses))
        await eventually(lambda: self.bus.connections > before)

    async def lose_store(self) -> None:
        await self.go_down()
        await self._server.wipe_store()
        await self.come_back()


@pytest_asyncio.fixture(params=["memory", "jetstream"])
async def bus_world(
    request: pytest.FixtureRequest, server_folder: pathlib.Path
) -> AsyncIterator[BusWorld]:
    """A bus of each kind."""
    if request.param == "memory":
        yield MemoryWorld()
        return
    async with (
        servers.running_nats(server_folder / "nats") as server,
        contextlib.AsyncExitStack() as stack,
    ):
        world = NatsWorld(server, stack)
        await world.start()
        yield world


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def journal(request: pytest.FixtureRequest, postgres: Postgres) -> AsyncIterator[Journal]:
    """An empty journal of each kind."""
    if request.param == "memory":
        yield MemoryJournal()
        return
    async with servers.fresh_database(postgres) as dsn:
        database = await open_database(dsn, schema="stage", size=4)
        try:
            await migrate(database, None)
            yield PostgresJournal(database)
        finally:
            await database.close()
