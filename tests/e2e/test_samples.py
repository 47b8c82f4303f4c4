"""The whole mesh, several processes, fed with our sample feeds over MLLP.

In scope: what every accepted and refused message of tests/data becomes, the trace of each, and what
the command line says of it. Faults are in test_faults, patient data in logs in test_privacy.
"""

import asyncio
import collections
import contextlib
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.telemetry.names import SPAN_EDGES
from plexus.testing.waiting import eventually
from services.cli.sample_mesh import find_feeds
from tests.e2e.running import FEEDS, TRACED, Running, expected, messages_of, running_mesh

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mesh"),
    pytest.mark.timeout(240),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fed() -> AsyncIterator[Running]:
    feeds = find_feeds(FEEDS)
    async with running_mesh(feeds, validate=True, environment=TRACED) as running:
        histories = await asyncio.gather(
            *(running.send(feed.name, messages_of(feed)) for feed in feeds)
        )
        running.histories = {feed.name: h for feed, h in zip(feeds, histories, strict=True)}
        await running.settle()
        yield running


async def test_every_message_is_answered_as_its_sender_should_expect(fed: Running) -> None:
    for feed, told in expected().items():
        answered = {sent.label: sent.code for sent in fed.histories[feed]}
        assert answered == {name: one["ack"] for name, one in told["messages"].items()}


async def test_every_refusal_names_reason_and_place(fed: Running) -> None:
    refused = [s for h in fed.histories.values() for s in h if s.code in {"AE", "AR"}]
    assert refused
    assert all(sent.errors for sent in refused)


async def test_nothing_is_lost_and_the_law_holds(fed: Running) -> None:
    report = await fed.settle()
    assert not report.violations
    counts = {one.feed: one for one in report.ledger.feeds}
    for feed, told in expected().items():
        found = counts[feed]
        assert found.rejected == told["rejected"]
        assert found.duplicates == told["duplicates"]
        assert found.delivered == told["accepted"]
        assert found.in_flight == found.parked == found.held == found.withheld == 0


async def test_everything_that_arrives_is_valid_fhir(fed: Running) -> None:
    accepted = sum(told["accepted"] for told in expected().values())
    assert len(_arrived(fed)) == accepted
    assert not fed.receiver.findings


def _arrived(fed: Running) -> set[str]:
    """The messages that the receiver has got something of; it knows parts by message and number."""
    return {one.message_id.partition(".")[0] for one in fed.receiver.transactions}


async def test_a_purpose_that_no_policy_permits_gets_nothing(fed: Running) -> None:
    assert not fed.sample.research.exists()
    denied = await fed.rows(
        "SELECT count(*) AS n FROM delivery.item WHERE destination = 'research' AND state <> 3"
    )
    assert denied[0]["n"] == 0


async def test_nothing_left_before_its_disclosure_was_recorded(fed: Running) -> None:
    rows = await fed.rows(
        "SELECT count(*) AS n FROM delivery.item i WHERE i.state = 2 AND NOT EXISTS"
        " (SELECT 1 FROM audit.audit_event e WHERE e.message_id = coalesce(i.whole, i.message_id)"
        "  AND e.type = 'disclosure')"
    )
    assert rows[0]["n"] == 0


async def test_one_patient_of_several_systems_is_one_person(fed: Running) -> None:
    rows = await fed.rows(
        "SELECT authority, value, count(DISTINCT person_id) AS persons,"
        " count(DISTINCT source) AS sources FROM identity.identifier GROUP BY 1, 2"
    )
    assert rows
    assert all(row["persons"] == 1 for row in rows)
    # The clinic sends bare numbers and the laboratory names the clinic: they meet in one person.
    shared = await fed.rows(
        "SELECT i.feed AS one, o.feed AS other FROM delivery.item i JOIN delivery.item o"
        " ON o.key = i.key AND o.feed > i.feed GROUP BY 1, 2"
    )
    pairs = {(row["one"], row["other"]) for row in shared}
    assert {("adt-north", "lab-central"), ("adt-clinic", "lab-central")} <= pairs


async def test_every_hop_of_every_message_is_in_one_trace(fed: Running) -> None:
    rows = await fed.rows("SELECT traceparent FROM ingest.receipt WHERE outcome = 1")
    assert rows

    async def all_written() -> bool:
        # Spans are written some time after the work that they tell of.
        edges = _edges(fed.mesh.folder / "spans")
        return all(set(SPAN_EDGES) <= edges[row["traceparent"][3:35]] for row in rows)

    await eventually(all_written)


def _edges(folder: pathlib.Path) -> dict[str, set[tuple[str, str, str, str]]]:
    """Of each trace: service and name of each span, behind those of its parent."""
    spans: dict[str, dict[str, Any]] = {}
    for path in folder.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(orjson.JSONDecodeError):  # the last one may be half written
                span = orjson.loads(line)
                spans[span["span"]] = span
    edges: dict[str, set[tuple[str, str, str, str]]] = collections.defaultdict(set)
    for span in spans.values():
        parent = spans.get(span["parent"] or "")
        if parent is not None:
            assert parent["trace"] == span["trace"]
            edges[span["trace"]].add(
                (parent["service"], parent["name"], span["service"], span["name"])
            )
    return edges


async def test_consent_and_audit_are_asked_within_the_trace(fed: Running) -> None:
    names = set()
    for path in (fed.mesh.folder / "spans").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            span = orjson.loads(line)
            names.add((span["service"], span["name"]))
    assert ("consent", "plexus.api.consent.v1.ConsentService/DecideBatch") in names
    assert ("audit", "plexus.api.audit.v1.AuditService/Append") in names


async def test_the_command_line_tells_the_story_of_a_message(fed: Running) -> None:
    message = fed.receiver.transactions[-1].message_id
    code, output = await fed.plexus("why", message)
    assert code == 0
    for word in ("receipt", "transform", "identity", "records", "ehr", "archive"):
        assert word in output
    code, output = await fed.plexus("conservation", "--wait", "10")
    assert code == 0, output
    code, output = await fed.plexus("list")
    assert code == 0, output
    code, output = await fed.plexus("parked", "list", "--rejected")
    assert code == 0
    assert "REQUIRED_FIELD_MISSING" in output


def _state(fed: Running) -> dict[str, Any]:
    """What the receiver holds, by address, without version and time."""
    held: dict[str, Any] = {}
    for line in fed.receiver._store.lines():
        resource = orjson.loads(line)
        resource.pop("meta", None)
        held[f"{resource['resourceType']}/{resource['id']}"] = resource
    return held


async def test_a_replay_of_everything_ends_where_it_began(fed: Running) -> None:
    sent_before, state = len(fed.receiver.transactions), _state(fed)
    messages, parts = _arrived(fed), {one.message_id for one in fed.receiver.transactions}
    async with fed.mesh.mesh.peer("ingest") as peer:
        stub = ingest_pb2_grpc.IngestServiceStub(peer.channel)
        request = ingest_pb2.ReplayRequest(message_ids=messages, reason="test of replay")
        answer = await peer.ask(stub.Replay, request, deadline_seconds=10)
    assert answer.replayed == len(messages)

    def again() -> set[str]:
        return {one.message_id for one in fed.receiver.transactions[sent_before:]}

    await eventually(lambda: again() == parts, timeout_seconds=60)
    report = await fed.settle()
    assert not report.violations
    after = _state(fed)
    assert after.keys() == state.keys()
    changed = [key for key in state if after[key] != state[key]]
    assert not changed, orjson.dumps([(state[key], after[key]) for key in changed]).decode()
