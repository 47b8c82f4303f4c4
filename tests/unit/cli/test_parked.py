"""Parked messages: what is listed, what replaying asks of whom, and who may read content.

The services are the fakes of `test_why`.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from plexus.api.audit.v1 import audit_pb2
from plexus.api.ingest.v1 import ingest_pb2
from plexus.errors import InvalidRequest, Reason, Unavailable
from services.cli.parked import command
from tests.unit.cli.test_why import (
    ONE,
    TWO,
    FakeMesh,
    custody,
    delivered_trail,
    parked_at_transform,
    receipt,
    received,
    running_mesh,
)

THREE = "019f0000-0000-7000-8000-000000000003"
CONTENT = b"MSH|^~\\&|HIS\rPID|1||4711\x1b[2J\rPV1|1|I\r"


@pytest.fixture
def mesh(tmp_path: pathlib.Path) -> Iterator[FakeMesh]:
    with running_mesh(tmp_path) as started:
        yield started


def parked_at_lab(message_id: str = TWO) -> audit_pb2.Custody:
    return custody(
        audit_pb2.STAGE_DELIVERY,
        audit_pb2.OUTCOME_PARKED,
        9,
        message_id=message_id,
        destination="lab",
        reason=Reason.REASON_DESTINATION_REFUSED,
        detail="HTTP 422",
    )


def state(last: audit_pb2.Custody, **fields: Any) -> audit_pb2.MessageState:
    known: dict[str, Any] = {
        "message_id": last.message_id,
        "tenant": "north",
        "feed": "ward",
        "message_type": "ADT^A01",
        "disposition": audit_pb2.DISPOSITION_PARKED,
        "last": last,
    }
    return audit_pb2.MessageState(**{**known, **fields})


def park(mesh: FakeMesh) -> None:
    """ONE is parked at transform as a whole, TWO on its way to `lab`."""
    routed = custody(
        audit_pb2.STAGE_DELIVERY,
        audit_pb2.OUTCOME_ROUTED,
        1,
        message_id=TWO,
        destinations=["lab"],
    )
    mesh.audit.custody = [
        received(),
        parked_at_transform(),
        received(TWO),
        routed,
        parked_at_lab(),
    ]
    mesh.audit.messages = [state(parked_at_transform()), state(parked_at_lab())]


def test_the_list_says_stage_reason_and_what_to_do(mesh: FakeMesh) -> None:
    park(mesh)
    listed = mesh.invoke(command, "list")
    assert listed.exit_code == 0
    lines = [" ".join(line.split()) for line in listed.output.splitlines()]
    first, second = (next(line for line in lines if line.startswith(name)) for name in (TWO, ONE))
    assert lines.index(first) < lines.index(second), "the newest stands first"
    assert "parked delivery to lab" in first
    assert first.endswith("DESTINATION_REFUSED HTTP 422")
    assert "parked transform" in second
    assert any(
        line.startswith("DESTINATION_REFUSED 1") and "Call the owner" in line for line in lines
    )


def test_rejected_messages_are_listed_only_where_asked_for(mesh: FakeMesh) -> None:
    refused = custody(
        audit_pb2.STAGE_INGEST,
        audit_pb2.OUTCOME_REJECTED,
        0,
        message_id=THREE,
        reason=Reason.REASON_UNREADABLE,
    )
    mesh.audit.messages = [state(refused, disposition=audit_pb2.DISPOSITION_REJECTED)]
    assert mesh.invoke(command, "list").output == "Nothing is parked.\n"
    assert THREE in mesh.invoke(command, "list", "--rejected").output


def test_the_list_is_restricted_to_a_feed_and_a_number(mesh: FakeMesh) -> None:
    mesh.audit.messages = [
        state(parked_at_transform(), feed="clinic"),
        state(parked_at_lab(TWO)),
        state(parked_at_lab(THREE)),
    ]
    assert ONE not in mesh.invoke(command, "list", "--feed", "ward").output
    limited = mesh.invoke(command, "list", "--limit", "1").output
    assert limited.count("019f0000-") == 1
    assert "there may be more" in limited


def test_the_list_as_json_is_what_the_ledger_says(mesh: FakeMesh) -> None:
    park(mesh)
    listed = json.loads(mesh.invoke(command, "list", "--json").output)
    assert [one["message_id"] for one in listed] == [TWO, ONE]
    assert listed[0]["last"]["reason"] == "REASON_DESTINATION_REFUSED"


def test_each_is_sent_on_by_who_holds_it(mesh: FakeMesh) -> None:
    park(mesh)
    done = mesh.invoke(command, "replay", ONE, TWO, "--reason", "map mended")
    assert done.exit_code == 0
    assert [(list(one.message_ids), one.reason) for one in mesh.ingest.replays] == [
        ([ONE], "map mended")
    ]
    assert [list(one.message_ids) for one in mesh.delivery.retries] == [[TWO]]
    assert "1 message sent into the mesh again; 1 delivery is tried again" in done.output


def test_all_are_sent_on_after_a_yes(mesh: FakeMesh) -> None:
    park(mesh)
    done = mesh.invoke(command, "replay", "--all", "--reason", "mended", stdin="y\n")
    assert done.exit_code == 0
    assert "Replay 2 messages?" in done.output
    assert len(mesh.ingest.replays) == len(mesh.delivery.retries) == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_sent_on(mesh: FakeMesh, answer: str) -> None:
    park(mesh)
    done = mesh.invoke(command, "replay", "--all", "--reason", "mended", stdin=answer)
    assert done.exit_code == 1
    assert not mesh.ingest.replays
    assert not mesh.delivery.retries


def test_yes_asks_nothing_and_a_feed_restricts(mesh: FakeMesh) -> None:
    park(mesh)
    mesh.audit.messages[0].feed = "clinic"
    done = mesh.invoke(
        command, "replay", "--all", "--feed", "clinic", "--yes", "--reason", "mended", "--json"
    )
    assert json.loads(done.output) == {"asked": 1, "replayed": 1, "retried": 0}
    assert not mesh.delivery.retries


def test_all_of_nothing_is_done_at_once(mesh: FakeMesh) -> None:
    done = mesh.invoke(command, "replay", "--all", "--reason", "mended")
    assert (done.exit_code, done.output) == (0, "Nothing is parked.\n")


def test_one_that_is_not_parked_keeps_all_back(mesh: FakeMesh) -> None:
    park(mesh)
    mesh.audit.custody += [
        custody(one.stage, one.outcome, 1, message_id=THREE, destination=one.destination)
        for one in delivered_trail()
        if one.destination != "study" and one.outcome != audit_pb2.OUTCOME_ROUTED
    ]
    done = mesh.invoke(command, "replay", ONE, THREE, "--reason", "mended")
    assert isinstance(done.exception, InvalidRequest)
    assert f"{THREE} is not parked" in done.exception.detail
    assert not mesh.ingest.replays


def test_nothing_is_replayed_on_a_guess_while_audit_is_silent(mesh: FakeMesh) -> None:
    park(mesh)
    mesh.ingest.receipts[ONE] = receipt()
    mesh.stop_service("audit")
    done = mesh.invoke(command, "replay", ONE, "--reason", "mended")
    assert isinstance(done.exception, InvalidRequest)
    assert "audit did not answer" in done.exception.detail
    assert not mesh.ingest.replays


def test_fewer_than_asked_for_is_a_failure(mesh: FakeMesh) -> None:
    park(mesh)
    mesh.delivery.retried = 0
    done = mesh.invoke(command, "replay", TWO, "--reason", "mended")
    assert done.exit_code == 1
    assert "not parked any more" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        [ONE],
        [ONE, "--reason", "  "],
        ["--reason", "mended"],
        [ONE, "--all", "--reason", "mended"],
        [ONE, "--feed", "ward", "--reason", "mended"],
    ],
)
def test_what_is_not_clear_is_not_done(mesh: FakeMesh, arguments: list[str]) -> None:
    park(mesh)
    assert mesh.invoke(command, "replay", *arguments).exit_code == 2
    assert not mesh.ingest.replays


def test_show_tells_the_story_and_no_content(mesh: FakeMesh) -> None:
    park(mesh)
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.content[ONE] = CONTENT
    shown = mesh.invoke(command, "show", ONE)
    assert "Parked at transform" in shown.output
    assert "4711" not in shown.output
    assert not mesh.audit.events


def test_content_is_shown_a_line_a_segment_after_audit_has_recorded_it(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.content[ONE] = CONTENT
    shown = mesh.invoke(command, "show", ONE, "--content")
    assert shown.exit_code == 0
    assert "PATIENT DATA" in shown.output
    assert shown.stdout.endswith("MSH|^~\\&|HIS\nPID|1||4711\\x1b[2J\nPV1|1|I\n")
    [event] = mesh.audit.events
    assert (event.type, event.action, event.message_id) == ("content-read", "R", ONE)
    assert (event.tenant, event.outcome) == ("north", "success")
    assert event.agent.startswith("operator:")


def test_content_that_audit_cannot_record_is_not_shown(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt()
    mesh.ingest.content[ONE] = CONTENT
    mesh.audit.is_writable = False
    shown = mesh.invoke(command, "show", ONE, "--content")
    assert isinstance(shown.exception, Unavailable)
    assert "4711" not in shown.output


def test_content_that_is_not_utf8_is_shown_all_the_same(mesh: FakeMesh) -> None:
    mesh.ingest.receipts[ONE] = receipt(outcome=ingest_pb2.RECEIPT_OUTCOME_REJECTED)
    mesh.ingest.content[ONE] = "PID|1||||Bärtl".encode("latin-1")
    shown = json.loads(mesh.invoke(command, "show", ONE, "--content", "--json").stdout)
    assert shown["content"] == ["PID|1||||Bärtl"]
