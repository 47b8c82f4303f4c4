"""The embedded PostgreSQL: kept data, crashes, databases, and where it lies as root.

Out of scope: what a power cut takes; that needs a disk image and is tested with the fault tests.
"""

import asyncio
import os
import pathlib
import pwd
import signal
import stat
import urllib.parse

import asyncpg
import pytest

from plexus.errors import ConfigurationError, InvalidRequest, Unavailable
from plexus.local.accounts import server_account
from plexus.local.postgres import Postgres
from plexus.local.processes import spawn
from plexus.testing.servers import fresh_database, running_postgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about running as root")


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_the_database_belongs_to_plexus_who_is_no_superuser(postgres: Postgres) -> None:
    assert await ask(postgres.dsn, "SELECT current_user::text") == "plexus"
    assert (
        await ask(postgres.dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = 'plexus'") is False
    )
    assert await ask(postgres.dsn, "SELECT rolcreatedb FROM pg_roles WHERE rolname = 'plexus'")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("password_encryption", "scram-sha-256"),
        ("TimeZone", "UTC"),
    ],
)
async def test_it_is_set_up_as_promised(postgres: Postgres, setting: str, value: str) -> None:
    assert await ask(postgres.dsn, f"SHOW {setting}") == value


async def test_text_sorts_by_code_point(database: str) -> None:
    query = "SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['b','B','ä','a','A']) x"
    assert await ask(database, query) == "ABabä"


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    password = postgres.dsn.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(postgres.dsn.replace(password, "wrong"), "SELECT 1")


async def test_only_its_user_reaches_the_socket_and_the_data(postgres: Postgres) -> None:
    sockets = pathlib.Path(urllib.parse.unquote(postgres.dsn.partition("?host=")[2]))
    assert len(os.fsencode(sockets / ".s.PGSQL.5432")) < 107
    for folder in (sockets, postgres.data):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_folder_too_deep_for_a_socket_has_its_socket_elsewhere(
    server_folder: pathlib.Path,
) -> None:
    deep = server_folder / ("x" * 120)
    async with running_postgres(deep, durable=False) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
        sockets = pathlib.Path(urllib.parse.unquote(server.dsn.partition("?host=")[2]))
        assert not sockets.is_relative_to(server_folder)
    assert not await asyncio.to_thread(sockets.exists)


async def test_durable_is_the_default_and_survives_a_crash(server_folder: pathlib.Path) -> None:
    server = Postgres(server_folder / "postgres")
    await server.start()
    try:
        dsn = server.dsn
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(dsn, f"SHOW {setting}") == "on"
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE t AS SELECT 42 AS x")
        await server.kill()
        connection.terminate()
        assert server.pid is None
        await server.start()
        assert server.dsn == dsn
        assert await ask(dsn, "SELECT x FROM t") == 42
    finally:
        await server.stop()


async def test_it_starts_again_after_only_the_postmaster_was_killed(
    server_folder: pathlib.Path,
) -> None:
    async with running_postgres(server_folder / "postgres", durable=False) as server:
        # A backend that is busy does not notice at once that its postmaster has gone.
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE t (x int)")
        busy = connection.fetchval("SELECT count(*) FROM generate_series(1, 4000000)")
        assert server.pid is not None
        task = asyncio.ensure_future(busy)
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL
        await server.start()
        assert await ask(server.dsn, "SELECT count(*) FROM t") == 0
        connection.terminate()
        await asyncio.gather(task, return_exceptions=True)  # answered or cut off: both may be


async def test_a_lock_whose_number_went_to_another_process_does_not_block(
    server_folder: pathlib.Path,
) -> None:
    async with running_postgres(server_folder / "postgres", durable=False) as server:
        lock = server.data / "postmaster.pid"
        left = await asyncio.to_thread(lock.read_text)
        await server.kill()
        stranger = spawn(["sleep", "1000"], account=server_account({}), folder=pathlib.Path("/"))
        try:
            assert lock.exists()
            lock.write_text(left.replace(left.split()[0], str(stranger.pid), 1))
            await server.start(deadline_seconds=20.0)
            assert await ask(server.dsn, "SELECT 1") == 1
            assert stranger.exit_code is None
        finally:
            stranger.kill()
            await stranger.wait()


async def test_a_half_made_cluster_is_made_anew(server_folder: pathlib.Path) -> None:
    half = server_folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (server_folder / "postgres").chmod(0o711)
    (half / "PG_VERSION").write_text("18")
    async with running_postgres(server_folder / "postgres", durable=False) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
        assert not half.exists()


async def test_two_servers_do_not_share_data(server_folder: pathlib.Path) -> None:
    async with running_postgres(server_folder / "postgres", durable=False) as server:
        second = Postgres(server_folder / "postgres", durable=False)
        with pytest.raises(Unavailable, match="lock file"):
            await second.start(deadline_seconds=0.5)
        assert await ask(server.dsn, "SELECT 1") == 1


async def test_data_without_its_password_is_told(server_folder: pathlib.Path) -> None:
    async with running_postgres(server_folder / "postgres", durable=False) as server:
        await server.stop()
        (server.folder / "password").unlink()
        with pytest.raises(ConfigurationError, match="password is gone"):
            await server.start()


async def test_a_setting_the_server_refuses_is_told(server_folder: pathlib.Path) -> None:
    server = Postgres(server_folder / "postgres", durable=False, settings={"no_such_thing": "1"})
    with pytest.raises(ConfigurationError, match="no_such_thing"):
        await server.start()


async def test_a_fresh_database_is_a_copy_of_its_template_and_goes_away(postgres: Postgres) -> None:
    async with fresh_database(postgres) as template_dsn:
        await ask(template_dsn, "CREATE TABLE t AS SELECT 7 AS x")
        template = template_dsn.split("/")[3].split("?")[0]
        async with fresh_database(postgres, template=template) as dsn:
            assert await ask(dsn, "SELECT x FROM t") == 7
            held = await asyncpg.connect(dsn)
        held.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(dsn, "SELECT 1")


@pytest.mark.parametrize("name", ["", "A", 'x"; DROP DATABASE plexus; --', "x" * 64])
async def test_a_name_that_will_not_do_is_refused(postgres: Postgres, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await postgres.create_database(name)


async def test_a_taken_name_is_refused(postgres: Postgres) -> None:
    with pytest.raises(InvalidRequest, match="already exists"):
        await postgres.create_database("plexus")


async def test_its_log_has_no_values_of_rows(postgres: Postgres, database: str) -> None:
    await ask(database, "CREATE TABLE t AS SELECT 'QUINCE-7'::text AS x")
    await ask(database, "CREATE UNIQUE INDEX once ON t (x)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(database, "INSERT INTO t VALUES ('QUINCE-7')")
    logged = postgres.log.read_text()
    assert '"once"' in logged
    assert "QUINCE-7" not in logged


@as_root
async def test_as_root_the_server_runs_as_nobody(postgres: Postgres) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    status = await asyncio.to_thread(pathlib.Path(f"/proc/{postgres.pid}/status").read_text)
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(nobody)] * 4
    assert fields["Groups"].split() == []
    assert postgres.data.stat().st_uid == nobody


@as_root
async def test_data_that_nobody_cannot_reach_lies_in_the_runtime_folder(
    server_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    environment = {"PLEXUS_RUNTIME_FOLDER": str(server_folder)}
    server = Postgres(closed / "postgres", durable=False, environment=environment)
    await server.start()
    try:
        await ask(server.dsn, "CREATE TABLE t AS SELECT 5 AS x")
        dsn = server.dsn
    finally:
        await server.stop()
    parent = server.data.parent
    assert (parent.parent, parent.name[:5]) == (server_folder, "data-")
    assert (parent.stat().st_uid, stat.S_IMODE(parent.stat().st_mode)) == (0, 0o755)
    assert str(parent) in (closed / "postgres" / "data-lies-at").read_text()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    again = Postgres(closed / "postgres", durable=False, environment=environment)
    await again.start()
    try:
        assert again.dsn == dsn
        assert await ask(again.dsn, "SELECT x FROM t") == 5
    finally:
        await again.stop()


@as_root
async def test_data_that_was_removed_from_the_runtime_folder_is_told(
    server_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "data-lies-at").write_text(f"{server_folder / 'gone' / 'data'}\n")
    with pytest.raises(ConfigurationError, match="is gone"):
        await Postgres(tmp_path).start()


@as_root
async def test_data_that_has_become_unreachable_is_not_replaced(
    server_folder: pathlib.Path,
) -> None:
    above = server_folder / "above"
    above.mkdir(mode=0o755)
    async with running_postgres(above / "postgres", durable=False) as server:
        await server.stop()
        above.chmod(0o700)
        with pytest.raises(ConfigurationError, match=r"chmod o\+x .*above"):
            await server.start()


@as_root
async def test_data_of_another_user_is_told(server_folder: pathlib.Path) -> None:
    (server_folder / "postgres" / "data").mkdir(parents=True)
    (server_folder / "postgres").chmod(0o711)
    os.chown(server_folder / "postgres" / "data", 12_345, 12_345)
    with pytest.raises(ConfigurationError, match="belongs to user 12345"):
        await Postgres(server_folder / "postgres").start()


@as_root
@pytest.mark.parametrize("name", ["root", "no-such-user"])
async def test_a_user_that_will_not_do_is_told(server_folder: pathlib.Path, name: str) -> None:
    server = Postgres(server_folder / "postgres", environment={"PLEXUS_POSTGRES_USER": name})
    with pytest.raises(ConfigurationError, match="PLEXUS_POSTGRES_USER"):
        await server.start()
