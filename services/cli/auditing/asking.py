"""Asking audit: the connection, and whose log is meant."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from plexus.errors import ConfigurationError
from plexus.rpc import Peer
from plexus.settings import load_document
from services.cli.mesh import Mesh, run_async
from services.ingest.settings import Feed

__all__ = ["ask_audit", "tenant_of"]

T = TypeVar("T")


def ask_audit(mesh: Mesh, ask: Callable[[Peer], Awaitable[T]]) -> T:
    """Ask a mesh's audit service."""

    async def main() -> T:
        async with mesh.peer("audit") as peer:
            return await ask(peer)

    return run_async(main())


def tenant_of(mesh: Mesh, named: str) -> str:
    """The tenant that was named, or the only one there is.

    Raises:
        ConfigurationError: none was named, and there is none or more than one.
    """
    if named:
        return named
    tenants: set[str] = set()
    if mesh.config is not None and mesh.config.exists():
        feeds = load_document(mesh.config).sections("feeds", Feed)
        tenants = {feed.tenant for feed in feeds}
    if len(tenants) != 1:
        known = ", ".join(sorted(tenants)) or "the mesh document is not at hand"
        raise ConfigurationError(f"say whose log is meant by --tenant ({known})")
    return tenants.pop()
