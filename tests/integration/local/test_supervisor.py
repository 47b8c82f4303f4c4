"""The supervisor: order, restarts, drains, logs. Its processes are real."""

import asyncio
import datetime
import os
import pathlib
import signal
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.errors import ConfigurationError, InvalidRequest, NotFound
from plexus.local.logs import BoundedLog
from plexus.local.nats_server import NatsServer
from plexus.local.supervisor import Event, EventKind, ProcessSpec, Supervisor
from plexus.retry import Backoff
from plexus.testing.waiting import eventually

FOR_EVER = r"import os, signal; os.write(1, b'ready\n'); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOR_EVER}"
QUICK = Backoff(first_seconds=0.01, longest_seconds=0.05)


def python(name: str, code: str, grace_seconds: float = 10.0) -> ProcessSpec:
    return ProcessSpec(name, [sys.executable, "-c", code], grace_seconds=grace_seconds)


class Watched:
    """A supervisor, and what it told."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.events: list[Event] = []
        self.logs = folder
        self.supervisor = Supervisor(folder, on_event=self.events.append, backoff=QUICK)

    def kinds(self, name: str) -> list[EventKind]:
        return [event.kind for event in self.events if event.name == name]

    def names(self, kind: EventKind) -> list[str]:
        return [event.name for event in self.events if event.kind is kind]

    async def until_logged(self, name: str, text: str) -> None:
        log = self.logs / f"{name}.log"
        await eventually(lambda: log.exists() and text in log.read_text(), what=f"{name}: {text}")


@pytest_asyncio.fixture
async def watched(tmp_path: pathlib.Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "logs")
    yield watched
    await watched.supervisor.stop(deadline_seconds=0)


async def test_starts_in_order_and_stops_in_the_reverse_order(watched: Watched) -> None:
    for name in "abc":
        watched.supervisor.add(python(name, FOR_EVER))
    async with watched.supervisor:
        assert list(watched.supervisor.pids()) == ["a", "b", "c"]
    assert watched.names(EventKind.STARTED) == ["a", "b", "c"]
    assert watched.names(EventKind.STOPPED) == ["c", "b", "a"]
    assert watched.supervisor.pids() == {}


async def test_a_killed_process_comes_back_with_another_pid(watched: Watched) -> None:
    watched.supervisor.add(python("a", FOR_EVER))
    watched.supervisor.add(python("b", FOR_EVER))
    await watched.supervisor.start()
    before = watched.supervisor.pids()
    await watched.supervisor.kill("a")
    await eventually(lambda: watched.supervisor.pids().get("a") not in {None, before["a"]})
    ended = next(event for event in watched.events if event.kind is EventKind.ENDED)
    assert (ended.name, ended.pid, ended.exit_code) == ("a", before["a"], -signal.SIGKILL)
    restarts = {status.name: status.restarts for status in watched.supervisor.status()}
    assert restarts == {"a": 1, "b": 0}
    assert watched.supervisor.pids()["b"] == before["b"]


async def test_one_that_keeps_ending_waits_longer_each_time(watched: Watched) -> None:
    watched.supervisor.add(python("a", "raise SystemExit(3)"))
    await watched.supervisor.start()
    await eventually(lambda: watched.kinds("a").count(EventKind.WAITING) >= 4)
    waits = [event.wait_seconds for event in watched.events if event.wait_seconds is not None]
    for tries, seconds in enumerate(waits, start=1):
        assert QUICK.bound(tries) / 2 <= seconds <= QUICK.bound(tries)
    assert {e.exit_code for e in watched.events if e.kind is EventKind.ENDED} == {3}


async def test_one_that_ran_steadily_is_restarted_soon(tmp_path: pathlib.Path) -> None:
    waits: list[float] = []
    supervisor = Supervisor(
        tmp_path,
        on_event=lambda event: waits.append(event.wait_seconds or 0),
        backoff=QUICK,
        steady_seconds=0.0,
    )
    supervisor.add(python("a", "pass"))
    async with supervisor:
        await eventually(lambda: len([wait for wait in waits if wait]) >= 4)
    assert max(waits) <= QUICK.first_seconds


async def test_one_deaf_to_sigterm_is_killed_after_its_grace(watched: Watched) -> None:
    watched.supervisor.add(python("deaf", DEAF, grace_seconds=0.05))
    await watched.supervisor.start()
    await watched.until_logged("deaf", "ready")
    pid = watched.supervisor.pids()["deaf"]
    await watched.supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_deadline_of_all_ends_the_grace_of_each(watched: Watched) -> None:
    for name in "abc":
        watched.supervisor.add(python(name, DEAF, grace_seconds=60.0))
    await watched.supervisor.start()
    for name in "abc":
        await watched.until_logged(name, "ready")
    async with asyncio.timeout(10):
        await watched.supervisor.stop(deadline_seconds=0.1)
    assert watched.supervisor.pids() == {}


async def test_sigterm_lets_a_process_finish(watched: Watched) -> None:
    code = (
        "import signal, sys\n"
        "def finish(*_):\n    print('finished'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, finish)\n" + FOR_EVER
    )
    watched.supervisor.add(python("a", code))
    await watched.supervisor.start()
    await watched.until_logged("a", "ready")
    await watched.supervisor.stop()
    assert (watched.logs / "a.log").read_text().splitlines() == ["ready", "finished"]


async def test_restart_on_request_does_not_wait(watched: Watched) -> None:
    watched.supervisor.add(python("a", FOR_EVER))
    await watched.supervisor.start()
    before = watched.supervisor.pids()["a"]
    await watched.supervisor.restart("a")
    assert watched.supervisor.pids()["a"] != before
    assert watched.kinds("a") == [EventKind.STARTED, EventKind.STOPPED, EventKind.STARTED]


async def test_stop_ends_a_wait_for_a_restart(tmp_path: pathlib.Path) -> None:
    events: list[EventKind] = []
    supervisor = Supervisor(
        tmp_path,
        on_event=lambda event: events.append(event.kind),
        backoff=Backoff(first_seconds=3600, longest_seconds=3600),
    )
    supervisor.add(python("a", "pass"))
    await supervisor.start()
    await eventually(lambda: EventKind.WAITING in events)
    async with asyncio.timeout(10):
        await supervisor.stop()
    assert events.count(EventKind.STARTED) == 1


async def test_a_program_that_is_missing_stops_those_before_it(watched: Watched) -> None:
    watched.supervisor.add(python("a", FOR_EVER))
    watched.supervisor.add(ProcessSpec("b", ["/nowhere/program"]))
    with pytest.raises(ConfigurationError, match="/nowhere/program"):
        await watched.supervisor.start()
    assert watched.supervisor.pids() == {}
    assert watched.names(EventKind.STOPPED) == ["a"]


async def test_a_killed_server_comes_back_on_its_address(
    watched: Watched, server_folder: pathlib.Path
) -> None:
    server = NatsServer(server_folder / "nats")
    watched.supervisor.add_server("nats", server)
    await watched.supervisor.start()
    url, pid = server.url, server.pid
    await watched.supervisor.kill("nats")
    assert [status.is_ready for status in watched.supervisor.status()] == [False]
    await eventually(lambda: watched.kinds("nats").count(EventKind.STARTED) == 2)
    assert [status.is_ready for status in watched.supervisor.status()] == [True]
    assert await server.is_healthy()
    assert server.url == url
    assert server.pid not in {None, pid}


async def test_output_and_errors_go_to_one_log_that_is_kept_over_restarts(
    watched: Watched,
) -> None:
    code = "import os, sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(1)"
    watched.supervisor.add(python("a", code))
    await watched.supervisor.start()
    await eventually(lambda: watched.kinds("a").count(EventKind.ENDED) >= 2)
    await watched.supervisor.stop()
    lines = (watched.logs / "a.log").read_text().splitlines()
    assert lines[:4] == ["out", "err", "out", "err"]


async def test_a_child_that_talks_without_end_does_not_hold_the_loop(watched: Watched) -> None:
    watched.supervisor.add(python("a", "while True: print('x' * 1000)"))
    watched.supervisor.add(python("b", FOR_EVER))
    await watched.supervisor.start()
    await watched.until_logged("b", "ready")


def test_names_are_unique(watched: Watched) -> None:
    watched.supervisor.add(python("a", FOR_EVER))
    with pytest.raises(InvalidRequest):
        watched.supervisor.add(python("a", FOR_EVER))


async def test_an_unknown_name_is_told(watched: Watched) -> None:
    with pytest.raises(NotFound):
        await watched.supervisor.restart("nobody")
    with pytest.raises(NotFound):
        await watched.supervisor.kill("nobody")


def test_an_event_is_one_line_with_all_it_knows() -> None:
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    event = Event(at, "audit", EventKind.ENDED, pid=7, exit_code=-9)
    assert str(event) == "03:04:05 audit ended, pid 7, exit code -9"


def test_a_log_takes_no_more_than_twice_its_cap(tmp_path: pathlib.Path) -> None:
    log = BoundedLog(tmp_path / "a.log", cap_bytes=100)
    for number in range(50):
        log.write(b"%09d\n" % number)
    log.close()
    kept = (tmp_path / "a.log.1").read_bytes() + (tmp_path / "a.log").read_bytes()
    assert kept.splitlines()[-1] == b"000000049"
    assert 100 <= len(kept) <= 200
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1"]


def test_a_log_that_cannot_be_written_loses_lines_only(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.log").mkdir()
    log = BoundedLog(tmp_path / "a.log")
    log.write(b"12345")
    assert log.lost_bytes == 5
