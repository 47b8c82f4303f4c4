"""The log as it runs: sealed within a second, anchored outside the database, proven over gRPC."""

import asyncio
import datetime
import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.errors import InvalidRequest, NotFound
from plexus.rpc import Peer
from plexus.service import Runtime
from plexus.telemetry.tracing import Tracing
from plexus.testing.waiting import eventually
from services.audit.domain.leaves import encode_leaf
from services.audit.domain.notes import VerifyingKey, open_note
from services.audit.domain.tree import is_consistent, is_included, leaf_hash, root_of
from services.audit.settings import AuditSettings
from tests.integration.audit.log_material import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

_SECONDS = 5.0


@pytest_asyncio.fixture(loop_scope="session")
async def peer(audit: Runtime) -> AsyncIterator[Peer]:
    opened = Peer(audit.rpc.address, Tracing("test", None))
    yield opened
    await opened.close()


def ask(peer: Peer) -> "audit_pb2_grpc.AuditServiceAsyncStub":
    return audit_pb2_grpc.AuditServiceStub(peer.channel)


async def append(peer: Peer, *events: AuditEvent) -> None:
    await peer.ask(
        ask(peer).Append, audit_pb2.AppendRequest(events=events), deadline_seconds=_SECONDS
    )


async def proof_of(peer: Peer, one: AuditEvent) -> audit_pb2.ProveEventResponse:
    async def proven() -> audit_pb2.ProveEventResponse:
        try:
            return await peer.ask(
                ask(peer).ProveEvent,
                audit_pb2.ProveEventRequest(event_id=one.event_id, reader="tester"),
                deadline_seconds=_SECONDS,
            )
        except NotFound as exc:
            raise AssertionError("not sealed yet") from exc

    return await eventually(proven)


async def test_what_was_appended_is_sealed_and_proven_without_asking_for_it(peer: Peer) -> None:
    one = event("proving")
    await append(peer, one)
    answer = await proof_of(peer, one)
    assert answer.leaf == encode_leaf(one)
    told = await peer.ask(
        ask(peer).GetCheckpoint,
        audit_pb2.GetCheckpointRequest(tenant="proving"),
        deadline_seconds=_SECONDS,
    )
    keys = [VerifyingKey.parse(text) for text in told.keys]
    opened = open_note(answer.checkpoint.note, keys)
    assert opened.signed_by == tuple(keys)
    assert opened.checkpoint.origin == "plexus.local/audit/proving"
    assert is_included(
        leaf_hash(answer.leaf),
        answer.sequence,
        opened.checkpoint.size,
        list(answer.proof),
        opened.checkpoint.root,
    )


async def test_checkpoints_leave_the_database(audit: Runtime, peer: Peer) -> None:
    one = event("anchored")
    await append(peer, one)
    answer = await proof_of(peer, one)
    settings = audit.settings
    assert isinstance(settings, AuditSettings)
    assert settings.audit_anchor_folder is not None
    file = settings.audit_anchor_folder / "anchored.checkpoint"

    async def kept() -> str:
        return await asyncio.to_thread(
            lambda: pathlib.Path(file).read_text("utf-8") if file.exists() else ""
        )

    note = await eventually(kept)
    assert (
        open_note(note, []).checkpoint.size
        >= open_note(answer.checkpoint.note, []).checkpoint.size - 1
    )
    bus = await audit.connect_bus()

    async def marked() -> str:
        return await bus.leases.load_mark("checkpoint", "anchored")

    assert open_note(await eventually(marked), []).checkpoint.origin.endswith("/anchored")
    await bus.close()


async def test_leaves_are_handed_out_in_order_and_growth_is_proven(peer: Peer) -> None:
    first = [event("growing") for _ in range(3)]
    await append(peer, *first)
    before = (await proof_of(peer, first[-1])).checkpoint
    await append(peer, *[event("growing") for _ in range(4)])

    async def grown() -> audit_pb2.Checkpoint:
        answer = await peer.ask(
            ask(peer).GetCheckpoint,
            audit_pb2.GetCheckpointRequest(tenant="growing"),
            deadline_seconds=_SECONDS,
        )
        assert answer.checkpoint.size >= before.size + 4
        return answer.checkpoint

    after = await eventually(grown)
    proof = await peer.ask(
        ask(peer).ProveConsistency,
        audit_pb2.ProveConsistencyRequest(tenant="growing", first=before.size, second=after.size),
        deadline_seconds=_SECONDS,
    )
    roots = [open_note(one.note, []).checkpoint.root for one in (before, after)]
    assert is_consistent(before.size, after.size, list(proof.proof), *roots)
    read = await peer.ask(
        ask(peer).ReadLog,
        audit_pb2.ReadLogRequest(tenant="growing", limit=after.size, reader="tester"),
        deadline_seconds=_SECONDS,
    )
    assert [one.sequence for one in read.entries] == list(range(after.size))
    assert not any(one.unlike for one in read.entries)
    assert root_of(one.leaf for one in read.entries) == roots[1]


async def test_questions_are_answered_by_pages_and_recorded(peer: Peer) -> None:
    made = [event("asked", agent="dr-grey", destination="portal") for _ in range(7)]
    await append(peer, *made)
    await proof_of(peer, made[-1])
    until = Timestamp()
    until.FromDatetime(made[5].at.ToDatetime(datetime.UTC))
    for asked in (
        {"person_id": "p1"},
        {"agent": "dr-grey"},
        {"destination": "portal", "agent": "dr-grey"},
        {"type": "disclosure", "outcome": "permit"},
    ):
        found: list[AuditEvent] = []
        token = ""
        while True:
            answer = await peer.ask(
                ask(peer).Query,
                audit_pb2.QueryRequest(
                    tenant="asked",
                    limit=2,
                    until=until,
                    page_token=token,
                    reader="operator:tester",
                    **asked,
                ),
                deadline_seconds=_SECONDS,
            )
            found += answer.events
            token = answer.next_page_token
            if not token:
                break
        assert found == made[4::-1], asked
    records = await peer.ask(
        ask(peer).Query,
        audit_pb2.QueryRequest(tenant="asked", type="audit-read", person_id="p1"),
        deadline_seconds=_SECONDS,
    )
    assert {one.agent for one in records.events} == {"operator:tester"}
    assert len(records.events) == 3


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetCheckpoint", audit_pb2.GetCheckpointRequest(size=2**63)),
        ("ListCheckpoints", audit_pb2.ListCheckpointsRequest(limit=1001)),
        ("ProveEvent", audit_pb2.ProveEventRequest(event_id="7")),
        ("ProveConsistency", audit_pb2.ProveConsistencyRequest(first=2, second=1)),
        ("ReadLog", audit_pb2.ReadLogRequest(limit=4001)),
        ("ReadTiles", audit_pb2.ReadTilesRequest(level=8)),
        ("Query", audit_pb2.QueryRequest(page_token="2026-01-01T00:00:00_7")),
        ("Query", audit_pb2.QueryRequest(until=Timestamp(seconds=2**60))),
    ],
)
async def test_what_makes_no_sense_is_refused(peer: Peer, method: str, request_: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await peer.ask(getattr(ask(peer), method), request_, deadline_seconds=_SECONDS)
    assert caught.value.location
