"""One child: waiting, ending, output; and that nothing outlives its parent."""

import asyncio
import contextlib
import json
import os
import pathlib
import pwd
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import plexus.local
from plexus.errors import ConfigurationError, DeadlineExceeded
from plexus.local.nats_server import find_nats_server
from plexus.local.postgres_programs import find_programs
from plexus.local.processes import run, spawn
from plexus.testing.waiting import eventually

FOR_EVER = [sys.executable, "-c", "import signal; signal.pause()"]
LIBS = pathlib.Path(plexus.local.__path__[0]).parents[1]

CRASHING_PARENT = textwrap.dedent(
    """
    import asyncio, json, os, pathlib, signal, sys
    from plexus.local import processes
    from plexus.local.nats_server import NatsServer
    from plexus.local.postgres import Postgres

    async def main(folder):
        nats, postgres = NatsServer(folder / "nats"), Postgres(folder / "pg", durable=False)
        await nats.start()
        await postgres.start()
        child = processes.spawn([sys.executable, "-c", "import signal; signal.pause()"])
        owner = os.stat(f"/proc/{postgres.pid}").st_uid
        print(json.dumps({"pids": [nats.pid, postgres.pid, child.pid], "owner": owner}), flush=True)
        await asyncio.sleep(3600)

    asyncio.run(main(pathlib.Path(sys.argv[1])))
    """
)


def open_descriptors() -> int:
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


def is_running(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_any_number_may_wait_for_one_child() -> None:
    child = spawn(FOR_EVER)
    waiting = [asyncio.create_task(child.wait()) for _ in range(3)]
    assert await child.wait_within(0.01) is None
    child.kill()
    assert await asyncio.gather(*waiting) == [-signal.SIGKILL] * 3
    assert child.exit_code == -signal.SIGKILL


def test_a_child_outlives_the_loop_that_started_it() -> None:
    async def start() -> object:
        return spawn(FOR_EVER)

    child = spawn(FOR_EVER)
    assert asyncio.run(child.wait_within(0.01)) is None
    child.send(signal.SIGTERM)
    assert asyncio.run(child.wait()) == -signal.SIGTERM


async def test_end_kills_the_deaf_and_what_they_started() -> None:
    read_end, write_end = os.pipe()
    # The shell's child holds the pipe too, so the pipe ends only when both are gone.
    child = spawn(["sh", "-c", "trap '' TERM; sleep 1000 & echo on; wait"], output=write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as said:
        assert await asyncio.to_thread(said.readline) == b"on\n"
        assert await child.end(signal.SIGTERM, grace_seconds=0.05) == -signal.SIGKILL
        async with asyncio.timeout(10):
            assert await asyncio.to_thread(said.read) == b""


async def test_a_program_that_is_missing_is_told() -> None:
    with pytest.raises(ConfigurationError, match="/nowhere"):
        spawn(["/nowhere"])
    before = open_descriptors()
    with pytest.raises(ConfigurationError, match="/nowhere"):
        await run(["/nowhere"], deadline_seconds=10)
    assert open_descriptors() == before


async def test_run_gives_the_exit_code_and_both_outputs() -> None:
    code = "import sys; print(sys.stdin.read(), flush=True); sys.stderr.write('err'); sys.exit(4)"
    done = await run([sys.executable, "-c", code], deadline_seconds=30, text="in")
    assert (done.exit_code, done.output) == (4, "in\nerr")


async def test_run_keeps_the_end_of_a_long_output() -> None:
    code = "print('x' * 1_000_000); print('last')"
    done = await run([sys.executable, "-c", code], deadline_seconds=30)
    assert len(done.output) == 65_536
    assert done.output.endswith("x\nlast\n")


async def test_run_kills_what_takes_too_long() -> None:
    with pytest.raises(DeadlineExceeded):
        await run(FOR_EVER, deadline_seconds=0.1)
    children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children")
    listed = await asyncio.to_thread(children.read_text)
    commands = [pathlib.Path(f"/proc/{pid}/cmdline") for pid in listed.split()]
    assert not [path for path in commands if b"signal.pause" in path.read_bytes()]


class Parent:
    """A process that started servers; told by its one line of output what it started."""

    def __init__(self, python: str, folder: pathlib.Path, user: str | None) -> None:
        self.process = subprocess.Popen(
            [python, "-c", CRASHING_PARENT, folder],
            stdout=subprocess.PIPE,
            env=import_path() | {"PLEXUS_NATS_SERVER": str(find_nats_server())},
            **as_user(user),
        )
        assert self.process.stdout is not None
        with self.process.stdout:
            line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            pytest.fail("the parent ended before its servers ran; its stderr says why")
        told = json.loads(line)
        self.pids: list[int] = told["pids"]
        self.owner: int = told["owner"]

    def crash(self) -> None:
        self.process.kill()
        self.process.wait()

    def leaves_nothing(self) -> bool:
        return not any(is_running(pid) for pid in self.pids)


def import_path() -> dict[str, str]:
    packages = find_programs(None, {}).parents[2]
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{LIBS}:{packages}"}


def as_user(user: str | None) -> dict[str, Any]:
    if user is None:
        return {"cwd": "/"}
    entry = pwd.getpwnam(user)
    return {"cwd": "/", "user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def python_for(user: str) -> str:
    """A Python that the user can run and that imports this checkout."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(
                [python, "-c", "import plexus.local.postgres, plexus.local.nats_server"],
                env=import_path(),
                capture_output=True,
                check=True,
                **as_user(user),
            )
            return python
    pytest.skip(f"{user} can run no Python that imports this checkout")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the policy")
async def test_a_child_interrupts_nobody_who_works() -> None:
    asked = "import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH)"
    finished = await run([sys.executable, "-c", asked], deadline_seconds=30)
    assert finished.output.strip() == "True"


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")
async def test_a_child_that_others_wait_for_may_interrupt() -> None:
    asked = "import os, sys; sys.exit(40 + os.sched_getscheduler(0))"
    plain = spawn([sys.executable, "-c", asked])
    interrupting = spawn([sys.executable, "-c", asked], interrupts=True)
    assert await plain.wait() == 40 + os.SCHED_BATCH
    assert await interrupting.wait() == 40 + os.SCHED_OTHER


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
async def test_servers_end_with_a_parent_that_was_killed(server_folder: pathlib.Path) -> None:
    parent = await asyncio.to_thread(Parent, sys.executable, server_folder, None)
    assert not parent.leaves_nothing()
    parent.crash()
    await eventually(parent.leaves_nothing, timeout_seconds=20)
    assert parent.owner == (os.geteuid() or pwd.getpwnam("nobody").pw_uid)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as a normal user already")
async def test_a_normal_user_can_run_it_all(server_folder: pathlib.Path) -> None:
    python = await asyncio.to_thread(python_for, "nobody")
    own = server_folder / "own"
    await asyncio.to_thread(own.mkdir, 0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(own, nobody.pw_uid, nobody.pw_gid)
    parent = await asyncio.to_thread(Parent, python, own, "nobody")
    assert parent.owner == nobody.pw_uid
    parent.crash()
    await eventually(parent.leaves_nothing, timeout_seconds=20)
