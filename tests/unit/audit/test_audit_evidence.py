"""Which entries and events can be kept."""

from collections.abc import Callable

import pytest

from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody, Outcome
from plexus.errors import InvalidMessage
from services.audit.domain import check_custody, check_event

ID = "01980000-0000-7000-8000-000000000001"


def custody() -> Custody:
    entry = Custody(message_id=ID, tenant="north", feed="adt", attempt=1)
    entry.at.FromSeconds(1_800_000_000)
    return entry


def event() -> AuditEvent:
    made = AuditEvent(event_id=ID, type="disclosure", tenant="north")
    made.at.FromSeconds(1_800_000_000)
    return made


def test_what_a_newer_service_reports_is_kept() -> None:
    entry = custody()
    entry.outcome = Outcome.ValueType(99)
    check_custody(entry)


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda e: setattr(e, "message_id", "no id"), "message_id"),
        (lambda e: setattr(e, "message_id", ""), "message_id"),
        (lambda e: setattr(e, "outcome", -1), "outcome"),
        (lambda e: setattr(e, "stage", 2**20), "stage"),
        (lambda e: setattr(e, "reason", 2**20), "reason"),
        (lambda e: setattr(e, "attempt", 2**31), "attempt"),
        (lambda e: setattr(e, "origin", 2**63), "origin"),
        (lambda e: setattr(e.at, "seconds", 2**40), "at"),
        (lambda e: setattr(e.at, "nanos", -1), "at"),
        (lambda e: setattr(e, "feed", "a\0b"), "NUL"),
        (lambda e: e.destinations.append("a\0b"), "NUL"),
        (lambda e: setattr(e, "tenant", "a" * 201), "longer"),
        (lambda e: setattr(e, "feed", "a" * 201), "longer"),
        (lambda e: setattr(e, "destination", "a" * 201), "longer"),
        (lambda e: e.destinations.append("a" * 201), "longer"),
    ],
)
def test_an_entry_that_no_table_can_hold_is_refused(
    spoil: Callable[[Custody], None], place: str
) -> None:
    entry = custody()
    check_custody(entry)
    spoil(entry)
    with pytest.raises(InvalidMessage, match=place) as caught:
        check_custody(entry)
    assert "a\0b" not in caught.value.detail


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda e: setattr(e, "event_id", "7"), "event_id"),
        (lambda e: setattr(e, "message_id", "7"), "message_id"),
        (lambda e: setattr(e, "type", ""), "type"),
        (lambda e: e.ClearField("at"), "at"),
        (lambda e: setattr(e.at, "seconds", -1), "at"),
        (lambda e: setattr(e, "person_id", "\0"), "NUL"),
    ],
)
def test_an_event_that_no_table_can_hold_is_refused(
    spoil: Callable[[AuditEvent], None], place: str
) -> None:
    made = event()
    check_event(made)
    spoil(made)
    with pytest.raises(InvalidMessage, match=place):
        check_event(made)
