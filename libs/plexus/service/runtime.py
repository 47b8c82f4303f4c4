"""The frame around one service's wiring: connects, waits, runs, drains.

Order: logs, traces, admin server (live, not ready), store, bus, the service's own wiring, gRPC, ready.
A dependency that is not there yet is waited for, so any start order works. SIGTERM or SIGINT: not
ready any more, no new calls, flows finish their batch, everything closes in reverse order.
"""

import asyncio
import contextlib
import datetime
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from plexus.bus import JetStreamBus, connect_bus
from plexus.clock import Clock, SystemClock
from plexus.errors import PlexusError, Transient, Unavailable
from plexus.garbage import collect_seldom
from plexus.ids import IdSource, RandomIds
from plexus.retry import Backoff
from plexus.rpc import Peer, RpcServer
from plexus.service.admin import AdminServer
from plexus.settings import ServiceSettings
from plexus.store import Database, Journal, migrate, open_database
from plexus.telemetry.logs import configure_logs, get_log
from plexus.telemetry.metrics import LOOP_LAG
from plexus.telemetry.tracing import Tracing

__all__ = ["Runtime", "run_service"]

T = TypeVar("T")
_log = get_log(__name__)

_PURGE_SECONDS = 3600.0
_LAG_SECONDS = 1.0


class Runtime:
    """What a service stands on. Made by `run_service`, handed to the service's wiring.

    Attributes:
        settings: of the service.
        clock, ids: the real ones.
        tracing: spans of this process.
        rpc: the gRPC server; add servicers to it while wiring.
    """

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.settings = settings
        self.clock: Clock = SystemClock()
        self.ids: IdSource = RandomIds()
        self.tracing = Tracing.configured(
            name,
            settings.instance,
            settings.trace_exporter,
            settings.trace_folder,
            settings.trace_ratio,
        )
        self.admin = AdminServer(settings.admin_listen)
        self.rpc = RpcServer(settings.grpc_listen, self.tracing)
        self._wired = False
        self._was_ready = False
        self.admin.add_check("service", self._check_wired)
        self._stack = contextlib.AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None

    async def database(self, package: str, *, is_needed: bool = True) -> Database:
        """This service's schema, migrated. Waits for PostgreSQL.

        Where it is not needed, its absence does not make the service unready; wait for it in a task.
        """
        url = self.settings.database_url.get_secret_value()
        database = await self._wait_for(
            "PostgreSQL",
            lambda: open_database(url, schema=self.name, size=self.settings.database_pool),
        )
        self.on_stop(database.close)
        applied = await self._wait_for("migrations", lambda: migrate(database, package))
        if applied:
            _log.info("schema migrated", service=self.name, count=applied)
        if is_needed:
            self.admin.add_check("postgresql", database.check)
        return database

    async def bus(self) -> JetStreamBus:
        """The bus. Waits for NATS."""
        bus = await self._wait_for("NATS", self.connect_bus)
        self.attach_bus(bus)
        return bus

    async def connect_bus(self) -> JetStreamBus:
        """Try once to reach the bus, for a service that goes on without it. Raises Unavailable."""
        return await connect_bus(
            self.settings.nats_url.get_secret_value(),
            name=f"{self.name}-{self.settings.instance}",
            shards=self.settings.shards,
            create_streams=self.settings.create_streams,
            lease_seconds=self.settings.lease_seconds,
        )

    def attach_bus(self, bus: JetStreamBus) -> None:
        """Make readiness and closing include this bus."""
        self.on_stop(bus.close)

        async def check() -> None:
            if not bus.connected:
                raise Unavailable("NATS is not connected")

        self.admin.add_check("nats", check)

    def peer(self, address: str) -> Peer:
        """Another service to ask."""
        peer = Peer(address, self.tracing)
        self.on_stop(peer.close)
        return peer

    def run(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task as long as the service runs. Its failure ends the service."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def purge(self, journal: Journal) -> None:
        """Let the journal forget what is older than the settings want."""
        self.run(self._purge(journal), "purge")

    def on_stop(self, close: Callable[[], Awaitable[None]]) -> None:
        """Close this when the service stops, before what was opened earlier."""
        self._stack.push_async_callback(close)

    def stop(self) -> None:
        """Begin to drain."""
        self._stopped.set()

    @contextlib.asynccontextmanager
    async def started(
        self, wire: Callable[["Runtime"], Awaitable[None]]
    ) -> AsyncIterator["Runtime"]:
        """The service, ready within the block, drained after it."""
        async with self._stack:
            self.on_stop(lambda: asyncio.to_thread(self.tracing.close))
            admin = await self.admin.start()
            self.on_stop(self.admin.stop)
            self.on_stop(self._cancel_tasks)
            await wire(self)
            address = await self.rpc.start()
            self.on_stop(lambda: self.rpc.stop(self.settings.drain_seconds / 2))
            await self.rpc.set_serving(serving=True)
            self._wired = self._was_ready = True
            self.run(self._watch_loop(), "loop lag")
            _log.info("service ready", address=address, path=f"http://{admin}/readyz")
            yield self
            self._wired = False
            _log.info("service draining")
            await self.rpc.set_serving(serving=False)

    async def serve(self, wire: Callable[["Runtime"], Awaitable[None]]) -> None:
        """Run until SIGTERM, SIGINT or a failure. Raises what failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        waiting = asyncio.create_task(self._stopped.wait())
        running = asyncio.create_task(self._run_until_stopped(wire))
        await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            if not self._was_ready:  # it waits for a dependency, and has nothing to drain
                running.cancel()
            _, late = await asyncio.wait({running}, timeout=self.settings.drain_seconds)
            for task in late:
                _log.warning("drain took too long", seconds=self.settings.drain_seconds)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        waiting.cancel()
        if running.done() and not running.cancelled():
            running.result()
        if self._failure is not None:
            raise self._failure

    async def _check_wired(self) -> None:
        if not self._wired:
            raise Unavailable("starts, or drains")

    async def _run_until_stopped(self, wire: Callable[["Runtime"], Awaitable[None]]) -> None:
        async with self.started(wire):
            await self._stopped.wait()

    async def _wait_for(self, what: str, act: Callable[[], Awaitable[T]]) -> T:
        backoff = Backoff(first_seconds=0.1, longest_seconds=2.0)
        tries = 0
        while True:
            try:
                return await act()
            except Transient as exc:
                if self._stopped.is_set():  # a cancellation that met a failure may be lost
                    raise asyncio.CancelledError from exc
                tries += 1
                if tries in {3, 10} or tries % 30 == 0:
                    _log.warning("waiting for a dependency", exc, attempt=tries, state=what)
                await self.clock.sleep(backoff.bound(tries))

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        _log.error("task failed", error, state=task.get_name())
        self._failure = error
        self._stopped.set()

    async def _purge(self, journal: Journal) -> None:
        while True:
            await self.clock.sleep(_PURGE_SECONDS)
            keep = datetime.timedelta(hours=self.settings.journal_hours)
            with contextlib.suppress(Transient):
                count = await journal.purge(self.clock.now() - keep)
                _log.info("journal purged", count=count)

    async def _watch_loop(self) -> None:
        while True:
            began = self.clock.monotonic()
            await self.clock.sleep(_LAG_SECONDS)
            LOOP_LAG.set(max(0.0, self.clock.monotonic() - began - _LAG_SECONDS))


def run_service(
    name: str, settings: ServiceSettings, wire: Callable[[Runtime], Awaitable[None]]
) -> int:
    """Run a service in this process until it is told to stop. Returns the exit code."""
    configure_logs(name, settings.instance, settings.log_level)
    os.nice(settings.nice)

    async def main() -> int:
        try:
            await Runtime(name, settings).serve(wire)
        except PlexusError as exc:
            _log.error("service failed", exc)
            return 1
        except Exception as exc:  # noqa: BLE001 - the runner: a traceback would show the error's text
            _log.error("service failed", exc)
            return 1
        return 0

    collect_seldom()
    return uvloop.run(main())
