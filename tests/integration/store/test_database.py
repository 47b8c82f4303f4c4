"""A service's connections: what goes wrong is told by class, and never shows a value."""

import asyncio
import pathlib
import traceback

import pytest

from plexus.errors import ConfigurationError, DeadlineExceeded, PlexusError, Unavailable
from plexus.local.postgres import Postgres
from plexus.store import Database, Mark, PostgresJournal, migrate, open_database
from plexus.testing import servers

VALUE = "Ambrosia Quill"


async def opened(dsn: str) -> Database:
    return await open_database(dsn, schema="stage", size=2)


async def refused(store: Database, statement: str, *values: object) -> PlexusError:
    with pytest.raises(PlexusError) as caught:
        async with store.transaction() as connection:
            await connection.execute(statement, *values)
    return caught.value


async def test_a_statement_that_fails_is_a_defect_and_shows_no_value(database: str) -> None:
    store = await opened(database)
    error = await refused(store, "SELECT $1::text::integer", VALUE)
    assert not error.retryable
    assert "22P02" in error.detail
    assert VALUE not in str(error)
    error = await refused(store, f"SELECT '{VALUE}' FROM nowhere")
    assert VALUE not in str(error)
    assert not error.retryable
    await store.close()


async def test_two_who_store_the_same_thing_can_try_again(database: str) -> None:
    store = await opened(database)
    async with store.transaction() as connection:
        await connection.execute("CREATE SCHEMA stage; CREATE TABLE one (id text PRIMARY KEY)")
        await connection.execute("INSERT INTO one VALUES ($1)", VALUE)
    error = await refused(store, "INSERT INTO one VALUES ($1)", VALUE)
    assert isinstance(error, Unavailable)
    assert VALUE not in str(error)
    await store.close()


async def test_a_block_that_fails_is_undone(database: str) -> None:
    store = await opened(database)

    async def block() -> None:
        async with store.transaction() as connection:
            await connection.execute("CREATE SCHEMA stage")
            raise PlexusError("too bad")

    with pytest.raises(PlexusError, match="too bad"):
        await block()
    async with store.connection() as connection:
        assert await connection.fetchval("SELECT to_regnamespace('stage')") is None
    await store.close()


async def test_no_free_connection_is_told_in_time(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexus.store.database._ACQUIRE_SECONDS", 0.05)
    store = await opened(database)
    async with store.connection(), store.connection():
        with pytest.raises(DeadlineExceeded):
            await store.check()
    await store.check()
    await store.close()


async def test_a_killed_server_is_weather_and_its_return_ends_it(
    server_folder: pathlib.Path,
) -> None:
    async with servers.running_postgres(server_folder / "postgres", durable=False) as server:
        store = await opened(server.dsn)
        await store.check()

        async def block() -> None:
            async with store.transaction() as connection:
                await server.kill()
                await connection.execute("SELECT 1")

        with pytest.raises(Unavailable):
            await block()
        with pytest.raises(Unavailable):
            await store.check()
        with pytest.raises(Unavailable):
            await opened(server.dsn)
        await server.start()
        await store.check()
        await store.close()


async def test_wrong_addresses_are_told_apart(postgres: Postgres, database: str) -> None:
    with pytest.raises(ConfigurationError, match="credentials"):
        await opened(database.replace("plexus:", "plexus:not-", 1))
    with pytest.raises(ConfigurationError, match="does not exist"):
        await opened(postgres.dsn_of("no_such_database"))
    with pytest.raises(ConfigurationError):
        await opened("nonsense://")
    with pytest.raises(Unavailable):
        await opened("postgresql://plexus:x@127.0.0.1:1/plexus?sslmode=disable")
    with pytest.raises(ConfigurationError, match="schema"):
        await open_database(database, schema="Robert'; DROP", size=2)


async def test_an_error_before_the_first_connection_shows_no_password(database: str) -> None:
    wrong = database.replace("plexus:", "plexus:not-", 1)
    with pytest.raises(ConfigurationError) as caught:
        await opened(wrong)
    assert "not-" not in "".join(traceback.format_exception_only(caught.value))


async def test_a_batch_that_does_not_commit_undoes_the_stages_own_state(database: str) -> None:
    store = await opened(database)
    await migrate(store, None)
    journal = PostgresJournal(store)
    epochs = await journal.claim(["0"])
    async with journal.transaction(epochs) as transaction:
        await transaction.connection.execute("CREATE TABLE own (id integer)")
    async with store.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('stage.own')") is None
    async with journal.transaction(epochs) as transaction:
        await transaction.connection.execute("CREATE TABLE own (id integer)")
        await transaction.commit([], {"0": Mark("s", 1, 1)})
    async with store.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('stage.own')") is not None
    await store.close()


async def test_a_cancelled_batch_leaves_a_connection_that_works(database: str) -> None:
    store = await open_database(database, schema="stage", size=2)
    await migrate(store, None)
    journal = PostgresJournal(store)
    epochs = await journal.claim(["0"])
    begun = asyncio.Event()

    async def batch() -> None:
        async with journal.transaction(epochs) as transaction:
            await transaction.connection.execute("SELECT 1")
            begun.set()
            await transaction.connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(batch())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(3):
        await store.check()
    await store.close()


async def test_plans_are_kept_for_the_batches_of_who_asks_and_for_nothing_else(
    database: str,
) -> None:
    store = await open_database(database, schema="stage", size=1)
    await migrate(store, None)
    for keeps, mode in ((True, "force_generic_plan"), (False, "force_custom_plan")):
        async with PostgresJournal(store, keeps_plans=keeps).transaction({}) as transaction:
            assert await transaction.connection.fetchval("SHOW plan_cache_mode") == mode
        async with store.connection() as connection:
            assert await connection.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
            assert await connection.fetchval("SHOW enable_seqscan") == "on"
    await store.close()
