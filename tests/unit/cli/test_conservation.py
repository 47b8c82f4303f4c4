"""The conservation check: which numbers break the law, and when waiting is over.

The services are the fakes of `test_why`; how the ledger counts is the business of audit's tests.
"""

import json
import pathlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.audit.v1 import audit_pb2
from plexus.api.ingest.v1 import ingest_pb2
from plexus.errors import Reason, Unavailable
from services.cli.conservation import check, command
from tests.unit.cli.test_why import FakeMesh, running_mesh

STATES = ("delivered", "rejected", "withheld", "held", "parked", "in_flight")


@pytest.fixture
def mesh(tmp_path: pathlib.Path) -> Iterator[FakeMesh]:
    with running_mesh(tmp_path) as started:
        yield started


def feed(accepted: int, rejected: int = 0, name: str = "ward") -> ingest_pb2.Feed:
    return ingest_pb2.Feed(tenant="north", name=name, accepted=accepted, rejected=rejected)


def ledger(**counts: int) -> audit_pb2.GetConservationResponse:
    told = audit_pb2.FeedCount(tenant="north", feed="ward", **counts)
    told.received = counts.get("received", sum(counts.get(one, 0) for one in STATES))
    return audit_pb2.GetConservationResponse(feeds=[told])


def test_equal_numbers_hold() -> None:
    assert check([feed(7, 2)], ledger(delivered=4, rejected=2, parked=1, in_flight=2)) == []


def test_a_message_that_the_ledger_never_heard_of_is_missing() -> None:
    [violation] = check([feed(7)], ledger(delivered=6))
    assert (violation.feed, violation.missing) == ("ward", 1)
    assert violation.text == "ingest has 7 received, the ledger knows 6"


def test_a_message_that_ingest_never_had_is_too_many() -> None:
    [violation] = check([feed(7)], ledger(delivered=8))
    assert violation.missing == -1


def test_a_ledger_whose_states_do_not_add_up_is_told() -> None:
    [violation] = check([feed(6)], ledger(received=7, delivered=6))
    assert "add up to 6" in violation.text


def test_a_rejected_message_that_counts_as_delivered_is_told() -> None:
    violations = check([feed(6, 1)], ledger(delivered=7))
    assert [one.text for one in violations] == ["ingest has 1 rejected, the ledger knows 0"]


def test_a_feed_that_the_ledger_does_not_know_at_all_is_missing() -> None:
    [violation] = check([feed(3, name="clinic")], audit_pb2.GetConservationResponse())
    assert (violation.feed, violation.missing) == ("clinic", 3)


def test_a_feed_that_is_no_longer_configured_must_only_add_up() -> None:
    assert check([], ledger(delivered=5)) == []
    assert len(check([], ledger(received=6, delivered=5))) == 1


def test_feeds_of_one_name_in_two_tenants_are_told_apart() -> None:
    south = ingest_pb2.Feed(tenant="south", name="ward", accepted=2)
    violations = check([feed(2), south], ledger(delivered=4))
    assert {(one.tenant, one.missing) for one in violations} == {("north", -2), ("south", 2)}


def test_while_messages_flow_the_ledger_lies_between_two_counts_of_ingest() -> None:
    before, after = [feed(5)], [feed(9)]
    for delivered, holds in ((4, False), (5, True), (9, True), (10, False)):
        assert (check(after, ledger(delivered=delivered), before=before) == []) is holds


@given(st.dictionaries(st.sampled_from(STATES), st.integers(0, 1000)), st.integers(-3, 3))
def test_the_law_holds_exactly_where_no_message_is_missing(
    counts: dict[str, int], lost: int
) -> None:
    rejected = counts.get("rejected", 0)
    accepted = max(0, sum(counts.values()) - rejected + lost)
    is_equal = accepted + rejected == sum(counts.values())
    assert (check([feed(accepted, rejected)], ledger(**counts)) == []) is is_equal


def test_a_mesh_that_lost_nothing_passes_and_says_so(mesh: FakeMesh) -> None:
    mesh.ingest.feeds = [feed(7, 2)]
    mesh.audit.conservation = ledger(delivered=4, rejected=2, parked=1, in_flight=2)
    mesh.audit.conservation.reasons.add(
        feed="ward",
        disposition=audit_pb2.DISPOSITION_PARKED,
        reason=Reason.REASON_MAPPING_FAILED,
        messages=1,
    )
    told = mesh.invoke(command)
    assert told.exit_code == 0
    assert "Nothing is lost: 9 messages received, all accounted for, 2 in flight." in told.output
    lines = [" ".join(line.split()) for line in told.output.splitlines()]
    assert "ward 9 4 2 0 0 1 2 ok" in lines
    assert "ward parked 1 MAPPING_FAILED the maps could not turn it into an event" in lines


def test_a_loss_fails_and_is_named(mesh: FakeMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.conservation._GRACE_SECONDS", 0.0)
    mesh.ingest.feeds = [feed(7)]
    mesh.audit.conservation = ledger(delivered=6)
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert "north/ward: ingest has 7 received, the ledger knows 6" in told.output
    assert "BROKEN" in told.output


def test_evidence_that_is_a_little_late_is_waited_for(mesh: FakeMesh) -> None:
    asked = 0

    def on_list_feeds() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            mesh.audit.conservation = ledger(delivered=7)

    mesh.ingest.feeds = [feed(7)]
    mesh.audit.conservation = ledger(delivered=6)
    mesh.ingest.on_list_feeds = on_list_feeds
    assert mesh.invoke(command).exit_code == 0
    assert asked > 2


def test_waiting_ends_when_nothing_is_in_flight(mesh: FakeMesh) -> None:
    asked = 0

    def on_list_feeds() -> None:
        nonlocal asked
        asked += 1
        if asked == 5:
            mesh.audit.conservation = ledger(delivered=7)

    mesh.ingest.feeds = [feed(7)]
    mesh.audit.conservation = ledger(delivered=4, in_flight=3)
    mesh.ingest.on_list_feeds = on_list_feeds
    told = mesh.invoke(command, "--wait", "20")
    assert told.exit_code == 0
    assert "waiting: 3 in flight" in told.output
    assert "nothing in flight" in told.output


def test_waiting_in_vain_fails_though_the_law_holds(mesh: FakeMesh) -> None:
    mesh.ingest.feeds = [feed(7)]
    mesh.audit.conservation = ledger(delivered=4, in_flight=3)
    told = mesh.invoke(command, "--wait", "0")
    assert told.exit_code == 1
    assert "3 messages still in flight" in told.output


def test_json_tells_verdict_and_both_counts(mesh: FakeMesh) -> None:
    mesh.ingest.feeds = [feed(7)]
    mesh.audit.conservation = ledger(delivered=7)
    told = json.loads(mesh.invoke(command, "--json").output)
    assert (told["holds"], told["in_flight"], told["violations"]) == (True, 0, [])
    assert told["ingest"][0]["accepted"] == told["ledger"]["feeds"][0]["received"] == "7"


def test_without_ingest_or_audit_there_is_no_verdict(mesh: FakeMesh) -> None:
    mesh.stop_service("audit")
    told = mesh.invoke(command)
    assert told.exit_code == 1
    assert isinstance(told.exception, Unavailable)
    assert "cannot be checked" in told.exception.detail
