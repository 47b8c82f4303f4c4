"""How the commands of stewards ask identity."""

from collections.abc import Callable
from typing import Any, Final

import click

from plexus.api.identity.v1 import identity_pb2_grpc, stewardship_pb2_grpc
from services.cli.mesh import Mesh, operator, run_async

__all__ = ["ask_identity", "ask_stewardship", "reason_option", "steward_option"]

_SECONDS: Final = 30.0

reason_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--reason", required=True, help="Why; it stays in the log of decisions."
)
steward_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--steward",
    default=operator,
    show_default="operator: and the name of whoever is logged in",
    help="Who acts or reads.",
)


def ask_stewardship(mesh: Mesh, method: str, request: Any) -> Any:
    """The answer of one RPC of the stewardship service."""
    return _ask(mesh, stewardship_pb2_grpc.StewardshipServiceStub, method, request)


def ask_identity(mesh: Mesh, method: str, request: Any) -> Any:
    """The answer of one RPC of the identity service."""
    return _ask(mesh, identity_pb2_grpc.IdentityServiceStub, method, request)


def _ask(mesh: Mesh, stub: Callable[[Any], Any], method: str, request: Any) -> Any:
    async def ask() -> Any:
        async with mesh.peer("identity") as peer:
            rpc = getattr(stub(peer.channel), method)
            return await peer.ask(rpc, request, deadline_seconds=_SECONDS)

    return run_async(ask())
