"""A database with transform's schema."""

from collections.abc import AsyncIterator

import pytest_asyncio

from plexus.store import Database, migrate, open_database


@pytest_asyncio.fixture
async def transform_db(database: str) -> AsyncIterator[Database]:
    """The schema of transform in a database of this test's own."""
    opened = await open_database(database, schema="transform", size=4)
    try:
        await migrate(opened, "services.transform")
        yield opened
    finally:
        await opened.close()
