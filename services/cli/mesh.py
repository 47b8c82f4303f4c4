"""Where a mesh answers: the addresses of its services, for the commands that ask it.

`plexus up` writes them to its data folder; elsewhere they come from the environment
(PLEXUS_AUDIT_ADDRESS and so on).
"""

import asyncio
import contextlib
import dataclasses
import getpass
import json
import os
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import click

from plexus.errors import ConfigurationError
from plexus.rpc import Peer
from plexus.telemetry.tracing import Tracing

__all__ = ["Mesh", "data_option", "load_mesh", "operator", "run_async"]

T = TypeVar("T")

MESH_FILE = "mesh.json"

data_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    default=pathlib.Path(".plexus"),
    show_default=True,
    envvar="PLEXUS_DATA",
    help="Data folder of the mesh that `plexus up` runs.",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Mesh:
    """A mesh that can be asked.

    Attributes:
        grpc: host and port of each service's gRPC server, by service.
        admin: host and port of each service's plain HTTP server, by service; may be empty.
        config: path of the mesh document, where it is known.
    """

    grpc: Mapping[str, str]
    admin: Mapping[str, str]
    config: pathlib.Path | None = None

    @contextlib.asynccontextmanager
    async def peer(self, service: str) -> AsyncIterator[Peer]:
        """A connection to a service. Raises ConfigurationError where its address is unknown."""
        address = self.grpc.get(service)
        if address is None:
            raise ConfigurationError(
                f"nobody knows where {service} answers: start `plexus up`, name its --data folder,"
                f" or set PLEXUS_{service.upper()}_ADDRESS"
            )
        peer = Peer(address, Tracing("cli", None))
        try:
            yield peer
        finally:
            await peer.close()

    def save(self, folder: pathlib.Path) -> None:
        """Write the addresses into a data folder."""
        content = {
            "grpc": dict(self.grpc),
            "admin": dict(self.admin),
            "config": str(self.config) if self.config else "",
        }
        (folder / MESH_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_mesh(data: pathlib.Path) -> Mesh:
    """The mesh of a data folder; addresses in the environment win."""
    grpc: dict[str, str] = {}
    admin: dict[str, str] = {}
    config: pathlib.Path | None = None
    with contextlib.suppress(FileNotFoundError):
        content = json.loads((data / MESH_FILE).read_text(encoding="utf-8"))
        grpc.update(content["grpc"])
        admin.update(content["admin"])
        config = pathlib.Path(content["config"]) if content["config"] else None
    for name, value in os.environ.items():
        if name.startswith("PLEXUS_") and name.endswith("_ADDRESS"):
            grpc[name.removeprefix("PLEXUS_").removesuffix("_ADDRESS").lower()] = value
    return Mesh(grpc, admin, config)


def operator() -> str:
    """Who works here, as the audit log names such people."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):
        # In a container the user id often has no name.
        return f"operator:{os.getuid()}"


def run_async(work: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
    """Run a coroutine to its end."""

    async def main() -> T:
        return await work

    return asyncio.run(main())
