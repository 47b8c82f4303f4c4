"""Calls to another service: always with a deadline, traced, tried again only where that is safe."""

import json
from collections.abc import AsyncIterator
from typing import Final, TypeVar

import grpc
import grpc.aio

from plexus.rpc.server import MAX_MESSAGE_BYTES
from plexus.rpc.status import error_of
from plexus.telemetry.tracing import SpanKind, Tracing

__all__ = ["Peer"]

Q = TypeVar("Q")
A = TypeVar("A")

# All our calls are questions, or acts that may be repeated, so UNAVAILABLE may always be retried.
_SERVICE_CONFIG: Final = json.dumps({
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
})  # fmt: skip


class Peer:
    """A service that can be asked.

    Attributes:
        channel: for the generated stubs.
    """

    def __init__(self, address: str, tracing: Tracing) -> None:
        self.address = address
        self._tracing = tracing
        self.channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.service_config", _SERVICE_CONFIG),
                ("grpc.enable_retries", 1),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                # Find a peer that has come back quickly.
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.keepalive_time_ms", 20000),
                ("grpc.keepalive_timeout_ms", 5000),
            ],
        )

    async def ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Q, A],
        request: Q,
        *,
        deadline_seconds: float,
        traceparent: str = "",
    ) -> A:
        """Ask one question.

        Raises:
            PlexusError: the leaf that the peer's status stands for.
        """
        name = _name(method)
        with self._tracing.span(
            name, traceparent, SpanKind.CLIENT, {"rpc.system.name": "grpc", "rpc.method": name}
        ) as span:
            metadata = (("traceparent", span.traceparent),) if span.traceparent else None
            try:
                return await method(request, timeout=deadline_seconds, metadata=metadata)
            except grpc.aio.AioRpcError as exc:
                trailing = tuple(exc.trailing_metadata() or ())
                raise error_of(exc.code(), name, trailing) from exc

    async def converse(
        self, method: grpc.aio.StreamStreamMultiCallable[Q, A], requests: AsyncIterator[Q]
    ) -> AsyncIterator[A]:
        """Send a stream of requests, and receive the answers in order.

        Raises:
            PlexusError: the leaf that the peer's status stands for.
        """
        try:
            async for answer in method(requests):
                yield answer
        except grpc.aio.AioRpcError as exc:
            trailing = tuple(exc.trailing_metadata() or ())
            raise error_of(exc.code(), _name(method), trailing) from exc

    async def listen(
        self, method: grpc.aio.UnaryStreamMultiCallable[Q, A], request: Q
    ) -> AsyncIterator[A]:
        """Ask once, and receive answers until the peer has no more, without a deadline.

        Raises:
            PlexusError: the leaf that the peer's status stands for.
        """
        try:
            async for answer in method(request):
                yield answer
        except grpc.aio.AioRpcError as exc:
            trailing = tuple(exc.trailing_metadata() or ())
            raise error_of(exc.code(), _name(method), trailing) from exc

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close(grace=1.0)


def _name(method: object) -> str:
    raw = getattr(method, "_method", b"")
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    return text.lstrip("/")
