"""Orders and reports under several numbers. How numbers become names: tests/unit/transform/test_numbers."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Origin
from plexus.api.canonical.v1.resources_pb2 import Resource, ServiceRequest
from services.records.actors import Arrival
from services.records.domain import Record, Slot, places_of
from tests.unit.records.orders_material import OrderMessage, key_of, living
from tests.unit.records.records_material import ANNA, BERT, LAB, Chart, envelope_of, merge, resolved


def _take(chart: Chart, message: OrderMessage, receipt: int) -> list[Resource]:
    changed = chart.take(*message.resources, receipt=receipt, trigger=message.trigger)
    return [each.resource for each in changed.resources]


def _ran(messages: Sequence[OrderMessage], order: Sequence[int]) -> Record:
    chart = Chart()
    for at in order:
        _take(chart, messages[at], at + 1)
    return chart.record


def test_three_messages_with_other_numbers_each_are_one_order_and_one_report() -> None:
    messages = [
        OrderMessage("P", 1, is_result=False),
        OrderMessage("PF", 2, is_result=True, status="preliminary"),
        OrderMessage("F", 3, is_result=True, status="final"),
    ]
    for order in itertools.permutations(range(3)):
        shown = living(_ran(messages, order))
        order_key, report_key = key_of("ServiceRequest", "P"), key_of("DiagnosticReport", "F")
        assert sorted(each.WhichOneof("content") or "" for each in shown.values()) == [
            "diagnostic_report",
            "observation",
            "service_request",
        ]
        assert shown[order_key].service_request.status == "active"
        report = shown[report_key].diagnostic_report
        assert report.status == "final"
        assert report.based_on[0].key == order_key
        result = shown[report.results[0].key].observation
        assert (result.status, result.based_on[0].key) == ("final", order_key)


def test_a_number_that_was_learnt_is_told_under_the_key_that_receivers_know() -> None:
    chart = Chart()
    _take(chart, OrderMessage("PF", 1, is_result=True), 1)
    told = _take(chart, OrderMessage("F", 2, is_result=True), 2)
    assert [each.key for each in told[:2]] == [
        key_of("ServiceRequest", "P"),
        key_of("DiagnosticReport", "F"),
    ]
    assert told[2].observation.based_on[0].key == key_of("ServiceRequest", "P")
    assert not any(each.deleted for each in told)


@pytest.mark.parametrize("numbers", ["P", "F", "A", "PF", "FA", "PFA"])
def test_what_a_new_order_may_meet_is_known_before_its_turn(numbers: str) -> None:
    """So that it is loaded with the rest, and the turn need not be taken again."""
    message, chart = OrderMessage(numbers, 1, is_result=True), Chart()
    envelope = envelope_of(resolved(message.resources, trigger=message.trigger))
    chart.turn(envelope)
    known = set[Slot]()
    for said in Arrival.read(envelope).said:
        known.update([said.slot, *places_of(said)])
    assert chart.record.wanted <= known


def test_what_turns_out_to_be_one_is_joined_and_receivers_are_told() -> None:
    chart = Chart()
    _take(chart, OrderMessage("F", 1, is_result=True), 1)
    _take(chart, OrderMessage("P", 2, is_result=False), 2)
    told = _take(chart, OrderMessage("PF", 3, is_result=False), 3)
    assert {each.key for each in told if each.deleted} == {key_of("ServiceRequest", "F")}
    referring = [each for each in told if each.WhichOneof("content") == "observation"]
    assert referring[0].observation.based_on[0].key == key_of("ServiceRequest", "P")
    again = _take(chart, OrderMessage("F", 4, is_result=False), 4)
    assert [each.key for each in again] == [key_of("ServiceRequest", "P")]


def test_a_report_that_gets_its_number_later_takes_its_results_along() -> None:
    chart = Chart()
    _take(chart, OrderMessage("P", 1, is_result=True, status="preliminary"), 1)
    told = _take(chart, OrderMessage("PF", 2, is_result=True), 2)
    assert sorted(each.WhichOneof("content") or "" for each in told if each.deleted) == [
        "diagnostic_report",
        "observation",
    ]
    shown = living(chart.record)
    assert len(shown) == 3
    assert shown[key_of("DiagnosticReport", "F")].diagnostic_report.status == "final"


def test_two_placer_numbers_with_one_filler_number_stay_two_orders() -> None:
    chart = Chart()
    for day, placer in enumerate(("P1", "P2"), 1):
        request = Resource(
            key=key_of("ServiceRequest", placer),
            origin=Origin(source=LAB, time=f"2026-03-0{day}"),
            service_request=ServiceRequest(status="active", authored_on=placer),
        )
        request.names.add(key=request.key, precedence=0)
        request.names.add(key=key_of("ServiceRequest", "F"), precedence=1)
        chart.take(request, trigger="ORM^O01")
    assert set(living(chart.record)) == {
        key_of("ServiceRequest", "P1"),
        key_of("ServiceRequest", "P2"),
    }
    told = _take(chart, OrderMessage("F", 3, is_result=False), 9)
    assert [each.key for each in told] == [key_of("ServiceRequest", "P2")]


@pytest.mark.parametrize("linked_first", [True, False])
def test_a_takeover_joins_what_one_record_knew_by_another_number(linked_first: bool) -> None:
    linked, bare = OrderMessage("PF", 1, is_result=False), OrderMessage("F", 2, is_result=True)
    mine, theirs = (linked, bare) if linked_first else (bare, linked)
    prior, survivor = Chart(BERT), Chart(ANNA)
    _take(survivor, mine, 1)
    _take(prior, theirs, 2)
    survivor.record.estates[BERT] = dict(prior.record.held)
    prior.turn(envelope_of(merge(BERT, ANNA)))
    late = prior.turn(envelope_of(resolved([], person_id=BERT))).outputs[0][1]
    survivor.turn(late)
    assert set(living(survivor.record)) == set(living(_ran([linked, bare], [0, 1])))


_messages = st.lists(
    st.builds(
        OrderMessage,
        numbers=st.sampled_from(["P", "F", "A", "PF", "PA", "FA", "PFA"]),
        day=st.integers(1, 5),
        is_result=st.booleans(),
        status=st.sampled_from(["preliminary", "final", "corrected"]),
    ),
    min_size=1,
    max_size=6,
)


@given(
    _messages.flatmap(
        lambda messages: st.tuples(st.just(messages), st.permutations(range(len(messages))))
    )
)
def test_the_same_messages_give_the_same_orders_whichever_numbers_come_first(
    both: tuple[list[OrderMessage], list[int]],
) -> None:
    messages, order = both
    assert living(_ran(messages, order)) == living(_ran(messages, range(len(messages))))


@given(_messages)
def test_a_replay_joins_and_renames_nothing_again(messages: list[OrderMessage]) -> None:
    chart = Chart()
    for at, message in enumerate(messages):
        _take(chart, message, at + 1)
    before = living(chart.record)
    for at, message in enumerate(messages):
        told = _take(chart, message, at + 1)
        assert not any(each.deleted for each in told)
    assert living(chart.record) == before
