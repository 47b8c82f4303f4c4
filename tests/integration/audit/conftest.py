"""A database with audit's schema, and audit itself on a real NATS and PostgreSQL.

Both are made outside the watch for blocking calls: a service may read its files while it starts.
"""

import contextlib
import urllib.parse
from collections.abc import AsyncIterator

import pytest_asyncio

from plexus.local.postgres import Postgres
from plexus.service import Runtime
from plexus.store import Database, migrate, open_database
from plexus.testing import servers
from services.audit.app import wire
from services.audit.settings import AuditSettings

AUDIT_SEED = "5a" * 32


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def audit_template(postgres: Postgres) -> AsyncIterator[str]:
    """Name of a database with the schema; nobody is connected to it."""
    async with servers.fresh_database(postgres) as dsn:
        database = await open_database(dsn, schema="audit", size=2)
        try:
            await migrate(database, "services.audit")
        finally:
            await database.close()
        yield urllib.parse.urlsplit(dsn).path.removeprefix("/")


@pytest_asyncio.fixture
async def store(postgres: Postgres, audit_template: str) -> AsyncIterator[Database]:
    """The schema of audit in a database of this test's own."""
    async with servers.fresh_database(postgres, template=audit_template) as dsn:
        database = await open_database(dsn, schema="audit", size=4)
        try:
            yield database
        finally:
            await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def audit(grpc_library: None, postgres: Postgres) -> AsyncIterator[Runtime]:
    """Audit as it runs; tests of one module share it, each with messages of its own."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(servers.server_folder())
        nats = await stack.enter_async_context(servers.running_nats(folder / "nats"))
        dsn = await stack.enter_async_context(servers.fresh_database(postgres))
        settings = AuditSettings.model_validate({
            "nats_url": nats.url,
            "database_url": dsn,
            "config": folder / "none.yaml",
            "shards": 2,
            "audit_key": AUDIT_SEED,
            "audit_seal_seconds": 0.1,
            "audit_anchor_folder": folder / "checkpoints",
        })  # fmt: skip
        yield await stack.enter_async_context(Runtime("audit", settings).started(wire))
