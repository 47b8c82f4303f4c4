"""Visits that move from one record to another, on a real PostgreSQL: what goes along, and what comes late."""

import uuid
from collections.abc import Sequence

from plexus.api.canonical.v1.datatypes_pb2 import Origin, Reference
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.canonical.v1.resources_pb2 import Account, Encounter, Name, Observation, Resource
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure, render_bundle
from plexus.store import Database
from services.records.store import RecordReader
from tests.integration.records.records_stage import Replica
from tests.unit.records.records_material import (
    ADT,
    ANNA,
    BERT,
    CORA,
    TENANT,
    envelope_of,
    merge,
    person,
    resolved,
)

OLD = "Encounter|NORTH|V1"
NEW = "Encounter|NORTH|V9"
ALIKE = "Encounter|NORTH|V10"


def stay(key: str = OLD, day: int = 1, status: str = "in-progress", *, was: str = "") -> Resource:
    made = Resource(
        key=key,
        origin=Origin(source=ADT, time=f"2026-03-{day:02}"),
        encounter=Encounter(status=status),
    )
    if was:
        made.names.extend([Name(key=key), Name(key=was, precedence=1)])
    return made


def finding(name: str, visit: str = OLD, *, of: str = "", day: int = 1) -> Resource:
    """A result of a visit, or one that follows from another result."""
    made = Resource(
        key=f"Observation|{name}",
        origin=Origin(source=ADT, time=f"2026-03-{day:02}"),
        observation=Observation(status="final"),
    )
    if of:
        made.observation.derived_from.add(type="Observation", key=f"Observation|{of}")
    else:
        made.observation.encounter.CopyFrom(Reference(type="Encounter", key=visit))
    return made


def move(*resources: Resource, day: int = 5, giver: str = ANNA, taker: str = BERT) -> ResolvedEvent:
    message = resolved(
        resources, person_id=giver, kind=EventKind.EVENT_KIND_MOVE, trigger="ADT^A45"
    )
    message.other_person_id = taker
    message.event.event_time = f"2026-03-{day:02}"
    message.event.moved.add(type="Encounter", key=OLD)
    return message


async def held(database: Database, person_id: str) -> set[str]:
    async with database.connection() as connection:
        found, _ = await RecordReader(connection).resources(TENANT, uuid.UUID(person_id), "", 100)
    return {each.resource.key for each in found if not each.resource.deleted}


def keys(changed: ChangedEvent) -> set[str]:
    return {each.resource.key for each in changed.resources if not each.resource.deleted}


async def started(database: Database, resources: Sequence[Resource]) -> Replica:
    replica = Replica(database)
    await replica.take(
        envelope_of(resolved([person("Quill"), *resources])),
        envelope_of(resolved([person("Inkwell", number="2")], person_id=BERT)),
    )
    return replica


async def test_a_visit_goes_with_its_results_and_what_follows_from_them(
    records_db: Database,
) -> None:
    replica = await started(
        records_db,
        [stay(), finding("A"), finding("B", of="A"), stay(ALIKE), finding("C", ALIKE)],
    )
    (changed,) = await replica.settled(envelope_of(move(stay(day=5, status="finished"))))
    assert (changed.person_id, changed.moved_from_person_id) == (BERT, ANNA)
    assert not changed.absorbed_person_ids
    assert keys(changed) == {OLD, "Observation|A", "Observation|B"}
    assert await held(records_db, BERT) == {OLD, "Observation|A", "Observation|B"}
    assert await held(records_db, ANNA) == {ALIKE, "Observation|C"}


async def test_receivers_are_told_whose_visit_it_is_now_and_nothing_is_deleted(
    records_db: Database,
) -> None:
    replica = await started(records_db, [stay(), finding("A")])
    (changed,) = await replica.settled(envelope_of(move(stay(day=5))))
    bundle = render_bundle(changed, tenant=TENANT, message_id="m")
    entries = bundle["entry"]
    assert isinstance(entries, list)
    assert {entry["request"]["method"] for entry in entries} == {"PUT"}
    (patient,) = [e for e in entries if e["resource"]["resourceType"] == "Patient"]
    subjects = {
        entry["resource"]["subject"]["reference"] for entry in entries if entry is not patient
    }
    assert subjects == {patient["fullUrl"]}
    assert Disclosure(changed.SerializeToString(), tenant=TENANT).is_merge


async def test_a_visit_that_gets_another_number_is_found_by_it(records_db: Database) -> None:
    replica = await started(records_db, [stay(), finding("A")])
    moved = move(stay(NEW, day=5, was=OLD))
    (changed,) = await replica.settled(envelope_of(moved))
    assert keys(changed) == {NEW, "Observation|A"}
    (told,) = [each.resource for each in changed.resources if each.resource.key == "Observation|A"]
    assert told.observation.encounter.key == NEW
    assert await held(records_db, BERT) == {NEW, "Observation|A"}


async def test_what_comes_late_of_the_visit_undoes_no_move_and_is_told_to_nobody(
    records_db: Database,
) -> None:
    replica = await started(records_db, [stay(), finding("A")])
    await replica.settled(envelope_of(move(stay(day=5))))
    late = envelope_of(resolved([stay(day=3), finding("A", day=3)]))
    (changed,) = await replica.settled(late)
    assert changed.person_id == ANNA
    assert not changed.resources
    assert await held(records_db, ANNA) == set()
    assert await held(records_db, BERT) == {OLD, "Observation|A"}


async def test_a_move_of_a_visit_that_has_not_come_yet_holds_when_it_comes(
    records_db: Database,
) -> None:
    replica = await started(records_db, [])
    await replica.settled(envelope_of(move(stay(day=5))))
    await replica.settled(envelope_of(resolved([stay(day=3)])))
    assert await held(records_db, ANNA) == set()
    assert await held(records_db, BERT) == {OLD}


async def test_an_account_moves_also_before_it_has_come(records_db: Database) -> None:
    replica = await started(records_db, [])

    def account(day: int) -> Resource:
        return Resource(
            key="Account|NORTH|A1",
            origin=Origin(source=ADT, time=f"2026-03-{day:02}"),
            account=Account(status="active"),
        )

    moved = move(account(5))
    moved.event.moved[0].CopyFrom(Reference(type="Account", key="Account|NORTH|A1"))
    (changed,) = await replica.settled(envelope_of(moved))
    assert (changed.person_id, changed.moved_from_person_id) == (BERT, ANNA)
    assert await held(records_db, BERT) == {"Account|NORTH|A1"}
    await replica.settled(envelope_of(resolved([account(3)])))
    assert await held(records_db, ANNA) == set()
    await replica.settled(envelope_of(resolved([account(7)])))
    assert await held(records_db, ANNA) == {"Account|NORTH|A1"}


async def test_a_move_told_again_changes_nothing(records_db: Database) -> None:
    replica = await started(records_db, [stay(), finding("A")])
    again = move(stay(day=5))
    await replica.settled(envelope_of(again))
    (changed,) = await replica.settled(envelope_of(again))
    assert changed.person_id == BERT
    assert await held(records_db, BERT) == {OLD, "Observation|A"}
    assert await held(records_db, ANNA) == set()


async def test_who_has_gone_under_hands_nothing_over_and_who_stands_for_them_does(
    records_db: Database,
) -> None:
    replica = await started(records_db, [stay(), finding("A")])
    await replica.settled(envelope_of(merge(ANNA, CORA)))
    (changed,) = await replica.settled(envelope_of(move(stay(day=5))))
    assert (changed.person_id, changed.moved_from_person_id) == (BERT, CORA)
    assert await held(records_db, BERT) == {OLD, "Observation|A"}
    assert await held(records_db, CORA) == set()


async def test_who_takes_and_has_gone_under_leaves_it_to_who_stands_for_them(
    records_db: Database,
) -> None:
    replica = await started(records_db, [stay(), finding("A")])
    await replica.settled(envelope_of(merge(BERT, CORA)))
    (changed,) = await replica.settled(envelope_of(move(stay(day=5))))
    assert (changed.person_id, changed.moved_from_person_id) == (CORA, ANNA)
    assert not changed.absorbed_person_ids
    assert await held(records_db, CORA) == {OLD, "Observation|A"}
    assert await held(records_db, ANNA) == set()
