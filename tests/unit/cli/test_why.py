"""The story of one message: what is told, how it is found, and what is told when a service is down.

The services are hand-written ones behind real gRPC servers; `FakeMesh` is what the tests of the other
commands ask, too. How a message stands is the business of the ledger's own tests.
"""

import asyncio
import contextlib
import datetime
import json
import pathlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.canonical.v1.event_pb2 import Issue, Severity
from plexus.api.delivery.v1 import delivery_pb2, delivery_pb2_grpc
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import InvalidRequest, NotFound, Reason, Unavailable
from plexus.rpc import RpcServer
from plexus.service.admin import AdminServer
from plexus.telemetry.tracing import Tracing
from services.cli.mesh import Mesh
from services.cli.why import Story, command, headline, next_steps

T = TypeVar("T")

START = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)
ONE = "019f0000-0000-7000-8000-000000000001"
TWO = "019f0000-0000-7000-8000-000000000002"
PERSON = "019f0000-0000-7000-8000-00000000000a"
DECISION = "019f0000-0000-7000-8000-00000000000d"


def at(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + datetime.timedelta(seconds=seconds))
    return stamp


def receipt(message_id: str = ONE, **fields: Any) -> ingest_pb2.Receipt:
    known: dict[str, Any] = {
        "message_id": message_id,
        "origin": 17,
        "outcome": ingest_pb2.RECEIPT_OUTCOME_ACCEPTED,
        "ack_code": "AA",
        "tenant": "north",
        "feed": "ward",
        "source": "his",
        "control_id": "C-1",
        "message_type": "ADT^A01",
        "received_at": at(0),
        "trace_id": "ab" * 16,
        "size_bytes": 1420,
    }
    return ingest_pb2.Receipt(**{**known, **fields})


def custody(
    stage: audit_pb2.Stage.ValueType,
    outcome: audit_pb2.Outcome.ValueType,
    seconds: float,
    **fields: Any,
) -> audit_pb2.Custody:
    known: dict[str, Any] = {
        "message_id": ONE,
        "tenant": "north",
        "feed": "ward",
        "stage": stage,
        "outcome": outcome,
        "at": at(seconds),
        "attempt": 1,
        "message_type": "ADT^A01",
        "origin": 17,
    }
    return audit_pb2.Custody(**{**known, **fields})


def received(message_id: str = ONE) -> audit_pb2.Custody:
    return custody(
        audit_pb2.STAGE_INGEST,
        audit_pb2.OUTCOME_RECEIVED,
        0,
        message_id=message_id,
        facts={"ack": "AA"},
    )


def parked_at_transform(message_id: str = ONE) -> audit_pb2.Custody:
    return custody(
        audit_pb2.STAGE_TRANSFORM,
        audit_pb2.OUTCOME_PARKED,
        0.02,
        message_id=message_id,
        reason=Reason.REASON_MAPPING_FAILED,
        detail="no rule for this value at PID-3",
    )


def delivered_trail() -> list[audit_pb2.Custody]:
    """To `lab` and `archive`; consent kept it from `study`."""
    delivery = audit_pb2.STAGE_DELIVERY
    return [
        received(),
        custody(
            audit_pb2.STAGE_TRANSFORM,
            audit_pb2.OUTCOME_PASSED,
            0.01,
            version="0123456789abcdef",
            duration_us=450,
        ),
        custody(
            audit_pb2.STAGE_IDENTITY,
            audit_pb2.OUTCOME_PASSED,
            0.02,
            facts={"match": "identifier"},
        ),
        custody(audit_pb2.STAGE_RECORDS, audit_pb2.OUTCOME_PASSED, 0.03),
        custody(delivery, audit_pb2.OUTCOME_ROUTED, 0.04, destinations=["archive", "lab", "study"]),
        custody(delivery, audit_pb2.OUTCOME_DELIVERED, 0.3, destination="archive"),
        custody(
            delivery,
            audit_pb2.OUTCOME_DELIVERED,
            1.2,
            destination="lab",
            decision_id=DECISION,
            detail="rule default/treatment",
        ),
        custody(
            delivery,
            audit_pb2.OUTCOME_WITHHELD,
            0.3,
            destination="study",
            reason=Reason.REASON_CONSENT_DENIED,
        ),
    ]


def disclosure(destination: str, outcome: str) -> audit_pb2.AuditEvent:
    return audit_pb2.AuditEvent(
        event_id="019f0000-0000-7000-8000-0000000000e1",
        at=at(0.2),
        tenant="north",
        type="disclosure",
        agent="delivery",
        person_id=PERSON,
        message_id=ONE,
        destination=destination,
        purpose="TREAT",
        decision_id=DECISION,
        outcome=outcome,
        resource_counts={"Patient": 1},
    )


class FakeIngest(ingest_pb2_grpc.IngestServiceServicer):
    """Receipts in memory."""

    def __init__(self) -> None:
        self.receipts: dict[str, ingest_pb2.Receipt] = {}
        self.duplicates: list[ingest_pb2.Receipt] = []
        self.content: dict[str, bytes] = {}
        self.feeds: list[ingest_pb2.Feed] = []
        self.replays: list[ingest_pb2.ReplayRequest] = []
        self.on_list_feeds: Callable[[], None] = lambda: None

    async def Submit(self, request: ingest_pb2.SubmitRequest, context: Any) -> Any:
        raise Unavailable("these commands send nothing")

    def SubmitStream(self, request_iterator: Any, context: Any) -> Any:
        raise Unavailable("these commands send nothing")

    async def GetReceipt(self, request: ingest_pb2.GetReceiptRequest, context: Any) -> Any:
        found = self.receipts.get(request.message_id)
        if found is None:
            raise NotFound("no receipt has this message id")
        content = self.content.get(request.message_id, b"") if request.with_content else b""
        return ingest_pb2.GetReceiptResponse(receipt=found, content=content)

    async def ListReceipts(self, request: ingest_pb2.ListReceiptsRequest, context: Any) -> Any:
        found = [
            one
            for one in [*self.receipts.values(), *self.duplicates]
            if request.control_id in {"", one.control_id} and request.feed in {"", one.feed}
        ]
        return ingest_pb2.ListReceiptsResponse(receipts=reversed(found))

    async def Replay(self, request: ingest_pb2.ReplayRequest, context: Any) -> Any:
        self.replays.append(request)
        return ingest_pb2.ReplayResponse(replayed=len(request.message_ids))

    async def ListFeeds(self, request: ingest_pb2.ListFeedsRequest, context: Any) -> Any:
        self.on_list_feeds()
        return ingest_pb2.ListFeedsResponse(feeds=self.feeds)


class FakeAudit(audit_pb2_grpc.AuditServiceServicer):
    """A ledger in memory."""

    def __init__(self) -> None:
        self.custody: list[audit_pb2.Custody] = []
        self.events: list[audit_pb2.AuditEvent] = []
        self.messages: list[audit_pb2.MessageState] = []
        self.conservation = audit_pb2.GetConservationResponse()
        self.is_writable = True

    async def GetCustody(self, request: audit_pb2.GetCustodyRequest, context: Any) -> Any:
        entries = [one for one in self.custody if one.message_id == request.message_id]
        return audit_pb2.GetCustodyResponse(entries=entries)

    async def Query(self, request: audit_pb2.QueryRequest, context: Any) -> Any:
        events = [one for one in self.events if one.message_id == request.message_id]
        return audit_pb2.QueryResponse(events=events)

    async def Append(self, request: audit_pb2.AppendRequest, context: Any) -> Any:
        if not self.is_writable:
            raise Unavailable("the store is down")
        self.events.extend(request.events)
        return audit_pb2.AppendResponse(appended=len(request.events))

    async def ListMessages(self, request: audit_pb2.ListMessagesRequest, context: Any) -> Any:
        found = [
            one
            for one in self.messages
            if one.disposition == request.disposition and request.feed in {"", one.feed}
        ]
        return audit_pb2.ListMessagesResponse(messages=found[: request.limit])

    async def FindUnfinished(self, request: audit_pb2.FindUnfinishedRequest, context: Any) -> Any:
        raise Unavailable("only ingest asks this")

    async def _no_log(self, request: Any, context: Any) -> Any:
        raise Unavailable("a ledger in memory has no log")

    GetCheckpoint = ListCheckpoints = ProveEvent = ProveConsistency = _no_log
    ReadLog = ReadTiles = _no_log

    async def GetConservation(self, request: audit_pb2.GetConservationRequest, context: Any) -> Any:
        return self.conservation


class FakeDelivery(delivery_pb2_grpc.DeliveryServiceServicer):
    """Items in memory."""

    def __init__(self) -> None:
        self.items: list[delivery_pb2.Item] = []
        self.destinations: list[delivery_pb2.Destination] = []
        self.retries: list[delivery_pb2.RetryRequest] = []
        self.retried: int | None = None

    async def ListItems(self, request: delivery_pb2.ListItemsRequest, context: Any) -> Any:
        items = [one for one in self.items if one.message_id == request.message_id]
        return delivery_pb2.ListItemsResponse(items=items)

    async def ListDestinations(
        self, request: delivery_pb2.ListDestinationsRequest, context: Any
    ) -> Any:
        return delivery_pb2.ListDestinationsResponse(destinations=self.destinations)

    async def Retry(self, request: delivery_pb2.RetryRequest, context: Any) -> Any:
        self.retries.append(request)
        retried = len(request.message_ids) if self.retried is None else self.retried
        return delivery_pb2.RetryResponse(retried=retried)


class FakeMesh:
    """Servers of the fakes on a loop of their own, and a data folder that names them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.ingest, self.audit, self.delivery = FakeIngest(), FakeAudit(), FakeDelivery()
        self.admin: dict[str, str] = {}
        self._servers: dict[str, RpcServer] = {}
        self._admins: list[AdminServer] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        self._do(self._start())
        self._save()

    def stop(self) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stop_service(self, name: str) -> None:
        self._do(self._servers[name].stop(0))

    def add_admin(self, name: str, problem: str = "") -> None:
        """A plain HTTP server that says that a service is ready, or why not."""
        self._do(self._add_admin(name, problem))
        self._save()

    def set_serving(self, name: str, *, serving: bool) -> None:
        """What a service's gRPC health says."""
        self._do(self._servers[name].set_serving(serving=serving))

    def invoke(self, invoked: Any, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(
            invoked, [*arguments, "--data", str(self.folder)], input=stdin, catch_exceptions=True
        )

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _start(self) -> None:
        for name in ("ingest", "audit", "delivery"):
            self._servers[name] = RpcServer("127.0.0.1:0", Tracing(name, None))
        ingest_pb2_grpc.add_IngestServiceServicer_to_server(
            self.ingest, self._servers["ingest"].grpc_server
        )
        audit_pb2_grpc.add_AuditServiceServicer_to_server(
            self.audit, self._servers["audit"].grpc_server
        )
        delivery_pb2_grpc.add_DeliveryServiceServicer_to_server(
            self.delivery, self._servers["delivery"].grpc_server
        )
        for server in self._servers.values():
            await server.start()
            await server.set_serving(serving=True)

    async def _stop(self) -> None:
        for server in self._servers.values():
            await server.stop(0)
        for admin in self._admins:
            await admin.stop()

    async def _add_admin(self, name: str, problem: str) -> None:
        async def check() -> None:
            if problem:
                raise Unavailable(problem)

        server = AdminServer("127.0.0.1:0")
        server.add_check("store", check)
        self.admin[name] = await server.start()
        self._admins.append(server)

    def _save(self) -> None:
        grpc = {name: server.address for name, server in self._servers.items()}
        Mesh(grpc, self.admin).save(self.folder)


@contextlib.contextmanager
def running_mesh(folder: pathlib.Path) -> Iterator[FakeMesh]:
    mesh = FakeMesh(folder)
    mesh.start()
    try:
        yield mesh
    finally:
        mesh.stop()


@pytest.fixture
def mesh(tmp_path: pathlib.Path) -> Iterator[FakeMesh]:
    with running_mesh(tmp_path) as started:
        yield started


def test_a_delivered_message_tells_its_whole_way(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.audit.custody = delivered_trail()
    mesh.audit.events = [disclosure("lab", "permit")]
    mesh.delivery.items = [
        delivery_pb2.Item(
            message_id=ONE, destination="lab", state=delivery_pb2.ITEM_STATE_DELIVERED, tries=3
        )
    ]
    told = mesh.invoke(command, ONE)
    assert told.exit_code == 0
    assert "Delivered to 2 destinations (archive, lab), 1.2 s after receipt" in told.output
    assert "withheld from study" in told.output
    lines = [" ".join(line.split()) for line in told.output.splitlines()]
    expected = [
        "2026-03-04 05:06:07.000 +0 s ingest received, answered AA",
        (
            "2026-03-04 05:06:07.010 +10 ms transform became a canonical event"
            " (maps 0123456789ab, 450 µs)"
        ),
        "2026-03-04 05:06:07.020 +20 ms identity person found (match identifier)",
        (
            "2026-03-04 05:06:07.200 +200 ms audit consent permits TREAT to lab"
            f" (decision {DECISION}, 1 Patient, person {PERSON})"
        ),
        (
            "2026-03-04 05:06:08.200 +1.2 s delivery delivered to lab"
            f" (decision {DECISION}): rule default/treatment"
        ),
        "lab delivered 3",
    ]
    places = [lines.index(line) for line in expected]
    assert places == sorted(places)


def test_a_parked_message_says_where_why_and_what_to_do(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.audit.custody = [received(), parked_at_transform()]
    told = mesh.invoke(command, ONE)
    assert "Parked at transform" in told.output
    assert "MAPPING_FAILED: no rule for this value at PID-3" in told.output
    assert "What to do: If a release broke the map" in told.output


def test_a_refused_message_tells_the_answer_and_the_issue(mesh: FakeMesh) -> None:
    issue = Issue(
        severity=Severity.SEVERITY_ERROR,
        reason=Reason.REASON_REQUIRED_FIELD_MISSING,
        location="PID-3.1",
        detail="it is required",
    )
    mesh.ingest.receipts[ONE] = receipt(
        outcome=ingest_pb2.RECEIPT_OUTCOME_REJECTED, ack_code="AE", issues=[issue]
    )
    told = mesh.invoke(command, ONE)
    assert "Refused at receipt with AE" in told.output
    assert "error at PID-3.1: REQUIRED_FIELD_MISSING: it is required" in told.output


@pytest.mark.parametrize("silent", ["ingest", "audit", "delivery"])
def test_who_does_not_answer_is_named_and_the_rest_is_told(mesh: FakeMesh, silent: str) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.audit.custody = delivered_trail()
    mesh.stop_service(silent)
    told = mesh.invoke(command, ONE)
    assert told.exit_code == 0
    assert f"{silent} did not answer" in told.output
    if silent == "audit":
        assert "how it stands is not known, because audit did not answer" in told.output
    else:
        assert "Delivered to 2 destinations" in told.output


def test_a_message_that_nobody_knows_was_never_received(mesh: FakeMesh) -> None:
    told = mesh.invoke(command, ONE)
    assert told.exit_code == 1
    assert isinstance(told.exception, NotFound)
    assert "never received" in told.exception.detail


def test_a_message_is_not_called_unknown_while_somebody_does_not_answer(mesh: FakeMesh) -> None:
    mesh.stop_service("ingest")
    told = mesh.invoke(command, ONE)
    assert isinstance(told.exception, Unavailable)
    assert "ingest did not answer" in told.exception.detail


def test_a_duplicate_is_answered_by_the_story_of_the_first_receipt(mesh: FakeMesh) -> None:
    again = receipt(ONE, outcome=ingest_pb2.RECEIPT_OUTCOME_DUPLICATE, received_at=at(60))
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.receipts[TWO] = again
    mesh.audit.custody = delivered_trail()
    told = mesh.invoke(command, TWO)
    assert f"{TWO} is a duplicate" in told.output
    assert f"Message {ONE}" in told.output
    assert "the same message came again" in told.output


def test_another_message_of_the_same_control_id_is_named(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.receipts[TWO] = receipt(TWO, control_id_conflict=True)
    told = mesh.invoke(command, TWO)
    assert "the same control id came with other content before" in told.output
    assert f"another message has the same control id: {ONE}" in told.output


def test_a_message_is_found_by_control_id_and_feed(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.receipts[TWO] = receipt(TWO, feed="clinic")
    told = mesh.invoke(command, "--control-id", "C-1", "--feed", "clinic")
    assert f"Message {TWO}" in told.output


def test_a_control_id_of_several_messages_lists_them(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.receipts[TWO] = receipt(TWO, feed="clinic")
    told = mesh.invoke(command, "--control-id", "C-1")
    assert isinstance(told.exception, InvalidRequest)
    assert ONE in told.exception.detail
    assert TWO in told.exception.detail


def test_a_prefix_that_only_one_message_has_is_enough(mesh: FakeMesh) -> None:
    other = "01af0000-0000-7000-8000-000000000002"
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.receipts[other] = receipt(other)
    assert f"Message {other}" in mesh.invoke(command, "01AF0000").output


@pytest.mark.parametrize("text", ["019f000", "not-an-id", "019f0000x", ""])
def test_what_is_no_message_id_is_refused(mesh: FakeMesh, text: str) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    assert mesh.invoke(command, text).exit_code != 0


def test_json_has_everything_that_was_asked(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.audit.custody = delivered_trail()
    mesh.audit.events = [disclosure("lab", "permit")]
    told = json.loads(mesh.invoke(command, ONE, "--json").output)
    assert told["disposition"] == "delivered"
    assert told["receipt"]["control_id"] == "C-1"
    assert [one["outcome"] for one in told["custody"]][:2] == ["OUTCOME_RECEIVED", "OUTCOME_PASSED"]
    assert told["audit_events"][0]["decision_id"] == DECISION
    assert told["did_not_answer"] == {}


def test_what_a_sender_chose_cannot_steer_the_terminal(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt(control_id="C\x1b[31m1", message_type="ADT\r^A01")
    output = mesh.invoke(command, ONE).output
    assert "\x1b" not in output
    assert "C\\x1b[31m1" in output


def test_a_message_is_asked_for_without_its_content(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.content[ONE] = b"MSH|^~\\&|SECRETVALUE"
    for arguments in ([ONE], [ONE, "--json"]):
        assert "SECRETVALUE" not in mesh.invoke(command, *arguments).output


def test_a_message_on_its_way_says_what_it_waits_for() -> None:
    story = Story(ONE, receipt=receipt(), custody=delivered_trail()[:5])
    story.items = [
        delivery_pb2.Item(
            message_id=ONE,
            destination="lab",
            state=delivery_pb2.ITEM_STATE_PENDING,
            reason=Reason.REASON_UNAVAILABLE,
        )
    ]
    assert headline(story, START) == "On its way: waits for 3 destinations (archive, lab, study)."
    assert next_steps(story) == [
        "It is tried again by itself; plexus list shows who does not answer"
    ]


def test_a_message_before_routing_says_who_spoke_last() -> None:
    story = Story(ONE, custody=delivered_trail()[:3])
    now = START + datetime.timedelta(seconds=3.02)
    assert headline(story, now) == "On its way: identity was the last to report, 3.0 s ago."


def test_a_delivered_message_needs_nobody() -> None:
    assert next_steps(Story(ONE, custody=delivered_trail())) == []


def test_a_message_parked_at_one_destination_names_it() -> None:
    parked = custody(
        audit_pb2.STAGE_DELIVERY,
        audit_pb2.OUTCOME_PARKED,
        5,
        destination="study",
        reason=Reason.REASON_DESTINATION_REFUSED,
        detail="HTTP 422",
    )
    story = Story(ONE, custody=[*delivered_trail()[:7], parked])
    now = START + datetime.timedelta(seconds=65)
    assert headline(story, now) == (
        "Parked at delivery on the way to study 60 s ago: DESTINATION_REFUSED: HTTP 422."
    )
