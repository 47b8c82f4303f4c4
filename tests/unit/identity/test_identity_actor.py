"""What identity makes of events, over an index in memory. Locks and tables: tests/integration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.audit.v1.audit_pb2 import Outcome
from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.api.identity.v1.identity_pb2 import MatchKind
from plexus.errors import InvalidMessage, Reason
from services.identity.actors import Arrival
from tests.unit.identity.identity_material import (
    NORTH,
    TENANT,
    WEST,
    Desk,
    envelope_of,
    number,
    person_key,
)


def test_an_unknown_identifier_makes_a_person_and_a_known_one_finds_it() -> None:
    desk = Desk()
    first, _ = desk.take(envelope_of([number("1")]))
    second, _ = desk.take(envelope_of([number("1")]))
    assert first.match == MatchKind.MATCH_KIND_NEW_PERSON
    assert second.match == MatchKind.MATCH_KIND_IDENTIFIER
    assert second.person_id == first.person_id
    assert desk.actor.results == {"new_person": 1, "identifier": 1}


def test_the_event_is_handed_on_whole_under_the_key_of_its_person() -> None:
    envelope = envelope_of([number("1")])
    resolved, turn = Desk().take(envelope)
    ((stream, emitted),) = turn.outputs
    assert stream == "resolved"
    assert emitted.kind == PayloadKind.PAYLOAD_KIND_RESOLVED
    assert emitted.key == person_key(TENANT, resolved.person_id)
    assert resolved.event == CanonicalEvent.FromString(envelope.payload)


def test_the_same_number_of_another_authority_or_tenant_is_somebody_else() -> None:
    desk = Desk()
    north = desk.person(number("1"))
    assert desk.person(number("1", WEST)) != north
    assert desk.person(number("1"), tenant="other") != north


def test_a_new_identifier_beside_a_known_one_leads_to_the_same_person() -> None:
    desk = Desk()
    person = desk.person(number("1"))
    assert desk.person(number("7", WEST), number("1")) == person
    assert desk.person(number("7", WEST)) == person


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_bare_namespace_and_one_with_universal_id_are_the_same_authority(
    order: tuple[int, int],
) -> None:
    told = [number("1", ("NORTH", "")), number("1", NORTH)]
    desk = Desk()
    assert desk.person(told[order[0]]) == desk.person(told[order[1]])


def test_one_namespace_of_two_universal_ids_is_two_authorities() -> None:
    desk = Desk()
    first = desk.person(number("1", ("HOSP", "2.999.7")))
    second = desk.person(number("1", ("HOSP", "2.999.8")))
    assert first != second
    assert desk.person(number("1", ("HOSP", "2.999.7"))) == first
    assert desk.person(number("1", ("HOSP", "2.999.8"))) == second
    with pytest.raises(InvalidMessage) as caught:
        desk.person(number("1", ("HOSP", "")))
    assert caught.value.reason == Reason.REASON_IDENTIFIER_CONFLICT


def test_identifiers_of_two_persons_merge_nobody_and_the_first_decides() -> None:
    desk = Desk()
    first, second = desk.person(number("1")), desk.person(number("2"))
    resolved, turn = desk.take(envelope_of([number("2"), number("1")]))
    assert resolved.person_id == second
    assert turn.outcome == Outcome.OUTCOME_PASSED
    assert turn.reason == Reason.REASON_IDENTIFIER_CONFLICT
    assert {each.other_person for each in desk.index.conflicts} == {first}
    assert desk.person(number("1")) == first


@pytest.mark.parametrize("subject", [[], [number("0000")], [number("4711", type_code="SS")]])
def test_an_event_that_names_nobody_is_refused(subject: list[Identifier]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Desk().take(envelope_of(subject))
    assert caught.value.reason == Reason.REASON_NO_IDENTIFIER


def test_an_event_without_kind_and_a_message_of_another_stream_are_refused() -> None:
    envelope = envelope_of([number("1")])
    envelope.payload = CanonicalEvent(subject=[number("1")]).SerializeToString()
    with pytest.raises(InvalidMessage):
        Desk().take(envelope)
    envelope.kind = PayloadKind.PAYLOAD_KIND_RAW
    with pytest.raises(InvalidMessage):
        Arrival.read(envelope)


def test_a_merge_of_two_known_persons_goes_to_the_one_that_goes_under() -> None:
    desk = Desk()
    survivor, prior = desk.person(number("1")), desk.person(number("2"), number("3"))
    resolved, turn = desk.take(envelope_of([number("1")], [number("2")]))
    assert (resolved.person_id, resolved.merged_into) == (prior, survivor)
    assert resolved.match == MatchKind.MATCH_KIND_MERGE
    assert turn.outputs[0][1].key == person_key(TENANT, prior)
    assert desk.person(number("2")) == survivor
    assert desk.person(number("3")) == survivor


def test_a_merge_keeps_what_every_link_was_before() -> None:
    desk = Desk()
    survivor, prior = desk.person(number("1")), desk.person(number("2"), number("3"))
    desk.take(envelope_of([number("1")], [number("2")]))
    merged = [each for each in desk.index.events if each.kind == "merge"]
    assert {each.name.value for each in merged} == {"2", "3"}
    assert {(each.from_person, each.to_person) for each in merged} == {(prior, survivor)}


def test_a_prior_that_nobody_knew_leads_to_the_survivor_from_then_on() -> None:
    desk = Desk()
    survivor = desk.person(number("1"))
    resolved, _ = desk.take(envelope_of([number("1")], [number("2")]))
    assert (resolved.person_id, resolved.merged_into) == (survivor, "")
    assert desk.person(number("2")) == survivor


def test_a_survivor_that_nobody_knew_takes_the_prior_person_as_it_is() -> None:
    desk = Desk()
    prior = desk.person(number("2"))
    resolved, _ = desk.take(envelope_of([number("1")], [number("2")]))
    assert (resolved.person_id, resolved.merged_into) == (prior, "")
    assert desk.person(number("1")) == prior


def test_a_merge_of_two_unknown_sides_makes_one_person() -> None:
    desk = Desk()
    resolved, _ = desk.take(envelope_of([number("1")], [number("2")]))
    assert resolved.match == MatchKind.MATCH_KIND_NEW_PERSON
    assert desk.person(number("1")) == desk.person(number("2")) == resolved.person_id


def test_a_merge_with_itself_repeated_or_inverse_is_a_plain_event_of_the_survivor() -> None:
    desk = Desk()
    survivor = desk.person(number("1"))
    desk.person(number("2"))
    desk.take(envelope_of([number("1")], [number("2")]))
    for subject, prior in (("1", "2"), ("2", "1"), ("1", "1")):
        resolved, _ = desk.take(envelope_of([number(subject)], [number(prior)]))
        assert (resolved.person_id, resolved.merged_into) == (survivor, "")


def test_a_chain_of_merges_leads_to_its_root() -> None:
    desk = Desk()
    root = desk.person(number("1"))
    desk.person(number("2"))
    desk.person(number("3"))
    desk.take(envelope_of([number("2")], [number("3")]))
    desk.take(envelope_of([number("1")], [number("2")]))
    assert [desk.person(number(each)) for each in "123"] == [root] * 3


def test_a_merge_whose_prior_numbers_name_two_persons_merges_the_first_only() -> None:
    desk = Desk()
    survivor, first, second = (desk.person(number(each)) for each in "123")
    resolved, turn = desk.take(envelope_of([number("1")], [number("2"), number("3")]))
    assert (resolved.person_id, resolved.merged_into) == (first, survivor)
    assert turn.reason == Reason.REASON_IDENTIFIER_CONFLICT
    assert desk.person(number("3")) == second


_numbers = st.lists(st.sampled_from("12345"), min_size=1, max_size=3, unique=True)


@given(st.lists(st.tuples(_numbers, st.one_of(st.just([]), _numbers)), max_size=12))
def test_no_number_ever_leads_to_a_person_that_was_merged(
    messages: list[tuple[list[str], list[str]]],
) -> None:
    desk = Desk()
    under: set[str] = set()
    for subject, prior in messages:
        resolved, _ = desk.take(
            envelope_of([number(each) for each in subject], [number(each) for each in prior])
        )
        if resolved.merged_into:
            under.add(resolved.person_id)
        assert resolved.merged_into not in under
        for name in {each.name for each in desk.index.events}:
            assert desk.index[name].person_id not in under


@given(st.lists(st.tuples(_numbers, st.one_of(st.just([]), _numbers)), max_size=8))
def test_hearing_the_same_messages_again_makes_no_new_person(
    messages: list[tuple[list[str], list[str]]],
) -> None:
    desk = Desk()
    envelopes = [
        envelope_of([number(each) for each in subject], [number(each) for each in prior])
        for subject, prior in messages
    ]
    for envelope in envelopes:
        desk.take(envelope)
    for envelope in envelopes:
        resolved, _ = desk.take(envelope)
        assert resolved.match != MatchKind.MATCH_KIND_NEW_PERSON
