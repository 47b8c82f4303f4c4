"""Keeps a set of processes and servers running, and ends them in order.

What `plexus up` stands on: the servers and the services are added in the order of their start;
whatever ends unasked is started again, after a wait that grows while it keeps ending. Stopping goes
the other way round: each is asked to end (SIGTERM), given time to finish what it holds, and killed
when that is over. It does not judge: it never gives up on a process, and tells every change to
`on_event`.

All of it runs on one event loop; there are no threads. `processes` has the single child,
`postgres` and `nats_server` the servers.
"""

import asyncio
import dataclasses
import datetime
import enum
import os
import pathlib
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, Self

from plexus.clock import Clock, SystemClock
from plexus.errors import ConfigurationError, InvalidRequest, NotFound
from plexus.local import logs, processes
from plexus.retry import Backoff

__all__ = ["Event", "EventKind", "ProcessSpec", "Server", "Status", "Supervisor"]

_LAST_WORDS_SECONDS = 0.5


class EventKind(enum.Enum):
    """What happened to one process."""

    STARTED = "started"
    ENDED = "ended"  # unasked
    FAILED = "failed to start"
    WAITING = "waiting to restart"
    STOPPED = "stopped"  # asked for


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One line of the supervisor's story.

    Attributes:
        at: wall time, UTC.
        name: whose.
        kind: what.
        pid: where there is one.
        exit_code: of ENDED; negative for the signal that ended it.
        wait_seconds: of WAITING.
        detail: of FAILED.
    """

    at: datetime.datetime
    name: str
    kind: EventKind
    pid: int | None = None
    exit_code: int | None = None
    wait_seconds: float | None = None
    detail: str = ""

    def __str__(self) -> str:
        parts = [f"{self.at:%H:%M:%S} {self.name} {self.kind.value}"]
        if self.pid is not None:
            parts.append(f"pid {self.pid}")
        if self.exit_code is not None:
            parts.append(f"exit code {self.exit_code}")
        if self.wait_seconds is not None:
            parts.append(f"{self.wait_seconds:.1f} s")
        if self.detail:
            parts.append(self.detail)
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to keep running.

    Attributes:
        name: unique among the supervised; also the name of its log.
        argv: program and arguments.
        environment: its whole environment; None hands on ours.
        grace_seconds: from SIGTERM to SIGKILL.
        interrupts: see `plexus.local.processes.spawn`.
    """

    name: str
    argv: Sequence[str | pathlib.Path]
    environment: Mapping[str, str] | None = None
    grace_seconds: float = 10.0
    interrupts: bool = False


class Server(Protocol):
    """What can be supervised: `NatsServer`, `Postgres`, and our own processes."""

    @property
    def pid(self) -> int | None:
        """None while it does not run."""

    async def start(self) -> None:
        """Start it; on return it is ready for its clients."""

    async def stop(self, *, grace_seconds: float) -> None:
        """Ask it to end, kill it after the grace. Stopped: do nothing."""

    async def kill(self) -> None:
        """SIGKILL it."""

    async def wait(self) -> int:
        """The exit code, once it has ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """One of the supervised, now.

    Attributes:
        name: whose.
        pid: None while it does not run.
        is_ready: it runs, and its start has succeeded.
        restarts: how often it has been started after the first time.
        since: when it was last started; None before that.
    """

    name: str
    pid: int | None
    is_ready: bool
    restarts: int
    since: datetime.datetime | None


class _Program:
    """A process of ours, with its output going to a bounded log."""

    def __init__(self, spec: ProcessSpec, log: logs.BoundedLog) -> None:
        self._spec = spec
        self._log = log
        self._process: processes.Process | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    async def start(self) -> None:
        read_end, write_end = os.pipe()
        try:
            # Should we crash it gets SIGKILL, which costs a process of the mesh nothing it promised.
            self._process = processes.spawn(
                self._spec.argv,
                environment=self._spec.environment,
                output=write_end,
                interrupts=self._spec.interrupts,
            )
        except ConfigurationError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._pump = asyncio.create_task(processes.drain(read_end, self._log.write))

    async def stop(self, *, grace_seconds: float) -> None:
        if self._process is not None:
            await self._process.end(signal.SIGTERM, grace_seconds)
            await self._finish_log()

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def wait(self) -> int:
        if self._process is None:
            raise ConfigurationError(f"{self._spec.name} has not been started")
        code = await self._process.wait()
        await self._finish_log()
        return code

    async def _finish_log(self) -> None:
        # What it started may hold the pipe open after it has gone: read what is there, no more.
        pump, self._pump = self._pump, None
        if pump is None:
            return
        try:
            await asyncio.wait([pump], timeout=_LAST_WORDS_SECONDS)
        finally:
            pump.cancel()
            self._log.close()


@dataclasses.dataclass(slots=True)
class _Unit:
    name: str
    server: Server
    grace_seconds: float
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None
    is_ready: bool = False
    pid: int | None = None
    began: float = 0.0
    starts: int = 0
    since: datetime.datetime | None = None


class Supervisor:
    """Starts, restarts and stops what was added to it.

    Args:
        logs_folder: stdout and stderr of a process go to `<logs_folder>/<name>.log`, appended; over
            16 MiB it becomes `<name>.log.1` and a new one begins.
        on_event: told every change, on the event loop; must not block or raise.
        backoff: waits between restarts.
        steady_seconds: who has run that long starts the next series of waits from the beginning.
        clock: for times and waits.
        random_source: spreads the waits.
    """

    def __init__(
        self,
        logs_folder: pathlib.Path,
        *,
        on_event: Callable[[Event], None],
        backoff: Backoff | None = None,
        steady_seconds: float = 30.0,
        clock: Clock | None = None,
        random_source: random.Random | None = None,
    ) -> None:
        self._logs_folder = logs_folder
        self._on_event = on_event
        self._backoff = backoff or Backoff(first_seconds=0.2, longest_seconds=30.0)
        self._steady_seconds = steady_seconds
        self._clock: Clock = clock or SystemClock()
        self._random = random_source or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._units: dict[str, _Unit] = {}

    def add(self, spec: ProcessSpec) -> None:
        """Add a process, to be started after those already there.

        Raises:
            InvalidRequest: the name is taken.
        """
        log = logs.BoundedLog(self._logs_folder / f"{spec.name}.log")
        self.add_server(spec.name, _Program(spec, log), grace_seconds=spec.grace_seconds)

    def add_server(self, name: str, server: Server, *, grace_seconds: float = 20.0) -> None:
        """Add a server, to be started after those already there.

        Raises:
            InvalidRequest: the name is taken.
        """
        if name in self._units:
            raise InvalidRequest(f"{name} is supervised already")
        self._units[name] = _Unit(name, server, grace_seconds)

    async def start(self) -> None:
        """Start all that does not run, in the order added, each when the one before is ready.

        Raises:
            PlexusError: one did not start for the first time; the others have been stopped.
        """
        try:
            for unit in self._units.values():
                async with unit.lock:
                    if unit.task is None:
                        await self._start(unit)
        except BaseException:
            await self.stop()
            raise

    async def stop(self, *, deadline_seconds: float = 60.0) -> None:
        """Stop all, the last added first, each when the one before has ended.

        Args:
            deadline_seconds: for all together; who is left after that is killed at once.
        """
        until = self._clock.monotonic() + deadline_seconds
        for unit in reversed(self._units.values()):
            left = max(0.0, until - self._clock.monotonic())
            async with unit.lock:
                await self._stop(unit, min(unit.grace_seconds, left))

    async def restart(self, name: str) -> None:
        """Stop one in order and start it again; on return it runs.

        Raises:
            NotFound: nobody has that name.
            PlexusError: it did not start; it is stopped, and not tried again.
        """
        unit = self._unit(name)
        async with unit.lock:
            await self._stop(unit, unit.grace_seconds)
            await self._start(unit)

    async def kill(self, name: str) -> None:
        """SIGKILL one; it is started again as after any other end.

        Raises:
            NotFound: nobody has that name.
        """
        await self._unit(name).server.kill()

    def pids(self) -> dict[str, int]:
        """Of those that run, in the order added; `status` tells which of them are ready."""
        found = {name: unit.server.pid for name, unit in self._units.items()}
        return {name: pid for name, pid in found.items() if pid is not None}

    def status(self) -> list[Status]:
        """Of all, in the order added."""
        return [self._status(unit) for unit in self._units.values()]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _status(self, unit: _Unit) -> Status:
        pid = unit.server.pid
        is_ready = unit.is_ready and pid is not None
        return Status(unit.name, pid, is_ready, max(0, unit.starts - 1), unit.since)

    def _unit(self, name: str) -> _Unit:
        if name not in self._units:
            raise NotFound(f"{name} is not supervised")
        return self._units[name]

    async def _start(self, unit: _Unit) -> None:
        await self._start_once(unit)
        unit.task = asyncio.create_task(self._keep(unit), name=f"keep {unit.name}")

    async def _start_once(self, unit: _Unit) -> None:
        unit.is_ready = False
        await unit.server.start()
        unit.is_ready = True
        unit.starts += 1
        unit.since = self._clock.now()
        unit.began = self._clock.monotonic()
        unit.pid = unit.server.pid
        self._tell(unit, EventKind.STARTED, pid=unit.pid)

    async def _stop(self, unit: _Unit, grace_seconds: float) -> None:
        # First nobody restarts it any more, then it is ended.
        task, unit.task = unit.task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        pid = unit.server.pid
        await unit.server.stop(grace_seconds=grace_seconds)
        if pid is not None:
            self._tell(unit, EventKind.STOPPED, pid=pid)

    async def _keep(self, unit: _Unit) -> None:
        tries = 0
        while True:
            code = await unit.server.wait()
            self._tell(unit, EventKind.ENDED, pid=unit.pid, exit_code=code)
            steady = self._clock.monotonic() - unit.began >= self._steady_seconds
            tries = await self._restart(unit, 0 if steady else tries)

    async def _restart(self, unit: _Unit, tries: int) -> int:
        """Wait and start, until it starts; the number of tries, those before included."""
        while True:
            tries += 1
            wait_seconds = self._backoff.wait(tries, self._random)
            self._tell(unit, EventKind.WAITING, wait_seconds=wait_seconds)
            await self._clock.sleep(wait_seconds)
            try:
                await self._start_once(unit)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the next try may go better
                self._tell(unit, EventKind.FAILED, detail=f"{type(exc).__name__}: {exc}")
            else:
                return tries

    def _tell(
        self,
        unit: _Unit,
        kind: EventKind,
        *,
        pid: int | None = None,
        exit_code: int | None = None,
        wait_seconds: float | None = None,
        detail: str = "",
    ) -> None:
        now = self._clock.now()
        self._on_event(Event(now, unit.name, kind, pid, exit_code, wait_seconds, detail))
