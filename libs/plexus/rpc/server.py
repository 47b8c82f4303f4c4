"""A gRPC server with health, reflection, traces, metrics, and reasons in its errors."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from plexus.errors import DeadlineExceeded, Overloaded, PlexusError
from plexus.rpc.status import DETAILS_KEY, code_of, details_of, message_of
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import RPC_HANDLED, RPC_SECONDS
from plexus.telemetry.tracing import SpanKind, Started, Tracing

if TYPE_CHECKING:  # the class cannot be subscripted when the code runs
    _Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]

__all__ = ["RpcServer"]

_log = get_log(__name__)

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
_MAX_CONCURRENT: Final = 256
# Taken off each deadline, so that there is time left to answer with a reason.
_ANSWER_SECONDS: Final = 0.02
_LEAST_SECONDS: Final = 0.01
_DEFAULT_SECONDS: Final = 30.0


class RpcServer:
    """Serves the services that were added."""

    def __init__(self, listen: str, tracing: Tracing) -> None:
        self._listen = listen
        self._server = grpc.aio.server(
            interceptors=[_Boundary(tracing)],
            maximum_concurrent_rpcs=_MAX_CONCURRENT,
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.so_reuseport", 0),
            ],
        )
        self._health = health.aio.HealthServicer()
        self._names = [health.SERVICE_NAME, reflection.SERVICE_NAME]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.address = ""

    @property
    def grpc_server(self) -> grpc.aio.Server:
        """What the generated `add_…_to_server` functions want."""
        return self._server

    def serves(self, name: str) -> None:
        """Announce a service by its full name, after it was added."""
        self._names.append(name)

    async def start(self) -> str:
        """Listen. Returns host and port. Raises PlexusError where the port is taken."""
        reflection.enable_server_reflection(self._names, self._server)
        try:
            port = self._server.add_insecure_port(self._listen)
        except RuntimeError as exc:
            raise PlexusError(f"cannot listen on {self._listen} for gRPC") from exc
        await self._server.start()
        self.address = f"{self._listen.rsplit(':', 1)[0]}:{port}"
        return self.address

    async def set_serving(self, *, serving: bool) -> None:
        """Tell the health service."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        state = status.SERVING if serving else status.NOT_SERVING
        for name in ("", *self._names[2:]):
            await self._health.set(name, state)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls and let running ones finish."""
        await self._server.stop(grace_seconds)


class _Boundary(grpc.aio.ServerInterceptor):
    """Span, metrics, deadline and error translation around each call."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith("/grpc."):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._stream(method, handler.stream_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, handler.unary_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return handler

    def _unary(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            span = self._begin(method, context)
            began = time.perf_counter()
            code = grpc.StatusCode.OK
            try:
                async with asyncio.timeout(_time_left(method, context.time_remaining())):
                    result = behaviour(request, context)
                    return await result if inspect.isawaitable(result) else result
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            except Exception as exc:  # noqa: BLE001 - the boundary: all errors become a status
                error = _known(exc, method)
                span.fail(error)
                code = code_of(error)
            finally:
                span.end()
                RPC_HANDLED.labels(method=method, code=code.name).inc()
                RPC_SECONDS.labels(method=method).observe(time.perf_counter() - began)
            # Behind the count: who gets the answer finds it counted.
            return await context.abort(code, message_of(error), ((DETAILS_KEY, details_of(error)),))

        return answer

    def _stream(self, method: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(
            asked: Any, context: grpc.aio.ServicerContext[Any, Any]
        ) -> AsyncIterator[Any]:
            span = self._begin(method, context)
            code = grpc.StatusCode.OK
            try:
                async for response in behaviour(asked, context):
                    yield response
                return  # noqa: TRY300 - an else would stand between the two ends
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            except Exception as exc:  # noqa: BLE001 - the boundary: all errors become a status
                error = _known(exc, method)
                span.fail(error)
                code = code_of(error)
            finally:
                span.end()
                RPC_HANDLED.labels(method=method, code=code.name).inc()
            # Behind the count: who gets the answer finds it counted.
            await context.abort(code, message_of(error), ((DETAILS_KEY, details_of(error)),))

        return answer

    def _begin(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> Started:
        parent = _first(context.invocation_metadata() or (), "traceparent")
        return self._tracing.start(
            method.lstrip("/"),
            parent,
            SpanKind.SERVER,
            {"rpc.system.name": "grpc", "rpc.method": method.lstrip("/")},
        )


def _time_left(method: str, remaining: float | None) -> float:
    limit = (_DEFAULT_SECONDS if remaining is None else remaining) - _ANSWER_SECONDS
    if limit < _LEAST_SECONDS:
        raise DeadlineExceeded(f"{method}: no time was left to answer")
    return limit


def _first(metadata: Iterable[tuple[str, str | bytes]], key: str) -> str:
    for name, value in metadata:
        if name == key and isinstance(value, str):
            return value
    return ""


def _known(exc: Exception, method: str) -> PlexusError:
    if isinstance(exc, PlexusError):
        return exc
    if isinstance(exc, TimeoutError):
        return DeadlineExceeded(f"{method}: the answer took too long")
    if isinstance(exc, MemoryError):
        return Overloaded(f"{method}: out of memory")
    _log.error("call failed", error=exc, method=method)
    return PlexusError(f"{method}: an internal error; the server's log has its place")
