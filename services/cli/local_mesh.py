"""The whole mesh on this machine: NATS and PostgreSQL from wheels, and a process per service.

`plexus up`, the demo, the benchmark and the end-to-end tests run the same mesh. Everything it keeps
lies in one folder; ports and secrets stay the same from one start to the next.
"""

import asyncio
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from plexus.errors import DeadlineExceeded
from plexus.local.data_folder import kept_password, kept_ports
from plexus.local.nats_server import NatsServer
from plexus.local.postgres import Postgres
from plexus.local.supervisor import Event, ProcessSpec, Supervisor
from services.cli.mesh import Mesh
from services.registry import SERVICES

__all__ = ["LocalMesh"]

_SEED_BYTES = 32  # of an Ed25519 key
_GRACE_SECONDS = 20.0
_NICE = 10


class LocalMesh:
    """A mesh over one folder.

    Attributes:
        nats, postgres: the servers.
        supervisor: keeps servers and services running.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        config: pathlib.Path,
        *,
        on_event: Callable[[Event], None] = lambda _: None,
        environment: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> None:
        self.folder = folder.absolute()
        self.config = config.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.nats = NatsServer(self.folder / "nats")
        self.postgres = Postgres(self.folder / "postgres", durable=durable)
        self.supervisor = Supervisor(self.folder / "logs", on_event=on_event)
        self._environment = dict(environment or {})
        names = [f"{name}-{wire}" for name in SERVICES for wire in ("grpc", "admin")]
        ports = kept_ports(self.folder / "ports.json", names)
        self.mesh = Mesh(
            {name: f"127.0.0.1:{ports[f'{name}-grpc']}" for name in SERVICES},
            {name: f"127.0.0.1:{ports[f'{name}-admin']}" for name in SERVICES},
            self.config,
        )

    async def start(self) -> None:
        """Start servers, then services. Returns when all processes run, ready or not."""
        await self.nats.start()
        await self.postgres.start()
        self.supervisor.add_server("nats", self.nats)
        self.supervisor.add_server("postgres", self.postgres)
        for name in SERVICES:
            self.supervisor.add(
                ProcessSpec(
                    name,
                    [sys.executable, "-m", "services.cli", "run", name],
                    self._environment_of(name),
                    grace_seconds=_GRACE_SECONDS,
                    interrupts=name == "ingest",  # its senders wait
                )
            )
        self.mesh.save(self.folder)
        await self.supervisor.start()

    async def stop(self) -> None:
        """Drain the services, then stop the servers."""
        await self.supervisor.stop()

    async def ready(self, timeout_seconds: float = 60.0) -> None:
        """Wait until every service is ready.

        Raises:
            DeadlineExceeded: names those that are not, with their reasons.
        """
        began = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            waiting = dict(self.mesh.admin)
            problems: dict[str, str] = {}
            while waiting:
                for name, address in list(waiting.items()):
                    problem = await _problem(session, address)
                    if problem is None:
                        del waiting[name]
                    else:
                        problems[name] = problem
                if waiting:
                    if time.monotonic() - began > timeout_seconds:
                        told = "; ".join(f"{name}: {problems[name]}" for name in waiting)
                        raise DeadlineExceeded(
                            f"not ready after {timeout_seconds:.0f} s: {told}."
                            f" Their logs are in {self.folder / 'logs'}"
                        )
                    await asyncio.sleep(0.1)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _environment_of(self, name: str) -> dict[str, str]:
        secret = self.folder / "key-secret"
        kept_password(secret)
        audit_key = self.folder / "audit-key"
        kept_password(audit_key, strength_bytes=_SEED_BYTES)
        grpc = self.mesh.grpc
        ours = {
            "PLEXUS_INSTANCE": "0",
            "PLEXUS_NICE": "0" if name == "ingest" else str(_NICE),
            "PLEXUS_CONFIG": str(self.config),
            "PLEXUS_NATS_URL": self.nats.url,
            "PLEXUS_DATABASE_URL": self.postgres.dsn,
            "PLEXUS_GRPC_LISTEN": grpc[name],
            "PLEXUS_ADMIN_LISTEN": self.mesh.admin[name],
            "PLEXUS_KEY_SECRET_FILE": str(secret),
            "PLEXUS_AUDIT_KEY_FILE": str(audit_key),
            "PLEXUS_AUDIT_ANCHOR_FOLDER": str(self.folder / "checkpoints"),
            "PLEXUS_TRACE_FOLDER": str(self.folder / "spans"),
            "PLEXUS_TERMINOLOGY_FOLDER": str(self.folder / "terminology"),
            "PLEXUS_AUDIT_ADDRESS": grpc["audit"],
            "PLEXUS_CONSENT_ADDRESS": grpc["consent"],
        }
        return {**os.environ, **ours, **self._environment}


async def _problem(session: aiohttp.ClientSession, address: str) -> str | None:
    """Why a service is not ready; None where it is."""
    try:
        async with session.get(f"http://{address}/readyz") as answer:
            if answer.status == 200:
                return None
            body = await answer.json()
            return ", ".join(f"{name} {why}" for name, why in body["problems"].items())
    except (aiohttp.ClientError, TimeoutError):
        return "does not answer yet"
