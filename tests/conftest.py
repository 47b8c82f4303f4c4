"""Fixtures for all tests: real servers, a watch for blocking calls, and hypothesis's profile.

A test names what it needs: `nats_server` (its own), `postgres` (the session's), `database` (a
database of its own, as a dsn).
"""

import inspect
import os
import pathlib
from collections.abc import AsyncIterator, Iterator

import blockbuster
import grpc.aio
import hypothesis
import pytest
import pytest_asyncio

from plexus.local.nats_server import NatsServer
from plexus.local.postgres import Postgres
from plexus.testing import servers

# Tests fork servers; gRPC need not prepare for it, since its children only exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

_TESTS = pathlib.Path(__file__).parent
_WATCHED = tuple(_TESTS / kind for kind in ("unit", "contract", "integration"))
# Where our code blocks the event loop for a moment, and means to.
_MAY_BLOCK = {
    # fork and exec, as asyncio's own subprocesses do it
    "os.read": [("plexus/local/processes.py", "spawn")],
    # lines of children into the page cache, in the supervisor, which carries no messages
    "os.write": [("plexus/local/logs.py", "write")],
    "os.replace": [("plexus/local/logs.py", "_rotate")],
    "os.rename": [("plexus/local/logs.py", "_rotate")],
    "os.mkdir": [("plexus/local/logs.py", "_open")],
    "os.stat": [("plexus/local/logs.py", "_open"), ("plexus/local/logs.py", "open_log")],
}

# Deadlines would measure the other jobs of the machine. In CI every run draws the same examples, so
# that a failure belongs to the change.
hypothesis.settings.register_profile("here", deadline=None, max_examples=60)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def blocking_calls_fail(request: pytest.FixtureRequest) -> Iterator[None]:
    """In a coroutine test, a call of our code that blocks the event loop raises BlockingError."""
    function = getattr(request.node, "function", None)
    is_watched = any(folder in request.node.path.parents for folder in _WATCHED)
    if not is_watched or not inspect.iscoroutinefunction(function):
        yield
        return
    with blockbuster.blockbuster_ctx(
        ["plexus", "services"], excluded_modules=["plexus.testing"]
    ) as watch:
        for called, places in _MAY_BLOCK.items():
            for file, name in places:
                watch.functions[called].can_block_in(file, name)
        yield


@pytest.fixture
def server_folder() -> Iterator[pathlib.Path]:
    """A temporary folder that PostgreSQL's user can enter, unlike `tmp_path` where we are root."""
    with servers.server_folder() as folder:
        yield folder


@pytest_asyncio.fixture
async def nats_server(server_folder: pathlib.Path) -> AsyncIterator[NatsServer]:
    """A NATS server of this test's own, with an empty store."""
    async with servers.running_nats(server_folder / "nats") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[Postgres]:
    """The session's PostgreSQL (one for each xdist worker). It does not survive a power cut."""
    with servers.server_folder() as folder:
        async with servers.running_postgres(folder / "postgres", durable=False) as server:
            yield server


@pytest_asyncio.fixture
async def database(postgres: Postgres) -> AsyncIterator[str]:
    """The dsn of a database of this test's own."""
    async with servers.fresh_database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session", autouse=True)
def grpc_library() -> None:
    """Keeps gRPC's poller for the whole session.

    Else it ends when the last server or channel is collected, which may be within another test, and
    waits for its thread there.
    """
    grpc.aio.init_grpc_aio()
