"""The parts of the benchmark: load, usage and report. A whole run is `plexus bench pipeline` itself."""

import asyncio
import contextlib
import datetime
import os
import pathlib
import runpy
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from plexus.api.audit.v1 import audit_pb2
from plexus.codecs.hl7v2 import acknowledge, read
from plexus.codecs.mllp import Frame, FrameDecoder, frame
from services.cli.benchmark.load import Load
from services.cli.benchmark.load_control import LoadProcess
from services.cli.benchmark.pipeline import Plan, Run
from services.cli.benchmark.profiling import profile_environment, top_functions
from services.cli.benchmark.report import as_json, as_text
from services.cli.benchmark.usage import Usage, UsageSampler, cpu_seconds
from services.cli.conservation import Report

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@contextlib.asynccontextmanager
async def feeds(count: int) -> AsyncIterator[tuple[list[int], list[tuple[int, str, str]]]]:
    """Listeners that accept everything: their ports, and what came as feed, control id, patient."""
    taken: list[tuple[int, str, str]] = []
    async with contextlib.AsyncExitStack() as stack:
        ports = []
        for number in range(count):

            async def serve(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int = number
            ) -> None:
                decoder = FrameDecoder(max_frame_bytes=100_000)
                while data := await reader.read(65_536):
                    for event in decoder.feed(data):
                        assert isinstance(event, Frame)
                        message = read(event.content)
                        person = message.first("PID")
                        assert person is not None
                        taken.append((number, message.control_id, person.raw(3)))
                        writer.write(frame(acknowledge(message, "AA", [], control_id="X", now=NOW)))
                writer.close()

            server = await stack.enter_async_context(
                await asyncio.start_server(serve, "127.0.0.1", 0)
            )
            ports.append(server.sockets[0].getsockname()[1])
        yield ports, taken


async def test_an_open_loop_sends_every_due_message_once_and_says_when_it_was_due() -> None:
    async with feeds(2) as (ports, taken):
        load = Load(ports, connections=4, people=8)
        await load.connect()
        result = await load.open_loop(400.0, 0.1)
        await load.close()
    assert result["codes"] == {"AA": 40}
    assert sorted(name for _, name, _ in taken) == sorted(name for name, _ in result["samples"])
    due = sorted(at for _, at in result["samples"])
    assert due[-1] - due[0] == pytest.approx(39 / 400, abs=1e-3)


async def test_each_person_stays_on_one_feed_and_control_ids_are_unique() -> None:
    async with feeds(2) as (ports, taken):
        load = Load(ports, connections=4, people=8)
        await load.connect()
        result = await load.closed_loop(0.1)
        await load.close()
    assert result["messages"] == len(taken) == len({name for _, name, _ in taken}) > 0
    places: dict[str, set[int]] = {}
    for feed, _, patient in taken:
        places.setdefault(patient, set()).add(feed)
    assert {len(found) for found in places.values()} == {1}


async def test_a_sustained_load_waits_for_the_receiver() -> None:
    arrived = [7]

    async def tell(_: web.Request) -> web.Response:
        # From the second look on it has two messages more each time.
        arrived.append(arrived[-1] + (2 if len(arrived) > 1 else 0))
        return web.json_response({"distinct_messages": arrived[-1]})

    application = web.Application()
    application.router.add_get("/_stats", tell)
    async with feeds(1) as (ports, taken), TestServer(application) as server:
        load = Load(ports, connections=2, people=4)
        await load.connect()
        result = await load.sustained(0.35, 5, str(server.make_url("/_stats")))
        await load.close()
    assert 5 <= result["messages"] == len(taken) <= 5 + arrived[-1] - 7


# The next two start a process and read /proc in the event loop, as the command line may: they are no
# coroutine tests, which are watched for calls that block.


def test_the_load_process_obeys_orders_and_tells_results() -> None:
    async def order() -> None:
        async with feeds(1) as (ports, taken):
            async with LoadProcess(ports, connections=2, people=4) as load:
                result = await load.open_loop(100.0, 0.2)
                again = await load.open_loop(100.0, 0.1)
                assert cpu_seconds(load.pid) > 0
            assert result["codes"] == {"AA": 20}
            assert again["codes"] == {"AA": 10}
            assert len(taken) == 30

    asyncio.run(order())


def test_usage_counts_what_is_used_between_start_and_stop() -> None:
    async def watch() -> tuple[float, Usage]:
        sampler = UsageSampler({"us": os.getpid()})
        await sampler.start()
        before = cpu_seconds(os.getpid())
        sum(range(3_000_000))
        spent = cpu_seconds(os.getpid()) - before
        return spent, (await sampler.stop())["us"]

    spent, used = asyncio.run(watch())
    assert spent > 0
    assert used.cpu_seconds >= spent - 1e-6
    assert used.rss_mb_max >= used.rss_mb_start > 1


def test_only_the_named_service_is_profiled(tmp_path: pathlib.Path) -> None:
    environment = {**os.environ, **profile_environment(tmp_path, "transform")}
    script = tmp_path / "script.py"
    script.write_text("def work():\n    return sum(range(10))\nwork()\n")
    for service in ("ingest", "transform"):
        assert top_functions(tmp_path, 5) == []
        subprocess.run([sys.executable, script, "run", service], env=environment, check=True)
    assert any(where.endswith(" work") for where, *_ in top_functions(tmp_path, 100))
    assert runpy.run_path(str(script))["work"]() == 45


def run(*, distinct: int = 100, transactions: int = 100, restarts: list[str] | None = None) -> Run:
    counts = {"latency_ms": {"p50": 1.0, "p99": 2.0}, "codes": {"AA": 50}, "bytes": 75_000}
    phase = {**counts, "messages": 50, "seconds": 2.0, "began_at": 0.0}
    return Run(
        steady=phase,
        e2e_ms={"p50": 10.0, "p99": 20.0},
        e2e_samples=50,
        intake=phase,
        delivered_meanwhile=30,
        sustained=phase,
        delivered=40,
        usage={"transform": Usage(1.0, 10.0, 12.0, 11.0)},
        accepted=100,
        stats={"distinct_messages": distinct, "transactions": transactions},
        report=Report([], audit_pb2.GetConservationResponse(), []),
        restarts=restarts or [],
    )


def test_figures_are_worked_out_per_second_and_per_message() -> None:
    figures = as_json(Plan(), run())
    assert figures["intake_per_s"] == 25.0
    assert figures["delivered_per_s"] == 20.0
    assert figures["delivered_during_intake_per_s"] == 15.0
    assert figures["message_bytes_mean"] == 1500
    assert figures["processes"]["transform"]["cpu_ms_per_message"] == 20.0
    assert (figures["sound"], figures["lost"], figures["duplicated"]) == (True, 0, 0)
    assert "NOT SOUND" not in as_text(figures)


@pytest.mark.parametrize(
    ("made", "lost", "duplicated"),
    [
        pytest.param(run(distinct=98, transactions=98), 2, 0, id="lost"),
        pytest.param(run(transactions=103), 0, 3, id="twice"),
        pytest.param(run(restarts=["transform ended"]), 0, 0, id="restarted"),
    ],
)
def test_a_run_that_went_wrong_says_that_its_figures_are_worthless(
    made: Run, lost: int, duplicated: int
) -> None:
    figures = as_json(Plan(), made)
    assert (figures["sound"], figures["lost"], figures["duplicated"]) == (False, lost, duplicated)
    assert "NOT SOUND" in as_text(figures)
