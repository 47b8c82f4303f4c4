"""Ingest's schema, migrated once a session and copied for each test; and a feed over it."""

import asyncio
import contextlib
import urllib.parse
from collections.abc import AsyncIterator

import pytest_asyncio

from plexus.clock import SystemClock
from plexus.ids import KeyDigest, RandomIds
from plexus.local.postgres import Postgres
from plexus.store import Database, migrate, open_database
from plexus.telemetry.tracing import Tracing
from plexus.testing import servers
from services.ingest.actors import Committer, FeedActor
from services.ingest.settings import Feed
from services.ingest.store import ReceiptStore


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ingest_template(postgres: Postgres) -> AsyncIterator[str]:
    """Name of a database with the schema; nobody is connected to it."""
    async with servers.fresh_database(postgres) as dsn:
        database = await open_database(dsn, schema="ingest", size=2)
        try:
            await migrate(database, "services.ingest")
        finally:
            await database.close()
        yield urllib.parse.urlsplit(dsn).path.removeprefix("/")


@pytest_asyncio.fixture
async def ingest_db(postgres: Postgres, ingest_template: str) -> AsyncIterator[Database]:
    """The schema of ingest in a database of this test's own."""
    async with servers.fresh_database(postgres, template=ingest_template) as dsn:
        database = await open_database(dsn, schema="ingest", size=8)
        try:
            yield database
        finally:
            await database.close()


@pytest_asyncio.fixture
async def feed(ingest_db: Database) -> AsyncIterator[tuple[FeedActor, ReceiptStore]]:
    """The feed `lab`, without its listener and without a bus, and the store of its receipts."""
    store = ReceiptStore(ingest_db)
    writer = await store.claim("test")
    committer = Committer(
        store,
        lambda: writer,
        lambda _: None,
        lambda: None,
        batch=64,
        pending=256,
        receipt_seconds=10.0,
    )
    committing = asyncio.create_task(committer.run())
    actor = FeedActor(
        Feed(name="lab", tenant="acme"),
        committer=committer,
        digest=KeyDigest(b"a secret for tests only"),
        ids=RandomIds(),
        clock=SystemClock(),
        tracing=Tracing("test", None),
        receipt_seconds=10.0,
    )
    try:
        yield actor, store
    finally:
        committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await committing
