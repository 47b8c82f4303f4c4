"""A database with delivery's schema: migrated once a session, copied for each test."""

import urllib.parse
from collections.abc import AsyncIterator

import pytest_asyncio

from plexus.local.postgres import Postgres
from plexus.store import Database, migrate, open_database
from plexus.testing import servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def delivery_template(postgres: Postgres) -> AsyncIterator[str]:
    """Name of a database with the schema; nobody is connected to it."""
    async with servers.fresh_database(postgres) as dsn:
        database = await open_database(dsn, schema="delivery", size=2)
        try:
            await migrate(database, "services.delivery")
        finally:
            await database.close()
        yield urllib.parse.urlsplit(dsn).path.removeprefix("/")


@pytest_asyncio.fixture
async def delivery_db(postgres: Postgres, delivery_template: str) -> AsyncIterator[Database]:
    """The schema of delivery in a database of this test's own."""
    async with servers.fresh_database(postgres, template=delivery_template) as dsn:
        database = await open_database(dsn, schema="delivery", size=8)
        try:
            yield database
        finally:
            await database.close()
