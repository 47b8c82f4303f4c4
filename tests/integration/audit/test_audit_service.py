"""Audit as a whole: evidence comes in over NATS, questions over gRPC."""

import uuid
from collections.abc import AsyncIterator

import grpc.aio
import pytest
import pytest_asyncio

from plexus.actors.outbox import evidence
from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody, Disposition, Outcome, Stage
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.bus import JetStreamBus, Outgoing
from plexus.bus.frames import PLACES
from plexus.errors import InvalidRequest
from plexus.ids import RandomIds
from plexus.rpc import Peer
from plexus.service import Runtime
from plexus.telemetry.tracing import Tracing
from plexus.testing.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

IDS = RandomIds()
_SECONDS = 5.0


@pytest_asyncio.fixture(loop_scope="session")
async def bus(audit: Runtime) -> AsyncIterator[JetStreamBus]:
    connected = await audit.connect_bus()
    # Makes the stream where audit itself has not come to it yet.
    await connected.state("audit")
    yield connected
    await connected.close()


@pytest_asyncio.fixture(loop_scope="session")
async def peer(audit: Runtime) -> AsyncIterator[Peer]:
    opened = Peer(audit.rpc.address, Tracing("test", None))
    yield opened
    await opened.close()


def ask(peer: Peer) -> "audit_pb2_grpc.AuditServiceAsyncStub":
    return audit_pb2_grpc.AuditServiceStub(peer.channel)


def entry(message_id: str, outcome: Outcome.ValueType, stage: Stage.ValueType) -> Custody:
    made = Custody(
        message_id=message_id, tenant="north", feed="adt", stage=stage, outcome=outcome, attempt=1
    )
    made.at.GetCurrentTime()
    return made


async def disposition(peer: Peer, message_id: str) -> Disposition.ValueType | None:
    stub = ask(peer)
    answer = await peer.ask(
        stub.ListMessages,
        audit_pb2.ListMessagesRequest(limit=1000),
        deadline_seconds=_SECONDS,
    )
    states = {state.message_id: state.disposition for state in answer.messages}
    return states.get(message_id)


async def test_evidence_of_several_services_comes_together(bus: JetStreamBus, peer: Peer) -> None:
    message_id = IDS.message_id()
    routed = entry(message_id, Outcome.OUTCOME_ROUTED, Stage.STAGE_DELIVERY)
    routed.destinations.append("ehr")
    delivered = entry(message_id, Outcome.OUTCOME_DELIVERED, Stage.STAGE_DELIVERY)
    delivered.destination = "ehr"
    received = entry(message_id, Outcome.OUTCOME_RECEIVED, Stage.STAGE_INGEST)
    await bus.publish([
        evidence("delivery", IDS.message_id(), [delivered, routed]),
        evidence("ingest", IDS.message_id(), [received]),
        evidence("delivery", IDS.message_id(), [delivered]),
    ])  # fmt: skip

    async def trail() -> list[Custody]:
        answer = await peer.ask(
            ask(peer).GetCustody,
            audit_pb2.GetCustodyRequest(message_id=message_id),
            deadline_seconds=_SECONDS,
        )
        return list(answer.entries) if len(answer.entries) == 3 else []

    kept = await eventually(trail)
    assert {one.SerializeToString() for one in kept} == {
        one.SerializeToString() for one in (routed, delivered, received)
    }
    assert await disposition(peer, message_id) == Disposition.DISPOSITION_DELIVERED


async def test_evidence_leads_to_no_evidence(bus: JetStreamBus, peer: Peer) -> None:
    message_id = IDS.message_id()
    await bus.publish([
        evidence(
            "ingest",
            IDS.message_id(),
            [entry(message_id, Outcome.OUTCOME_RECEIVED, Stage.STAGE_INGEST)],
        )
    ])  # fmt: skip
    before = (await bus.state("audit")).last_sequence
    await eventually(lambda: disposition(peer, message_id))
    # Had the first batch led to another one, it would stand before what is published next.
    other = IDS.message_id()
    await bus.publish([
        evidence(
            "ingest", IDS.message_id(), [entry(other, Outcome.OUTCOME_RECEIVED, Stage.STAGE_INGEST)]
        )
    ])  # fmt: skip
    await eventually(lambda: disposition(peer, other))
    assert (await bus.state("audit")).last_sequence == before + PLACES  # one more


async def test_what_cannot_be_read_or_kept_does_not_stop_the_rest(
    bus: JetStreamBus, peer: Peer
) -> None:
    message_id = IDS.message_id()

    def broken(kind: PayloadKind.ValueType, payload: bytes) -> Outgoing:
        name = IDS.message_id()
        envelope = Envelope(message_id=name, key="ingest", attempt=1, kind=kind, payload=payload)
        return Outgoing("audit", "ingest", name, envelope.SerializeToString())

    await bus.publish([
        broken(PayloadKind.PAYLOAD_KIND_EVIDENCE, b"\xff\xff"),
        broken(PayloadKind.PAYLOAD_KIND_RAW, b""),
        evidence(
            "ingest",
            IDS.message_id(),
            [
                entry("no id", Outcome.OUTCOME_RECEIVED, Stage.STAGE_INGEST),
                entry(message_id, Outcome.OUTCOME_RECEIVED, Stage.STAGE_INGEST),
            ],
        ),
    ])  # fmt: skip
    await eventually(lambda: disposition(peer, message_id))
    assert await disposition(peer, message_id) == Disposition.DISPOSITION_IN_FLIGHT


async def test_an_event_that_was_appended_is_found(peer: Peer) -> None:
    event = AuditEvent(
        event_id=str(uuid.uuid4()),
        tenant="north",
        type="disclosure",
        action="R",
        agent="delivery",
        person_id=str(uuid.uuid4()),
        outcome="permit",
    )
    event.at.GetCurrentTime()
    stub = ask(peer)
    request = audit_pb2.AppendRequest(events=[event])
    first = await peer.ask(stub.Append, request, deadline_seconds=_SECONDS)
    again = await peer.ask(stub.Append, request, deadline_seconds=_SECONDS)
    assert (first.appended, again.appended) == (1, 0)
    found = await peer.ask(
        stub.Query, audit_pb2.QueryRequest(person_id=event.person_id), deadline_seconds=_SECONDS
    )
    assert list(found.events) == [event]


async def test_the_report_obeys_the_law_and_unknown_messages_are_unfinished(peer: Peer) -> None:
    stub = ask(peer)
    report = await peer.ask(
        stub.GetConservation, audit_pb2.GetConservationRequest(), deadline_seconds=_SECONDS
    )
    for feed in report.feeds:
        assert feed.received == (
            feed.delivered
            + feed.rejected
            + feed.withheld
            + feed.held
            + feed.parked
            + feed.in_flight
        )
    unknown = IDS.message_id()
    answer = await peer.ask(
        stub.FindUnfinished,
        audit_pb2.FindUnfinishedRequest(message_ids=[unknown]),
        deadline_seconds=_SECONDS,
    )
    assert [(one.message_id, one.last_stage) for one in answer.messages] == [
        (unknown, Stage.STAGE_UNSPECIFIED)
    ]


async def test_requests_beyond_the_limits_are_refused_with_their_place(peer: Peer) -> None:
    stub = ask(peer)

    async def refused(
        method: grpc.aio.UnaryUnaryMultiCallable[object, object], request: object
    ) -> str:
        with pytest.raises(InvalidRequest) as caught:
            await peer.ask(method, request, deadline_seconds=_SECONDS)
        return caught.value.location

    event = AuditEvent(event_id="7", type="x")
    ids = [IDS.message_id()] * 10_001
    cases = [
        (stub.Append, audit_pb2.AppendRequest(events=[event] * 1001), "events"),
        (stub.Append, audit_pb2.AppendRequest(events=[event]), "events[0]"),
        (stub.Query, audit_pb2.QueryRequest(limit=1001), "limit"),
        (stub.Query, audit_pb2.QueryRequest(message_id="7"), "message_id"),
        (stub.GetCustody, audit_pb2.GetCustodyRequest(), "message_id"),
        (stub.ListMessages, audit_pb2.ListMessagesRequest(limit=1001), "limit"),
        (
            stub.ListMessages,
            audit_pb2.ListMessagesRequest(disposition=Disposition.ValueType(77)),
            "disposition",
        ),
        (stub.FindUnfinished, audit_pb2.FindUnfinishedRequest(message_ids=ids), "message_ids"),
        (stub.FindUnfinished, audit_pb2.FindUnfinishedRequest(message_ids=["7"]), "message_ids"),
    ]
    for method, request, place in cases:
        assert await refused(method, request) == place  # type: ignore[arg-type] # methods of several types
