"""Calls to a server of our own in this process: errors, deadlines, retries, traces, health."""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
import orjson
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY

from plexus import errors
from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.audit.v1.audit_pb2 import QueryRequest, QueryResponse
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import PlexusError, Reason
from plexus.rpc import Peer, RpcServer
from plexus.telemetry.tracing import SpanFile, SpanKind, Tracing, new_traceparent
from plexus.testing.waiting import eventually

PATIENT = "Ambrosia Quill"
METHOD = "plexus.api.audit.v1.AuditService/Query"
LEAVES = [
    value
    for name in errors.__all__
    if isinstance(value := getattr(errors, name), type) and issubclass(value, PlexusError)
]

Act = Callable[[], Awaitable[None]]


class Service:
    """Answers Query, after whatever the test wants to happen first."""

    def __init__(self) -> None:
        self.act: Act = self.nothing
        self.calls = 0
        self.seen: list[str] = []

    async def nothing(self) -> None:
        """The usual."""

    async def query(
        self,
        request: QueryRequest,
        context: "grpc.aio.ServicerContext[QueryRequest, QueryResponse]",
    ) -> QueryResponse:
        self.calls += 1
        metadata = dict(context.invocation_metadata() or ())
        self.seen.append(str(metadata.get("traceparent", "")))
        await self.act()
        return QueryResponse(events=[audit_pb2.AuditEvent(message_id=request.message_id)])


class Intake:
    """Takes a stream, and fails at a message that says so."""

    async def submit_stream(
        self, requests: AsyncIterator[ingest_pb2.SubmitStreamRequest], context: object
    ) -> AsyncIterator[ingest_pb2.SubmitStreamResponse]:
        async for request in requests:
            if request.feed == "refuse":
                raise errors.Refused("no", reason=Reason.REASON_CONSENT_DENIED, location="x")
            if request.feed == "break":
                raise ValueError(PATIENT)
            yield ingest_pb2.SubmitStreamResponse()


class Line:
    """A server, a peer of it, and their spans."""

    def __init__(self, service: Service, peer: Peer, server: RpcServer) -> None:
        self.service = service
        self.peer = peer
        self.server = server

    async def ask(self, deadline_seconds: float = 5.0, traceparent: str = "") -> QueryResponse:
        stub: audit_pb2_grpc.AuditServiceAsyncStub = audit_pb2_grpc.AuditServiceStub(
            self.peer.channel
        )
        return await self.peer.ask(
            stub.Query,
            QueryRequest(message_id="m"),
            deadline_seconds=deadline_seconds,
            traceparent=traceparent,
        )

    async def failure(self, error: Exception) -> PlexusError:
        async def fail() -> None:
            raise error

        self.service.act = fail
        with pytest.raises(PlexusError) as caught:
            await self.ask()
        return caught.value


@contextlib.asynccontextmanager
async def lined(server_tracing: Tracing, peer_tracing: Tracing) -> AsyncIterator[Line]:
    """A line that is open within the block."""
    server = RpcServer("127.0.0.1:0", server_tracing)
    service = Service()
    server.grpc_server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler(
            "plexus.api.audit.v1.AuditService",
            {
                "Query": grpc.unary_unary_rpc_method_handler(
                    service.query, QueryRequest.FromString, QueryResponse.SerializeToString
                )
            },
        ),
        grpc.method_handlers_generic_handler(
            "plexus.api.ingest.v1.IngestService",
            {
                "SubmitStream": grpc.stream_stream_rpc_method_handler(
                    Intake().submit_stream,
                    ingest_pb2.SubmitStreamRequest.FromString,
                    ingest_pb2.SubmitStreamResponse.SerializeToString,
                )
            },
        ),
    ))  # fmt: skip
    server.serves("plexus.api.audit.v1.AuditService")
    address = await server.start()
    await server.set_serving(serving=True)
    peer = Peer(address, peer_tracing)
    try:
        yield Line(service, peer, server)
    finally:
        await peer.close()
        await server.stop(1.0)


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    """A line without traces."""
    async with lined(Tracing("audit", None), Tracing("test", None)) as made:
        yield made


def handled(code: str) -> float:
    labels = {"method": f"/{METHOD}", "code": code}
    return REGISTRY.get_sample_value("plexus_grpc_server_handled_total", labels) or 0.0


async def test_a_question_is_answered_and_counted(line: Line) -> None:
    before = handled("OK")
    assert (await line.ask()).events[0].message_id == "m"
    await eventually(lambda: handled("OK") == before + 1)


@pytest.mark.parametrize("kind", LEAVES)
async def test_each_leaf_arrives_as_itself(line: Line, kind: type[PlexusError]) -> None:
    sent = kind("PID-3.1 is ünusable", reason=Reason.REASON_DATA_TYPE, location="PID-3.1")
    error = await line.failure(sent)
    assert type(error) is kind
    assert (error.reason, error.detail, error.location) == (
        sent.reason,
        sent.detail,
        sent.location,
    )


async def test_a_defect_hides_its_text(line: Line) -> None:
    before = handled("INTERNAL")
    error = await line.failure(ValueError(PATIENT))
    assert error.reason == Reason.REASON_INTERNAL
    assert not error.retryable
    assert PATIENT not in str(error)
    assert METHOD in error.detail
    # The answer goes out before it is counted.
    await eventually(lambda: handled("INTERNAL") == before + 1)


async def test_a_long_detail_arrives_cut(line: Line) -> None:
    error = await line.failure(errors.ConfigurationError("line\n" * 20_000))
    assert type(error) is errors.ConfigurationError
    assert error.detail.startswith("line\nline\n")


async def test_the_servers_own_deadline_leaves_time_for_a_reason(line: Line) -> None:
    async def linger() -> None:
        await asyncio.Event().wait()

    line.service.act = linger
    with pytest.raises(errors.DeadlineExceeded) as caught:
        await line.ask(deadline_seconds=0.3)
    assert "took too long" in caught.value.detail


async def test_weather_on_the_server_is_tried_again(line: Line) -> None:
    async def rain_twice() -> None:
        if line.service.calls < 3:
            raise errors.Unavailable("rain")

    line.service.act = rain_twice
    await line.ask()
    assert line.service.calls == 3


async def test_a_refusal_is_not_tried_again(line: Line) -> None:
    await line.failure(errors.Refused("no"))
    assert line.service.calls == 1


async def test_nobody_there_is_weather() -> None:
    peer = Peer("127.0.0.1:1", Tracing("test", None))
    stub: audit_pb2_grpc.AuditServiceAsyncStub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    with pytest.raises(errors.Unavailable):
        await peer.ask(stub.Query, QueryRequest(), deadline_seconds=2.0)
    await peer.close()


async def test_a_method_that_is_not_there_is_told(line: Line) -> None:
    stub: audit_pb2_grpc.AuditServiceAsyncStub = audit_pb2_grpc.AuditServiceStub(line.peer.channel)
    with pytest.raises(PlexusError) as caught:
        await line.peer.ask(stub.GetCustody, audit_pb2.GetCustodyRequest(), deadline_seconds=2.0)
    assert not caught.value.retryable


async def test_a_call_that_the_caller_leaves_is_counted_as_cancelled(line: Line) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def linger() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    line.service.act = linger
    before = handled("CANCELLED")
    task = asyncio.create_task(line.ask())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended.wait()
    assert handled("CANCELLED") == before + 1


def requests(*feeds: str) -> AsyncIterator[ingest_pb2.SubmitStreamRequest]:
    async def made() -> AsyncIterator[ingest_pb2.SubmitStreamRequest]:
        for feed in feeds:
            yield ingest_pb2.SubmitStreamRequest(feed=feed)

    return made()


async def converse(line: Line, *feeds: str) -> int:
    """How many answers came."""
    stub: ingest_pb2_grpc.IngestServiceAsyncStub = ingest_pb2_grpc.IngestServiceStub(
        line.peer.channel
    )
    count = 0
    async for _ in line.peer.converse(stub.SubmitStream, requests(*feeds)):
        count += 1
    return count


async def test_a_stream_is_answered_message_by_message(line: Line) -> None:
    assert await converse(line, "a", "b", "c") == 3


async def test_an_error_within_a_stream_arrives_as_itself(line: Line) -> None:
    with pytest.raises(errors.Refused) as caught:
        await converse(line, "a", "refuse")
    assert caught.value.reason == Reason.REASON_CONSENT_DENIED
    with pytest.raises(PlexusError) as broken:
        await converse(line, "break")
    assert PATIENT not in str(broken.value)


async def test_health_is_told_for_the_server_and_each_service(line: Line) -> None:
    stub = health_pb2_grpc.HealthStub(line.peer.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for name in ("", "plexus.api.audit.v1.AuditService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == serving
    await line.server.set_serving(serving=False)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_reflection_lists_the_services(line: Line) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(line.peer.channel)

    async def question() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    names: set[str] = set()
    async for answer in stub.ServerReflectionInfo(question()):
        names |= {service.name for service in answer.list_services_response.service}
    assert {"plexus.api.audit.v1.AuditService", "grpc.health.v1.Health"} <= names


async def test_a_port_that_is_taken_is_told(line: Line) -> None:
    other = RpcServer(line.server.address, Tracing("other", None))
    with pytest.raises(PlexusError, match="cannot listen"):
        await other.start()
    await other.stop(0)


def told(path: pathlib.Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def server_file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "server.jsonl"


@pytest.fixture
def server_tracing(server_file: pathlib.Path) -> Tracing:
    return Tracing("audit", SpanFile(server_file))


@pytest.fixture
def peer_file(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "peer.jsonl"


@pytest.fixture
def peer_tracing(peer_file: pathlib.Path) -> Tracing:
    return Tracing("test", SpanFile(peer_file))


async def test_the_servers_span_is_a_child_of_the_callers(
    server_tracing: Tracing,
    peer_tracing: Tracing,
    server_file: pathlib.Path,
    peer_file: pathlib.Path,
) -> None:
    root = peer_tracing.begin("deliver", SpanKind.INTERNAL)
    async with lined(server_tracing, peer_tracing) as line:
        await line.ask(traceparent=root.traceparent)
    root.end()
    for tracing in (server_tracing, peer_tracing):
        await asyncio.to_thread(tracing.close)
    (served,) = await asyncio.to_thread(told, server_file)
    asked, deliver = await asyncio.to_thread(told, peer_file)
    assert served["parent"] == asked["span"]
    assert asked["parent"] == deliver["span"]
    assert (served["kind"], asked["kind"]) == ("SERVER", "CLIENT")
    assert served["name"] == asked["name"] == METHOD


async def test_an_unsampled_context_crosses_as_it_is(line: Line) -> None:
    parent = new_traceparent(sampled=False)
    await line.ask(traceparent=parent)
    assert line.service.seen == [parent]
