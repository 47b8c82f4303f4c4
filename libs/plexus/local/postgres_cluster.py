"""The data of one PostgreSQL: where it lies, who may enter, and how it begins.

PostgreSQL calls this a database cluster. It lies in `<folder>/data`; where we are root and the
server's user cannot get there, it lies in a folder of its own below the runtime folder, and
`<folder>/data-lies-at` names it. A cluster appears whole or not at all: it is made beside its
place, roles and database included, and renamed.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping

from plexus.errors import ConfigurationError
from plexus.local import data_folder, processes
from plexus.local.accounts import USER_SETTING, Account, obstacle
from plexus.local.postgres_programs import RUNTIME_SETTING, runtime_folder

__all__ = ["OWNER", "SUPERUSER", "Cluster", "initialise", "prepare", "tool_environment"]

SUPERUSER = "postgres"
OWNER = "plexus"
_NOTE = "data-lies-at"
# sockaddr_un.sun_path is 108 bytes on Linux and 104 elsewhere, its final zero included.
_LONGEST_SOCKET_PATH = 103
_SOCKET_NAME = ".s.PGSQL.5432"
_TOOL_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Cluster:
    """A place for data that the server's user can reach.

    Attributes:
        data: PGDATA; absent until `initialise` has made it.
        sockets: folder of the unix socket; only the server's user may enter.
        account: who owns both; None is us.
        password: of the role plexus, which owns the databases.
        superuser_password: of the role postgres.
    """

    data: pathlib.Path
    sockets: pathlib.Path
    account: Account | None
    password: str
    superuser_password: str


def tool_environment() -> dict[str, str]:
    """For PostgreSQL's programs: English messages, and no PG* variable of the caller."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def prepare(
    folder: pathlib.Path, account: Account | None, environment: Mapping[str, str]
) -> Cluster:
    """Find or make the folders and the passwords. Blocks, for a moment.

    Raises:
        ConfigurationError: the server's user cannot use the folder; says what to do.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        # The server's user passes through to its data; the rest of the folder is not its affair.
        folder.chmod(0o700 if account is None else 0o711)
    folder = folder.resolve()
    data = folder / "data" if account is None else _place(folder, account, environment)
    owner = os.geteuid() if account is None else account.uid
    if data.exists():
        if data.stat().st_uid != owner:
            raise ConfigurationError(
                f"{data} belongs to user {data.stat().st_uid}, and PostgreSQL would run as "
                f"{owner}: run as that user, or as root set {USER_SETTING}"
            )
        if not (folder / "password").exists():
            raise ConfigurationError(f"{folder / 'password'} is gone, but {data} is there")
    return Cluster(
        data=data,
        sockets=_socket_folder(folder, account),
        account=account,
        password=data_folder.kept_password(folder / "password"),
        superuser_password=data_folder.kept_password(folder / "superuser-password"),
    )


def _place(folder: pathlib.Path, account: Account, environment: Mapping[str, str]) -> pathlib.Path:
    note = folder / _NOTE
    inside = folder / "data"
    with contextlib.suppress(FileNotFoundError):
        noted = pathlib.Path(note.read_text(encoding="utf-8").splitlines()[0])
        if noted.parent.is_dir():
            return noted
        raise ConfigurationError(f"{noted.parent} is gone: remove {folder} to begin anew")
    closed = obstacle(account, folder, os.X_OK)
    if closed is None:
        return inside
    if inside.exists():
        raise ConfigurationError(
            f"{account.name}, who runs PostgreSQL, can no longer enter {closed}: run "
            f"`chmod o+x {closed}`, or set {USER_SETTING} to a user who can"
        )
    # The random part: were `folder` removed and made anew, it must not meet the old data, whose
    # passwords went with it.
    name = f"data-{_digest(folder)}-{secrets.token_hex(4)}"
    parent = runtime_folder(account, environment) / name
    parent.mkdir(mode=0o755)
    parent.chmod(0o755)
    data_folder.write_private(
        note,
        f"{parent / 'data'}\n"
        f"PostgreSQL runs as {account.name}, who cannot enter {closed}. So its data lies there.\n"
        f"Remove {parent} together with this folder; {RUNTIME_SETTING} chooses another place.\n",
    )
    return parent / "data"


def _digest(folder: pathlib.Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def _socket_folder(folder: pathlib.Path, account: Account | None) -> pathlib.Path:
    """In the folder, where the path is short enough and its user gets there; else elsewhere."""
    owner = os.geteuid() if account is None else account.uid
    name = f"plexus-{owner}-{_digest(folder)}"
    elsewhere = dict.fromkeys([tempfile.gettempdir(), "/tmp", "/run"])  # noqa: S108 - the folder made in it is private and checked
    for sockets in (folder / "sockets", *(pathlib.Path(base, name) for base in elsewhere)):
        base = sockets.parent
        too_long = len(os.fsencode(sockets / _SOCKET_NAME)) > _LONGEST_SOCKET_PATH
        if too_long or not base.is_dir() or not os.access(base, os.W_OK):
            continue
        if account is not None and obstacle(account, base, os.X_OK):
            continue
        with contextlib.suppress(FileExistsError):
            sockets.mkdir(mode=0o700)
            if account is not None:
                os.chown(sockets, account.uid, account.gid)
        found = sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise ConfigurationError(
                f"{sockets} was made by someone else, or is open to others: remove it"
            )
        return sockets
    raise ConfigurationError(
        "no folder for PostgreSQL's socket: set TMPDIR to a short path that its user can enter"
    )


async def initialise(cluster: Cluster, programs: pathlib.Path, *, durable: bool) -> None:
    """Make the cluster, with the role and the database plexus, where it is not there yet.

    C.UTF-8 of the builtin provider sorts by code point, the same on every machine and release.

    Raises:
        ConfigurationError: initdb failed.
    """
    if await asyncio.to_thread(cluster.data.exists):
        return
    beside = cluster.data.with_name("data.new")
    password_file = cluster.sockets / "initdb-password"
    await asyncio.to_thread(_make_empty, beside, cluster)
    try:
        await asyncio.to_thread(
            data_folder.write_private, password_file, cluster.superuser_password, cluster.account
        )
        await _run_tool(
            cluster,
            programs / "initdb",
            f"--pgdata={beside}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--auth=scram-sha-256",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
        )
    finally:
        await asyncio.to_thread(password_file.unlink, missing_ok=True)
    await _run_tool(
        cluster,
        programs / "postgres",
        "--single",
        "-D",
        beside,
        "-cexit_on_error=true",
        *([] if durable else ["-cfsync=off"]),
        "postgres",
        text=f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{cluster.password}'\n"
        f"CREATE DATABASE {OWNER} OWNER {OWNER}\n",
    )
    await asyncio.to_thread(beside.rename, cluster.data)


def _make_empty(folder: pathlib.Path, cluster: Cluster) -> None:
    # What an earlier try left when it was killed.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    if cluster.account is not None:
        os.chown(folder, cluster.account.uid, cluster.account.gid)


async def _run_tool(
    cluster: Cluster, program: pathlib.Path, *arguments: str | pathlib.Path, text: str = ""
) -> None:
    done = await processes.run(
        [program, *arguments],
        deadline_seconds=_TOOL_SECONDS,
        environment=tool_environment(),
        folder=cluster.sockets,
        account=cluster.account,
        text=text,
    )
    if done.exit_code != 0:
        # Of the passwords at most the echo of a failed statement could be told; leave those out.
        lines = [line for line in done.output.splitlines() if "PASSWORD" not in line]
        told = " / ".join(lines[-3:])
        raise ConfigurationError(f"{program.name} failed ({done.exit_code}): {told}")
