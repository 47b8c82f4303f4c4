"""An event as if a record held just this. Out of scope: the RPCs that show it (`test_preview`)."""

from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_MERGE, CanonicalEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent, Disposition
from services.transform.domain.preview import as_recorded, person_of


def _event() -> CanonicalEvent:
    event = CanonicalEvent(trigger="ADT^A40", kind=EVENT_KIND_MERGE, event_time="2026-03-05")
    event.subject.add(value="1")
    event.prior.add(value="2")
    event.resources.add(key="Encounter|1").encounter.status = "finished"
    event.resources.add(key="Person|0").person.gender = "male"
    event.resources.add(key="Person|1").person.gender = "female"
    # More than what one byte of length can tell.
    event.resources.add(key="Location|1").location.name = "ward " * 50
    return event


def test_what_is_recorded_is_a_changed_event_of_all_resources() -> None:
    event = _event()
    changed = ChangedEvent.FromString(as_recorded(event, tenant="t"))
    assert (changed.trigger, changed.kind, changed.event_time) == (
        event.trigger,
        event.kind,
        event.event_time,
    )
    assert changed.person_id == person_of(event.subject, tenant="t")
    assert list(changed.absorbed_person_ids) == [person_of(event.prior, tenant="t")]
    assert [each.resource for each in changed.resources] == [
        each for each in event.resources if each.WhichOneof("content") != "person"
    ]
    assert {each.version for each in changed.resources} == {1}
    assert {each.disposition for each in changed.resources} == {Disposition.DISPOSITION_CREATED}


def test_the_person_that_is_told_last_is_the_person_of_the_record() -> None:
    event = _event()
    changed = ChangedEvent.FromString(as_recorded(event, tenant="t"))
    assert changed.person.resource == event.resources[2]
