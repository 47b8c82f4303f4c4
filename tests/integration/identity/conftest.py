"""A database with identity's schema: migrated once a session, copied for each test."""

import urllib.parse
from collections.abc import AsyncIterator

import pytest_asyncio

from plexus.local.postgres import Postgres
from plexus.store import Database, migrate, open_database
from plexus.testing import servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def identity_template(postgres: Postgres) -> AsyncIterator[str]:
    """Name of a database with the schema; nobody is connected to it."""
    async with servers.fresh_database(postgres) as dsn:
        database = await open_database(dsn, schema="identity", size=2)
        try:
            await migrate(database, "services.identity")
        finally:
            await database.close()
        yield urllib.parse.urlsplit(dsn).path.removeprefix("/")


@pytest_asyncio.fixture
async def identity_db(postgres: Postgres, identity_template: str) -> AsyncIterator[Database]:
    """The schema of identity in a database of this test's own."""
    async with servers.fresh_database(postgres, template=identity_template) as dsn:
        database = await open_database(dsn, schema="identity", size=8)
        try:
            yield database
        finally:
            await database.close()
