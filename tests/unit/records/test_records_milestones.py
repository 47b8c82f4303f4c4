"""Stays and orders over time. What the events of HL7 v2 make of a stay: tests/unit/transform/test_visits."""

import dataclasses
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Identifier, Origin, Period
from plexus.api.canonical.v1.resources_pb2 import Encounter, Resource, ServiceRequest
from plexus.api.records.v1.records_pb2 import Disposition
from services.records.domain import Record
from tests.unit.records.records_material import ADT, Chart

# What the maps make of the status in each event, for a person who is in.
_STATUS = {
    "A01": "in-progress",
    "A02": "in-progress",
    "A03": "finished",
    "A05": "planned",
    "A08": "in-progress",
    "A11": "cancelled",
    "A12": "in-progress",
    "A13": "in-progress",
    "A23": "entered-in-error",
    "A27": "cancelled",
    "A38": "cancelled",
}


def _stay(event: str, day: int, *, end: str = "", status: str = "") -> Resource:
    end = end or (f"2026-03-{day:02}" if event == "A03" else "")
    return Resource(
        key="Encounter|NORTH|V1",
        origin=Origin(source=ADT, time=f"2026-03-{day:02}T10:00:00Z"),
        encounter=Encounter(status=status or _STATUS[event], period=Period(end=end)),
    )


def _number(kind: str, value: str) -> Identifier:
    return Identifier(value=value, type_code=kind, authority=Authority(namespace="NORTH"))


def _order(day: int, status: str, *numbers: Identifier, authored: str = "") -> Resource:
    return Resource(
        key="ServiceRequest|NORTH|P1|CBC",
        origin=Origin(source=ADT, time=f"2026-03-{day:02}"),
        service_request=ServiceRequest(status=status, identifiers=numbers, authored_on=authored),
    )


@dataclasses.dataclass(frozen=True)
class _Message:
    trigger: str
    resource: Resource


def _shown(record: Record) -> list[Resource]:
    return [Resource.FromString(each.shown) for _, each in sorted(record.held.items())]


def _ran(messages: list[_Message], order: Sequence[int]) -> Record:
    chart = Chart()
    for at in order:
        chart.take(messages[at].resource, receipt=at + 1, trigger=messages[at].trigger)
    return chart.record


def _stays(*events: str) -> list[_Message]:
    """One event a day."""
    return [_Message(f"ADT^{event}", _stay(event, day)) for day, event in enumerate(events, 1)]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (["A01", "A11"], "cancelled"),
        (["A01", "A11", "A08"], "cancelled"),
        (["A01", "A11", "A03"], "cancelled"),
        (["A01", "A11", "A13"], "cancelled"),
        (["A01", "A02", "A11", "A12"], "cancelled"),
        (["A01", "A11", "A01"], "in-progress"),
        (["A01", "A11", "A01", "A08"], "in-progress"),
        (["A01", "A11", "A08", "A01"], "in-progress"),
        (["A01", "A03"], "finished"),
        (["A01", "A03", "A08"], "finished"),
        (["A01", "A03", "A13"], "in-progress"),
        (["A01", "A03", "A13", "A08"], "in-progress"),
        (["A01", "A03", "A13", "A03"], "finished"),
        (["A01", "A03", "A11"], "cancelled"),
        (["A01", "A03", "A01"], "in-progress"),
        (["A05", "A38"], "cancelled"),
        (["A05", "A38", "A08"], "cancelled"),
        (["A05", "A38", "A05"], "planned"),
        (["A05", "A01", "A08"], "in-progress"),
        (["A01", "A23", "A08"], "entered-in-error"),
    ],
)
def test_a_turning_point_holds_against_updates_whatever_comes_first(
    events: list[str], status: str
) -> None:
    messages = _stays(*events)
    for order in itertools.permutations(range(len(events))):
        (stay,) = _shown(_ran(messages, order))
        assert stay.encounter.status == status, order


def test_an_admission_that_comes_after_its_cancel_at_the_same_moment_is_cancelled() -> None:
    told = [_Message("ADT^A11", _stay("A11", 1)), _Message("ADT^A01", _stay("A01", 1))]
    (stay,) = _shown(_ran(told, [0, 1]))
    assert stay.encounter.status == "cancelled"


def test_an_update_after_the_discharge_keeps_when_it_was() -> None:
    (stay,) = _shown(_ran(_stays("A01", "A03", "A08"), [0, 1, 2]))
    assert stay.encounter.period.end == "2026-03-02"


def test_an_end_that_an_update_tells_holds_like_a_discharge() -> None:
    told = [
        *_stays("A01"),
        _Message("ADT^A08", _stay("A08", 2, end="2026-03-02", status="finished")),
        _Message("ADT^A08", _stay("A08", 3)),
    ]
    (stay,) = _shown(_ran(told, [0, 1, 2]))
    assert (stay.encounter.status, stay.encounter.period.end) == ("finished", "2026-03-02")


def test_a_late_cancel_is_told_though_a_newer_snapshot_stands() -> None:
    chart = Chart()
    chart.take(_stay("A01", 1), trigger="ADT^A01")
    chart.take(_stay("A08", 3), trigger="ADT^A08")
    changed = chart.take(_stay("A11", 2), trigger="ADT^A11")
    (told,) = changed.resources
    assert told.resource.encounter.status == "cancelled"
    assert told.disposition == Disposition.DISPOSITION_UPDATED
    assert told.version == chart.record.history[-1].number == 2


def test_what_a_result_says_of_the_stay_changes_nothing_that_an_admission_said() -> None:
    told = [*_stays("A01"), _Message("ORU^R01", _stay("A08", 2, status="unknown"))]
    for order in ([0, 1], [1, 0]):
        (stay,) = _shown(_ran(told, order))
        assert stay.encounter.status == "in-progress"
    (alone,) = _shown(_ran(told[1:], [0]))
    assert alone.encounter.status == "unknown"


def test_an_order_keeps_its_own_word_and_learns_numbers_from_results_whatever_comes_first() -> None:
    placer, filler = _number("PLAC", "P1"), _number("FILL", "F1")
    told = [
        _Message("ORM^O01", _order(1, "active", placer, authored="2026-03-01")),
        _Message("ORU^R01", _order(2, "unknown", placer, filler)),
    ]
    for order in ([0, 1], [1, 0]):
        (shown,) = _shown(_ran(told, order))
        request = shown.service_request
        assert (request.status, request.authored_on) == ("active", "2026-03-01")
        assert list(request.identifiers) == [placer, filler]


@pytest.mark.parametrize("settled", ["completed", "revoked", "entered-in-error"])
def test_an_order_that_is_settled_is_not_opened_again(settled: str) -> None:
    told = [
        _Message("ORM^O01", _order(1, "active")),
        _Message("ORU^R01", _order(2, settled)),
        _Message("ORM^O01", _order(3, "active", authored="2026-03-03")),
    ]
    for order in itertools.permutations(range(3)):
        (shown,) = _shown(_ran(told, order))
        assert shown.service_request.status == settled
        assert shown.service_request.authored_on == "2026-03-03"


_events = st.builds(
    lambda event, day: _Message(f"ADT^{event}", _stay(event, day)),
    st.sampled_from(sorted(_STATUS)),
    st.integers(1, 9),
)
_orders = st.builds(
    lambda trigger, day, status, numbers: _Message(trigger, _order(day, status, *numbers)),
    st.sampled_from(["ORM^O01", "ORU^R01"]),
    st.integers(1, 9),
    st.sampled_from(["unknown", "active", "on-hold", "completed", "revoked"]),
    st.lists(st.sampled_from([_number("FILL", "F1"), _number("FILL", "F2")]), max_size=2),
)


@given(
    st.lists(st.one_of(_events, _orders), min_size=1, max_size=8).flatmap(
        lambda messages: st.tuples(st.just(messages), st.permutations(range(len(messages))))
    ),
    st.integers(0, 8),
)
def test_the_same_messages_give_the_same_stays_and_orders(
    both: tuple[list[_Message], list[int]], cut: int
) -> None:
    """In any order, and where a part of them is taken over from another record."""
    messages, order = both
    whole = _shown(_ran(messages, list(range(len(messages)))))
    assert _shown(_ran(messages, order)) == whole
    left, survivor = _ran(messages, order[:cut]), _ran(messages, order[cut:])
    survivor.estates["prior"] = dict(left.held)
    survivor.absorb("prior", "message")
    assert _shown(survivor) == whole


def test_a_replay_of_all_messages_changes_nothing() -> None:
    messages = [*_stays("A01", "A03", "A11", "A08"), _Message("ORM^O01", _order(1, "active"))]
    chart = Chart()
    for attempt in (1, 2):
        for at, message in enumerate(messages):
            chart.take(message.resource, receipt=at + 1, trigger=message.trigger)
        if attempt == 1:
            before = _shown(chart.record)
    assert _shown(chart.record) == before
