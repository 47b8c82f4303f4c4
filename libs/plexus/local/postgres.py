"""An embedded PostgreSQL, for one machine.

It listens on a unix socket only, which nobody but its user (and root) can reach, and asks for a
password (SCRAM). A commit that was answered is on disk: fsync, synchronous_commit and data
checksums are on unless `durable=False`, which is for tests that do not ask about loss.

Its log holds no values of rows: error details and statements are left out, for a violated unique
key would otherwise print the key. `postgres_programs` finds the programs, `postgres_cluster` the
place of the data, `postmaster` reads what a server leaves there; `plexus.store` is the client.
"""

import asyncio
import contextlib
import os
import pathlib
import re
import signal
import urllib.parse
from collections.abc import Mapping

from plexus.errors import ConfigurationError, InvalidRequest, PlexusError, Unavailable
from plexus.local import logs, postmaster, processes
from plexus.local.accounts import server_account
from plexus.local.postgres_cluster import (
    OWNER,
    SUPERUSER,
    Cluster,
    initialise,
    prepare,
    tool_environment,
)
from plexus.local.postgres_programs import find_programs

__all__ = ["Postgres"]

_POLL_SECONDS = 0.02
_RETRY_SECONDS = 0.1
_TOOL_SECONDS = 30.0
_DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# What a server says that starts while children of a killed one are still ending.
_STILL_ENDING = ("pre-existing shared memory block", "lock file")


class Postgres:
    """One server over one folder. Not for two processes at once.

    Args:
        folder: data, passwords and log lie here; made where it is missing. As root the data may
            lie elsewhere, see `plexus.local.postgres_cluster`.
        durable: False gives up what a power cut takes, for speed; SIGKILL takes nothing even so.
        settings: more server settings (`postgres -c`), stronger than ours.
        environment: where PLEXUS_POSTGRES_USER and PLEXUS_RUNTIME_FOLDER are looked up.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        *,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.folder = folder.absolute()
        self._durable = durable
        self._settings = dict(settings or {})
        self._environment = environment
        self._cluster: Cluster | None = None
        self._programs = pathlib.Path()
        self._process: processes.Process | None = None

    @property
    def dsn(self) -> str:
        """Of the database plexus, as its owner; password included.

        Known once started; the same after each restart.
        """
        return self.dsn_of(OWNER)

    def dsn_of(self, database: str) -> str:
        """Of another database of this server, as the role plexus."""
        cluster = self._prepared()
        host = urllib.parse.quote(str(cluster.sockets), safe="")
        return f"postgresql://{OWNER}:{cluster.password}@/{database}?host={host}"

    @property
    def data(self) -> pathlib.Path:
        """PGDATA. Known once started."""
        return self._prepared().data

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "postgres.log"

    @property
    def pid(self) -> int | None:
        """Of the postmaster; None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    def _prepared(self) -> Cluster:
        if self._cluster is None:
            raise ConfigurationError("PostgreSQL has no address before its first start")
        return self._cluster

    async def start(self, *, deadline_seconds: float = 60.0) -> None:
        """Start it; on return it takes connections. Running: do nothing.

        After a crash it waits for what is left of the old server, and recovers.

        Raises:
            ConfigurationError: it cannot run here; says what to do.
            Unavailable: it was not ready in time.
        """
        if self.pid is not None:
            return
        await asyncio.to_thread(self._prepare)
        cluster = self._prepared()
        await initialise(cluster, self._programs, durable=self._durable)
        await asyncio.to_thread(postmaster.remove_stale_lock, cluster.data)
        latest: PlexusError | None = None
        try:
            async with asyncio.timeout(deadline_seconds):
                while True:
                    try:
                        await self._launch(cluster)
                    except _StillEndingError as exc:
                        latest = exc
                    else:
                        return
                    await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError as exc:
            why = "" if latest is None else f" ({latest})"
            raise Unavailable(
                f"PostgreSQL was not ready within {deadline_seconds} s{why}; see {self.log}"
            ) from exc

    async def stop(self, *, grace_seconds: float = 30.0) -> None:
        """End its sessions and shut it down in order; after the grace, as at a crash."""
        if self._process is None:
            return
        # SIGINT is the fast shutdown: it does not wait for clients to go.
        self._process.send(signal.SIGINT)
        if await self._process.wait_within(grace_seconds) is None:
            await self.kill()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._prepared().sockets.rmdir)

    async def kill(self) -> None:
        """SIGKILL the postmaster and its children, as a crash of the machine would."""
        if self._process is None:
            return
        children = await asyncio.to_thread(postmaster.children, self._process.pid)
        self._process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        await self._process.wait()

    async def restart(self) -> None:
        """Stop and start; the address and the data stay."""
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        if self._process is None:
            raise ConfigurationError("PostgreSQL has not been started")
        return await self._process.wait()

    async def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database that the role plexus owns, and return its dsn.

        Args:
            name: lower-case letters, digits and `_`; at most 63.
            template: the database to copy; nobody may be connected to it.

        Raises:
            InvalidRequest: the name will not do or is taken, or the template cannot be copied.
        """
        await self._administer(
            f"CREATE DATABASE {_identifier(name)} OWNER {OWNER} TEMPLATE {_identifier(template)}"
        )
        return self.dsn_of(name)

    async def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it. Absent: do nothing."""
        await self._administer(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    async def _administer(self, statement: str) -> None:
        cluster = self._prepared()
        done = await processes.run(
            [
                *(self._programs / "psql", "--no-psqlrc", "--quiet", "--no-password"),
                *(f"--host={cluster.sockets}", f"--username={SUPERUSER}", "--dbname=postgres"),
                f"--command={statement}",
            ],
            deadline_seconds=_TOOL_SECONDS,
            environment=tool_environment() | {"PGPASSWORD": cluster.superuser_password},
        )
        told = done.output.strip().replace("\n", " / ")
        if done.exit_code == 2:  # psql: the connection failed
            raise Unavailable(f"PostgreSQL cannot be reached: {told}")
        if done.exit_code != 0:
            raise InvalidRequest(told)

    def _prepare(self) -> None:
        account = server_account(self._environment)
        self._programs = find_programs(account, self._environment)
        self._cluster = prepare(self.folder, account, self._environment)

    def _arguments(self, cluster: Cluster) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(cluster.sockets),
            "unix_socket_permissions": "0700",
            "port": "5432",
            "max_connections": "200",
            # Without fsync as well: a commit then survives our crash, if not the machine's.
            "synchronous_commit": "on",
            "shared_buffers": "256MB",
            "jit": "off",
            # Random reads cost what sequential ones do on SSDs and in memory.
            "random_page_cost": "1.1",
            # Nobody replicates from here, and a checkpoint makes every page it touches written
            # whole once more: few of them.
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        for setting in ("fsync", "full_page_writes"):
            settings[setting] = "on" if self._durable else "off"
        settings |= self._settings
        return [f"-c{name}={value}" for name, value in settings.items()]

    async def _launch(self, cluster: Cluster) -> None:
        log = logs.open_log(self.log)
        try:
            logged = os.fstat(log).st_size
            process = processes.spawn(
                [self._programs / "postgres", "-D", cluster.data, *self._arguments(cluster)],
                environment=tool_environment(),
                folder=cluster.sockets,
                output=log,
                account=cluster.account,
                on_parent_death=signal.SIGINT,
                interrupts=True,  # every commit is waited for
            )
        finally:
            os.close(log)
        self._process = process
        try:
            while not await asyncio.to_thread(postmaster.is_ready, cluster.data, process.pid):
                if await process.wait_within(_POLL_SECONDS) is not None:
                    break
            else:
                return
        except BaseException:
            await self.kill()
            raise
        raise await asyncio.to_thread(self._why_it_ended, logged)

    def _why_it_ended(self, logged: int) -> PlexusError:
        with self.log.open("rb") as file:
            file.seek(logged)
            lines = file.read().decode(errors="replace").splitlines()
        last = next((line for line in reversed(lines) if "FATAL" in line), "it gave no reason")
        last = last.partition("FATAL:")[2].strip() or last
        if any(sign in last for sign in _STILL_ENDING):
            return _StillEndingError(last)
        return ConfigurationError(f"PostgreSQL ended at once: {last}; see {self.log}")


class _StillEndingError(Unavailable):
    """Another server has the data, or what is left of one."""


def _identifier(name: str) -> str:
    if not _DATABASE_NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} will not do as the name of a database")
    return f'"{name}"'
