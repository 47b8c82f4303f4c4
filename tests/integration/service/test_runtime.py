"""A service's life: what starts and stops in which order, what is waited for, and how it ends.

Within this process up to where signals come in; from there as a process of its own.
"""

import asyncio
import pathlib
import signal
import sys
from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest
import pytest_asyncio

from plexus.errors import ConfigurationError, PlexusError
from plexus.local.nats_server import NatsServer
from plexus.local.postgres import Postgres
from plexus.service import Runtime
from plexus.settings import ServiceSettings
from plexus.testing.waiting import eventually

_SECRET = "0123456789abcdef-of-tests"


def settings(**values: object) -> ServiceSettings:
    return ServiceSettings(drain_seconds=5.0, **values)  # type: ignore[arg-type]


async def ready(runtime: Runtime) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{runtime.admin.address}/readyz") as answer,
    ):
        return answer.status


async def test_what_was_opened_last_is_closed_first() -> None:
    runtime = Runtime("records", settings())
    events: list[str] = []

    async def wire(started: Runtime) -> None:
        for name in ("store", "bus"):
            events.append(f"open {name}")
            started.on_stop(lambda name=name: closed(name))  # type: ignore[misc]

    async def closed(name: str) -> None:
        events.append(f"close {name}")

    async with runtime.started(wire):
        events.append("ready")
        assert await runtime.admin.unready() == {}
        assert await ready(runtime) == 200
    assert events == ["open store", "open bus", "ready", "close bus", "close store"]


async def test_it_is_not_ready_while_it_starts_and_while_it_drains() -> None:
    runtime = Runtime("records", settings())
    seen: list[int] = []

    async def look() -> None:
        seen.append(await ready(runtime))

    async def wire(started: Runtime) -> None:
        await look()
        started.on_stop(look)

    async with runtime.started(wire):
        await look()
    assert seen == [503, 200, 503]


async def test_a_dependency_that_comes_later_is_waited_for(
    server_folder: pathlib.Path, database: str
) -> None:
    server = NatsServer(server_folder / "nats")
    await server.start()
    url = server.url
    await server.stop()
    runtime = Runtime("records", settings(nats_url=url, database_url=database, shards=2))

    async def wire(started: Runtime) -> None:
        await started.database("services.records")
        await started.bus()

    async def live() -> None:
        async with runtime.started(wire):
            await runtime._stopped.wait()

    life = asyncio.create_task(live())
    await eventually(lambda: runtime.admin.address)
    assert await ready(runtime) == 503
    await server.start()
    await eventually(lambda: is_ready(runtime))
    await server.stop()
    await eventually(lambda: is_not_ready(runtime))
    await server.start()
    await eventually(lambda: is_ready(runtime))
    runtime.stop()
    await life
    await server.kill()


async def test_a_database_that_is_not_needed_keeps_nobody_from_being_ready() -> None:
    away = "postgresql://nobody@127.0.0.1:1/nowhere"
    runtime = Runtime("records", settings(database_url=away))

    async def wire(started: Runtime) -> None:
        async def wait() -> None:
            await started.database("services.records", is_needed=False)

        started.run(wait(), "waits")

    async with runtime.started(wire):
        assert await ready(runtime) == 200


async def is_ready(runtime: Runtime) -> bool:
    return await ready(runtime) == 200


async def is_not_ready(runtime: Runtime) -> bool:
    return await ready(runtime) == 503


async def test_a_task_that_fails_ends_the_service_with_its_error() -> None:
    runtime = Runtime("records", settings())

    async def fail() -> None:
        raise ConfigurationError("wrong")

    async def wire(started: Runtime) -> None:
        started.run(fail(), "doomed")

    with pytest.raises(ConfigurationError, match="wrong"):
        await runtime.serve(wire)


async def test_wiring_that_fails_closes_what_was_opened() -> None:
    runtime = Runtime("records", settings())
    closed: list[str] = []

    async def close() -> None:
        closed.append("store")

    async def wire(started: Runtime) -> None:
        started.on_stop(close)
        raise PlexusError("no wire")

    with pytest.raises(PlexusError, match="no wire"):
        await runtime.serve(wire)
    assert closed == ["store"]


async def test_who_stops_while_a_dependency_is_missing_does_not_wait() -> None:
    runtime = Runtime("records", settings(nats_url="nats://127.0.0.1:1"))

    async def wire(started: Runtime) -> None:
        await started.bus()

    life = asyncio.create_task(runtime.serve(wire))
    await eventually(lambda: runtime.admin.address)
    runtime.stop()
    async with asyncio.timeout(3):
        await life


class Process:
    """A service in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, object]] = []

    async def told(self, event: str) -> dict[str, object]:
        """The next line of that event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            while True:
                raw = await self.process.stderr.readline()
                assert raw, self.lines
                line: dict[str, object] = orjson.loads(raw)
                self.lines.append(line)
                if line["event"] == event:
                    return line

    async def end(self) -> tuple[int, str]:
        """Exit code, and the rest of what it wrote."""
        async with asyncio.timeout(20):
            output, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, (output + errors).decode()


PROGRAM = """
import asyncio, sys
from plexus.actors import run_turns
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.service import open_stage, run_service
from plexus.settings import ServiceSettings
from plexus.store import PostgresJournal

class Nothing:
    async def turn_batch(self, turns, transaction):
        pass

async def whole(runtime):
    database = await runtime.database("services.records")
    bus = await runtime.bus()
    open_stage(runtime, Nothing(), stage_name=StageName.STAGE_RECORDS, stream="resolved", bus=bus,
               journal=PostgresJournal(database))

async def doomed(runtime):
    async def fail():
        await asyncio.sleep(0.05)
        raise ValueError("Ambrosia Quill")
    runtime.run(fail(), "doomed")

sys.exit(run_service("records", ServiceSettings(), globals()[sys.argv[1]]))
"""


async def begin(wiring: str, **environment: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        wiring,
        env={f"PLEXUS_{name.upper()}": value for name, value in environment.items()},
        cwd=pathlib.Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Process(process)


@pytest_asyncio.fixture
async def service(nats_server: NatsServer, database: str) -> AsyncIterator[Process]:
    """A whole service, ready."""
    started = await begin(
        "whole", nats_url=nats_server.url, database_url=database, key_secret=_SECRET, shards="2"
    )
    try:
        await started.told("service ready")
        yield started
    finally:
        if started.process.returncode is None:
            started.process.kill()
            await started.process.communicate()


async def test_a_terminated_service_drains_and_ends_well(service: Process) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(str(service.lines[-1]["path"])) as answer,
    ):
        assert answer.status == 200
    service.process.send_signal(signal.SIGTERM)
    await service.told("service draining")
    code, rest = await service.end()
    assert code == 0
    assert "error" not in rest


async def test_an_interrupted_service_ends_well(service: Process) -> None:
    service.process.send_signal(signal.SIGINT)
    assert (await service.end())[0] == 0


async def test_a_service_whose_servers_have_gone_still_ends(
    service: Process, nats_server: NatsServer
) -> None:
    await nats_server.kill()
    service.process.send_signal(signal.SIGTERM)
    code, output = await service.end()
    assert code == 0, output


async def test_a_defect_ends_the_process_and_shows_no_value() -> None:
    service = await begin("doomed")
    code, output = await service.end()
    assert code == 1
    assert "ValueError" in output
    assert "Ambrosia" not in output
    assert all(orjson.loads(line)["event"] for line in output.splitlines())


async def test_a_configuration_that_is_wrong_ends_the_process(postgres: Postgres) -> None:
    service = await begin("whole", database_url=postgres.dsn_of("no_such_database"))
    code, output = await service.end()
    assert code == 1
    assert "does not exist" in output
    assert "Traceback" not in output
