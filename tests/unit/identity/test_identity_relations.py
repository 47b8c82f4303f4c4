"""Links, unlinks and moved identifiers, over an index in memory. What is stored: tests/integration."""

import pytest

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.identity.v1.identity_pb2 import MatchKind, ResolvedEvent
from plexus.errors import InvalidMessage, Reason
from tests.unit.identity.identity_material import (
    TENANT,
    WEST,
    Desk,
    envelope_of,
    number,
    person_key,
)

LINK = EventKind.EVENT_KIND_LINK
UNLINK = EventKind.EVENT_KIND_UNLINK
MOVE = EventKind.EVENT_KIND_MOVE


def related(desk: Desk, kind: EventKind.ValueType) -> ResolvedEvent:
    resolved, _ = desk.take(envelope_of([number("1")], [number("7", WEST)], kind=kind))
    return resolved


def test_linked_persons_stay_two_and_the_event_names_both() -> None:
    desk = Desk()
    one, other = desk.person(number("1")), desk.person(number("7", WEST))
    resolved = related(desk, LINK)
    assert (resolved.person_id, resolved.other_person_id) == (one, other)
    assert resolved.match == MatchKind.MATCH_KIND_IDENTIFIER
    assert not resolved.merged_into
    assert desk.person(number("7", WEST)) == other
    (relation,) = desk.index.relations
    assert (relation.person_id, relation.other_person, relation.is_same) == (one, other, True)


def test_a_link_of_unknown_numbers_makes_two_persons() -> None:
    desk = Desk()
    resolved = related(desk, LINK)
    assert desk.person(number("1")) == resolved.person_id
    assert desk.person(number("7", WEST)) == resolved.other_person_id
    assert resolved.person_id != resolved.other_person_id


def test_every_link_and_unlink_is_an_event_with_both_persons() -> None:
    desk = Desk()
    related(desk, LINK)
    related(desk, UNLINK)
    told = [
        (event.kind, event.name.value, event.from_person, event.to_person)
        for event in desk.index.events
        if event.kind in {"link", "unlink"}
    ]
    one, other = desk.person(number("1")), desk.person(number("7", WEST))
    assert told == [("link", "7", other, one), ("unlink", "7", other, one)]
    assert [each.is_same for each in desk.index.relations] == [True, False]


def test_a_link_within_one_person_says_nothing() -> None:
    desk = Desk()
    person = desk.person(number("1"), number("7", WEST))
    resolved = related(desk, LINK)
    assert (resolved.person_id, resolved.other_person_id) == (person, "")
    assert not desk.index.relations


def test_a_person_is_not_taken_apart_by_a_message() -> None:
    desk = Desk()
    desk.person(number("1"), number("7", WEST))
    with pytest.raises(InvalidMessage) as caught:
        related(desk, UNLINK)
    assert caught.value.reason == Reason.REASON_IDENTIFIER_CONFLICT
    assert caught.value.location == "PID[2]-3"


def test_the_only_number_of_a_person_moves_with_the_whole_person() -> None:
    desk = Desk()
    stays, goes = desk.person(number("1")), desk.person(number("2"))
    resolved, _ = desk.take(envelope_of([number("1")], [number("2")], kind=MOVE))
    assert (resolved.person_id, resolved.merged_into) == (goes, stays)
    assert resolved.event.kind == EventKind.EVENT_KIND_MERGE
    assert desk.person(number("2")) == stays


def test_a_number_of_a_person_with_others_does_not_move_by_itself() -> None:
    desk = Desk()
    stays, goes = desk.person(number("1")), desk.person(number("2"), number("7", WEST))
    with pytest.raises(InvalidMessage) as caught:
        desk.take(envelope_of([number("1")], [number("2")], kind=MOVE))
    assert caught.value.reason == Reason.REASON_IDENTIFIER_CONFLICT
    assert caught.value.location == "MRG-1"
    assert desk.person(number("1")) == stays
    assert desk.person(number("2")) == goes


def test_a_number_that_is_unknown_or_there_already_only_becomes_known() -> None:
    desk = Desk()
    person = desk.person(number("1"))
    for _ in range(2):
        resolved, _ = desk.take(envelope_of([number("1")], [number("2")], kind=MOVE))
        assert (resolved.person_id, resolved.merged_into) == (person, "")
    assert desk.person(number("2")) == person


def visiting(desk: Desk, *prior: Identifier) -> ResolvedEvent:
    envelope = envelope_of([number("1")], prior, kind=MOVE, trigger="ADT^A45")
    event = CanonicalEvent.FromString(envelope.payload)
    event.moved.add(type="Encounter", key="Encounter|NORTH|V1")
    envelope.payload = event.SerializeToString()
    resolved, turn = desk.take(envelope)
    ((_, emitted),) = turn.outputs
    assert emitted.key == person_key(TENANT, resolved.person_id)
    return resolved


def test_a_visit_that_moves_goes_to_the_person_that_had_it_with_the_one_that_gets_it() -> None:
    desk = Desk()
    taker, giver = desk.person(number("1")), desk.person(number("2"), number("7", WEST))
    resolved = visiting(desk, number("2"))
    assert (resolved.person_id, resolved.other_person_id) == (giver, taker)
    assert not resolved.merged_into
    assert desk.person(number("2")) == giver


def test_a_visit_of_somebody_unknown_makes_them_known() -> None:
    desk = Desk()
    resolved = visiting(desk, number("2"))
    assert desk.person(number("1")) == resolved.other_person_id
    assert desk.person(number("2")) == resolved.person_id


def test_a_visit_that_gets_another_number_of_one_person_is_no_move() -> None:
    desk = Desk()
    person = desk.person(number("1"), number("2"))
    resolved = visiting(desk, number("2"))
    assert (resolved.person_id, resolved.other_person_id) == (person, "")


def test_a_visit_of_two_persons_is_for_somebody_to_look_at() -> None:
    desk = Desk()
    desk.person(number("2"))
    desk.person(number("7", WEST))
    with pytest.raises(InvalidMessage) as caught:
        visiting(desk, number("2"), number("7", WEST))
    assert caught.value.location == "MRG-1"
