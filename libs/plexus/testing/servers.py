"""Real servers for tests: one PostgreSQL for a session, a fresh NATS server for who asks.

A PostgreSQL takes a second to make and a database 50 ms, so tests share the server and each has a
database of its own. A NATS server takes 50 ms, so each test that asks has its own. Both live in a
temporary folder that the server's user can enter: pytest's own is closed to it where we are root.
The servers belong to no event loop, so a session's server serves each test's loop.
"""

import contextlib
import itertools
import os
import pathlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator

from plexus.local.nats_server import NatsServer
from plexus.local.postgres import Postgres

__all__ = ["fresh_database", "running_nats", "running_postgres", "server_folder"]

_numbers = itertools.count(1)


@contextlib.contextmanager
def server_folder() -> Iterator[pathlib.Path]:
    """A temporary folder for servers, removed with all that is in it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="plexus-test-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def running_nats(folder: pathlib.Path) -> AsyncIterator[NatsServer]:
    """A NATS server with an empty store (where the folder is new), stopped at the end."""
    server = NatsServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def running_postgres(folder: pathlib.Path, *, durable: bool) -> AsyncIterator[Postgres]:
    """A PostgreSQL, stopped at the end.

    Args:
        folder: see `Postgres`.
        durable: False for tests that do not ask what a crash of the machine takes; faster.
    """
    server = Postgres(folder, durable=durable)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_seconds=10.0)


@contextlib.asynccontextmanager
async def fresh_database(server: Postgres, *, template: str = "template1") -> AsyncIterator[str]:
    """The dsn of a database of its own, dropped at the end, whoever is connected.

    Args:
        server: a running one.
        template: the database to copy, for example one that has been migrated.
    """
    name = f"test_{os.getpid()}_{next(_numbers)}"
    dsn = await server.create_database(name, template=template)
    try:
        yield dsn
    finally:
        await server.drop_database(name)
