"""What a record emits for each message. Which version wins: test_records_survivorship."""

import pytest
from google.protobuf.message import Message

from plexus.actors import run_turn
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.parts_pb2 import (
    AdoptionParts,
    CanonicalEventParts,
    ResolvedEventParts,
)
from plexus.api.records.v1.records_pb2 import Adoption, ChangedEvent, Disposition
from plexus.errors import InvalidMessage
from services.records.actors import Arrival, PersonRecord
from services.records.domain import Record, place_of
from tests.unit.records.records_material import (
    ANNA,
    BERT,
    CORA,
    TENANT,
    Chart,
    envelope_of,
    merge,
    person,
    person_key,
    resolved,
    result,
)

CREATED = Disposition.DISPOSITION_CREATED
UPDATED = Disposition.DISPOSITION_UPDATED
UNCHANGED = Disposition.DISPOSITION_UNCHANGED
SUPERSEDED = Disposition.DISPOSITION_SUPERSEDED


def test_every_message_is_told_with_what_became_of_each_resource() -> None:
    chart = Chart()
    first = chart.take(result("preliminary", time="2026-03-01"))
    second = chart.take(result("final", time="2026-03-02"), result(key="other"))
    same = chart.take(result("final", time="2026-03-02"))
    late = chart.take(result("preliminary", time="2026-02-01"))
    told = [
        [(each.disposition, each.version) for each in changed.resources]
        for changed in (first, second, same, late)
    ]
    assert told == [
        [(CREATED, 1)],
        [(UPDATED, 2), (CREATED, 1)],
        [(UNCHANGED, 2)],
        [(SUPERSEDED, 2)],
    ]


def test_what_is_told_names_the_person_the_event_and_where_each_value_comes_from() -> None:
    chart = Chart()
    envelope = envelope_of(resolved([result(time="2026-03-02")]))
    turn = chart.turn(envelope)
    ((stream, emitted),) = turn.outputs
    changed = ChangedEvent.FromString(emitted.payload)
    assert (stream, emitted.kind) == ("changed", PayloadKind.PAYLOAD_KIND_CHANGED)
    assert emitted.key == envelope.key
    assert (changed.person_id, changed.trigger) == (ANNA, "ADT^A08")
    assert (changed.kind, changed.event_time) == (EventKind.EVENT_KIND_UPSERT, "2026-03-01")
    origin = changed.resources[0].resource.origin
    assert (origin.message_id, origin.time) == (envelope.message_id, "2026-03-02")


def test_a_deleted_resource_is_told_as_deleted() -> None:
    chart = Chart()
    chart.take(result(time="2026-03-01"))
    gone = result(time="2026-03-02")
    gone.deleted = True
    (told,) = chart.take(gone).resources
    assert told.resource.deleted
    assert told.disposition == UPDATED


@pytest.mark.parametrize("wrong", [Resource(key="k"), result(key=""), result(key="a\0b")])
def test_a_resource_that_cannot_be_kept_is_poison(wrong: Resource) -> None:
    with pytest.raises(InvalidMessage):
        Chart().take(wrong)


def test_a_long_key_has_a_short_place_of_its_own() -> None:
    long, longer = "k" * 501, "k" * 502
    assert place_of("k" * 500) == "k" * 500
    assert len(place_of(long)) < 200
    assert place_of(long) != place_of(longer)


def test_a_record_that_goes_under_hands_over_and_says_nothing_itself() -> None:
    chart = Chart(BERT)
    chart.take(result())
    told = merge(BERT, ANNA, [person("Quill")])
    told.event.subject.add(value="1")
    ((stream, emitted),) = chart.turn(envelope_of(told)).outputs
    adoption = Adoption.FromString(emitted.payload)
    assert (stream, emitted.kind) == ("resolved", PayloadKind.PAYLOAD_KIND_ADOPTION)
    assert emitted.key == person_key(TENANT, ANNA)
    assert (adoption.person_id, adoption.from_person_id) == (ANNA, BERT)
    assert adoption.event == told.event
    assert chart.record.merged_into == ANNA


def test_a_record_that_went_under_is_frozen_and_hands_on_what_comes_late() -> None:
    chart = Chart(BERT)
    chart.take(result("preliminary", time="2026-01-01"))
    chart.turn(envelope_of(merge(BERT, ANNA)))
    before = dict(chart.record.held)
    turn = chart.turn(envelope_of(resolved([result("final", time="2026-02-01")], person_id=BERT)))
    ((stream, emitted),) = turn.outputs
    assert (stream, emitted.key) == ("resolved", person_key(TENANT, ANNA))
    assert chart.record.held == before


def test_an_adoption_that_reaches_a_record_that_went_under_moves_on_to_its_survivor() -> None:
    chart = Chart(BERT)
    chart.turn(envelope_of(merge(BERT, ANNA)))
    event = merge(CORA, BERT, [result()]).event
    turn = chart.turn(envelope_of(Adoption(person_id=BERT, from_person_id=CORA, event=event)))
    adoption = Adoption.FromString(turn.outputs[0][1].payload)
    assert (adoption.person_id, adoption.from_person_id) == (ANNA, CORA)
    assert adoption.event == event


def _handed_over(*left: Resource) -> Chart:
    """Anna's record, about to take over Bert's, in which `left` lies."""
    prior, chart = Chart(BERT), Chart(ANNA)
    prior.take(*left)
    chart.record.estates[BERT] = dict(prior.record.held)
    return chart


def test_a_survivor_takes_over_what_was_left_and_tells_whom_it_absorbed() -> None:
    chart = _handed_over(result("final", time="2026-02-01"), result(key="only Bert's"))
    chart.take(result("preliminary", time="2026-01-01"))
    adoption = Adoption(
        person_id=ANNA, from_person_id=BERT, event=merge(BERT, ANNA, [person("Quill")]).event
    )
    turn = chart.turn(envelope_of(adoption))
    changed = ChangedEvent.FromString(turn.outputs[0][1].payload)
    assert list(changed.absorbed_person_ids) == [BERT]
    told = {each.resource.key: each for each in changed.resources}
    assert told["Observation|K"].resource.observation.status == "final"
    assert told["Observation|K"].version == 2
    assert told["only Bert's"].disposition == CREATED
    assert changed.person.resource.person.names[0].family == "Quill"


def test_a_survivor_keeps_its_own_newer_value() -> None:
    chart = _handed_over(result("preliminary", time="2026-01-01"))
    chart.take(result("final", time="2026-02-01"))
    event = merge(BERT, ANNA).event
    turn = chart.turn(envelope_of(Adoption(person_id=ANNA, from_person_id=BERT, event=event)))
    (told,) = ChangedEvent.FromString(turn.outputs[0][1].payload).resources
    assert told.resource.observation.status == "final"
    assert told.disposition == SUPERSEDED


def test_a_late_message_takes_over_nothing_a_second_time() -> None:
    chart = _handed_over(result("final"))
    event = merge(BERT, ANNA).event
    chart.turn(envelope_of(Adoption(person_id=ANNA, from_person_id=BERT, event=event)))
    late = Adoption(person_id=ANNA, from_person_id=BERT, event=resolved([result(key="late")]).event)
    turn = chart.turn(envelope_of(late))
    changed = ChangedEvent.FromString(turn.outputs[0][1].payload)
    assert [each.resource.key for each in changed.resources] == ["late"]
    assert not changed.absorbed_person_ids


def test_what_is_told_of_a_huge_takeover_is_bounded_and_the_record_is_whole() -> None:
    big = [result("x" * 1_000_000, key=str(at)) for at in range(6)]
    chart = _handed_over(*big)
    event = merge(BERT, ANNA).event
    turn = chart.turn(envelope_of(Adoption(person_id=ANNA, from_person_id=BERT, event=event)))
    payload = turn.outputs[0][1].payload
    assert len(payload) < 5 * 1024 * 1024
    assert len(ChangedEvent.FromString(payload).resources) == 4
    assert len(chart.record.held) == 6


@pytest.mark.parametrize(("tells", "told"), [(True, ["blue"]), (False, [])])
def test_the_residue_is_handed_on_where_it_is_to_be_told(tells: bool, told: list[str]) -> None:
    message = resolved([person()])
    message.event.residue.add(location="ZPI[1]-2[1].1.1", value="blue")
    envelope = envelope_of(message)
    actor = PersonRecord(Record(TENANT, ANNA), person_key, tells_residue=tells)
    ((_, emitted),) = run_turn(actor, Arrival.read(envelope), envelope).outputs
    changed = ChangedEvent.FromString(emitted.payload)
    assert [each.value for each in changed.residue] == told


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (ResolvedEventParts, ResolvedEvent),
        (AdoptionParts, Adoption),
        (CanonicalEventParts, CanonicalEvent),
    ],
)
def test_what_is_read_of_a_message_has_the_numbers_that_it_has_there(
    parts: type[Message], whole: type[Message]
) -> None:
    there = {field.name: field.number for field in whole.DESCRIPTOR.fields}
    here = {field.name: field.number for field in parts.DESCRIPTOR.fields}
    assert here.items() <= there.items()
