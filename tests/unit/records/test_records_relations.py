"""What a record keeps of persons that are linked with it. Who is linked: tests/unit/identity."""

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent
from tests.unit.records.records_material import BERT, CORA, Chart, envelope_of, person, resolved

LINK = EventKind.EVENT_KIND_LINK
UNLINK = EventKind.EVENT_KIND_UNLINK


def related(other: str, kind: EventKind.ValueType, family: str = "Lean") -> ResolvedEvent:
    message = resolved([person(family, time="2026-04-01")], kind=kind, trigger="ADT^A24")
    message.other_person_id = other
    return message


def told(chart: Chart, message: ResolvedEvent) -> ChangedEvent:
    ((_, emitted),) = chart.turn(envelope_of(message)).outputs
    return ChangedEvent.FromString(emitted.payload)


def test_a_link_is_told_with_every_later_event_until_it_is_taken_back() -> None:
    chart = Chart()
    assert list(told(chart, related(BERT, LINK)).linked_person_ids) == [BERT]
    assert list(told(chart, related(CORA, LINK)).linked_person_ids) == [BERT, CORA]
    assert list(chart.take(person("Quill")).linked_person_ids) == [BERT, CORA]
    assert list(told(chart, related(BERT, UNLINK)).linked_person_ids) == [CORA]
    assert list(told(chart, related(BERT, UNLINK)).linked_person_ids) == [CORA]


def test_a_link_absorbs_nobody() -> None:
    changed = told(Chart(), related(BERT, LINK))
    assert not changed.absorbed_person_ids


def test_what_a_link_says_of_the_person_replaces_nothing_that_the_source_has_said() -> None:
    chart = Chart()
    chart.take(person("Quill", time="2026-03-01"))
    told(chart, related(BERT, LINK))
    assert chart.golden.person.names[0].family == "Quill"
