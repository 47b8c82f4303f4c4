"""Migrations on a real PostgreSQL: each file once, whoever comes first, and never another one."""

import asyncio
import pathlib
import sys
import textwrap

import pytest

from plexus.errors import ConfigurationError, Unavailable
from plexus.store import Database, migrate, open_database

PACKAGE = "migrated_service"


@pytest.fixture
def migrations(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The folder of a service's migrations, with one file."""
    folder = tmp_path / PACKAGE / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").touch()
    (folder / "0001_word.sql").write_text(
        "CREATE TABLE word (text text); INSERT INTO word VALUES ('one');"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    return folder


async def opened(dsn: str) -> Database:
    return await open_database(dsn, schema="words", size=2)


async def words(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row["text"] for row in await connection.fetch("SELECT text FROM word")]


async def test_each_file_is_applied_once(database: str, migrations: pathlib.Path) -> None:
    store = await opened(database)
    assert await migrate(store, PACKAGE) == 2
    assert await migrate(store, PACKAGE) == 0
    (migrations / "0002_more.sql").write_text("INSERT INTO word VALUES ('two');")
    assert await migrate(store, PACKAGE) == 1
    assert await words(store) == ["one", "two"]
    await store.close()


async def test_replicas_that_start_together_apply_each_file_once(
    database: str, migrations: pathlib.Path
) -> None:
    stores = [await opened(database) for _ in range(4)]
    counts = await asyncio.gather(*(migrate(store, PACKAGE) for store in stores))
    assert sorted(counts) == [0, 0, 0, 2]
    assert await words(stores[0]) == ["one"]
    await asyncio.gather(*(store.close() for store in stores))


async def test_processes_that_start_together_apply_each_file_once(
    database: str, migrations: pathlib.Path
) -> None:
    program = textwrap.dedent(f"""
        import asyncio, sys
        from plexus.store import migrate, open_database
        async def main():
            store = await open_database({database!r}, schema="words", size=2)
            print(await migrate(store, {PACKAGE!r}))
            await store.close()
        sys.path.insert(0, {str(migrations.parent.parent)!r})
        asyncio.run(main())
    """)
    many = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    told = [(await process.communicate())[0] for process in many]
    assert sorted(told) == [b"0\n", b"2\n"]


async def test_a_file_that_was_changed_is_refused(database: str, migrations: pathlib.Path) -> None:
    store = await opened(database)
    await migrate(store, PACKAGE)
    (migrations / "0001_word.sql").write_text("CREATE TABLE word (text varchar);")
    (migrations / "0002_more.sql").write_text("INSERT INTO word VALUES ('two');")
    with pytest.raises(ConfigurationError, match=r"service/0001_word\.sql"):
        await migrate(store, PACKAGE)
    assert await words(store) == ["one"]
    await store.close()


async def test_a_file_that_fails_leaves_nothing_behind(
    database: str, migrations: pathlib.Path
) -> None:
    (migrations / "0002_wrong.sql").write_text("INSERT INTO nowhere VALUES (1);")
    store = await opened(database)
    with pytest.raises(Exception, match="SQLSTATE 42P01"):
        await migrate(store, PACKAGE)
    async with store.connection() as connection:
        assert await connection.fetchval("SELECT to_regnamespace('words')") is None
    await store.close()


async def test_without_a_server_migrating_can_be_tried_again(database: str) -> None:
    store = await opened(database)
    await store.close()
    with pytest.raises(Unavailable):
        await migrate(store, None)
