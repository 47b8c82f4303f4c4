"""Records on a real PostgreSQL: what is stored. Rules of survivorship: tests/unit/records."""

import random
import uuid

import pytest

from plexus.actors import TurnFailed
from plexus.api.canonical.v1.datatypes_pb2 import Concept, Origin
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.canonical.v1.resources_pb2 import Encounter, Practitioner, Resource
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.records.v1.records_pb2 import Adoption, Disposition
from plexus.errors import Fenced, PlexusError
from plexus.store import Database
from services.records.domain import Record, Slot
from services.records.store import Need, RecordReader, load
from tests.integration.records.records_stage import Replica
from tests.unit.records.records_material import (
    ANNA,
    BERT,
    CORA,
    LAB,
    TENANT,
    Chart,
    envelope_of,
    merge,
    person,
    resolved,
    result,
)


async def test_a_record_goes_on_where_the_last_batch_left_it(records_db: Database) -> None:
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result("preliminary", time="2026-01-01")])))
    await replica.take(envelope_of(resolved([result("final", time="2026-01-03"), person("Quill")])))
    late = envelope_of(resolved([result("corrected", time="2026-01-02")]))
    (changed,) = await replica.settled(late)
    (told,) = changed.resources
    assert told.resource.observation.status == "final"
    assert (told.version, told.disposition) == (2, Disposition.DISPOSITION_SUPERSEDED)
    assert changed.person.resource.person.names[0].family == "Quill"


@pytest.mark.parametrize("order", [[1, 2], [2, 1]])
async def test_of_two_parts_of_one_message_the_later_part_wins_whichever_was_first(
    records_db: Database, order: list[int]
) -> None:
    parts = {
        number: envelope_of(
            resolved([result(status, time="2026"), person(status, time="2026")]), receipt=7
        )
        for number, status in ((1, "preliminary"), (2, "final"))
    }
    for number in parts:
        parts[number].part = number
        parts[number].message_id = parts[1].message_id
    # Each by another replica, so that what is told is what was stored.
    for place, number in enumerate(order):
        await Replica(records_db, str(place)).take(parts[number])
    again = resolved([result("registered", time="2025"), person("registered", time="2025")])
    (changed,) = await Replica(records_db, "9").settled(envelope_of(again))
    assert changed.resources[0].resource.observation.status == "final"
    assert changed.person.resource.person.names[0].family == "final"


async def test_links_are_stored_with_the_record(records_db: Database) -> None:
    link = resolved([person("Quill")], kind=EventKind.EVENT_KIND_LINK)
    link.other_person_id = BERT
    await Replica(records_db).take(envelope_of(link))
    (changed,) = await Replica(records_db, "1").settled(envelope_of(resolved([result()])))
    assert list(changed.linked_person_ids) == [BERT]


async def test_batches_give_what_one_actor_in_memory_gives(records_db: Database) -> None:
    """The same messages, cut into batches anyhow: the stored record equals the one in memory."""
    chance = random.Random(11)
    envelopes = [
        envelope_of(
            resolved([
                result(
                    chance.choice(["preliminary", "final", "corrected"]),
                    key=f"Observation|{chance.randrange(4)}",
                    time=f"2026-03-0{chance.randrange(1, 9)}",
                ),
                person(
                    chance.choice(["Quill", "Inkwell"]),
                    source=chance.choice([LAB, "adt-north"]),
                    number=str(chance.randrange(2)),
                    time=f"2026-03-0{chance.randrange(1, 9)}",
                ),
            ])
        )
        for _ in range(60)
    ]  # fmt: skip
    chart = Chart()
    for envelope in envelopes:
        chart.turn(envelope)
    replica, rest = Replica(records_db), list(envelopes)
    while rest:
        size = chance.randrange(1, 12)
        await replica.take(*rest[:size])
        rest = rest[size:]
    stored = await _stored(
        records_db, {slot for slot in chart.record.held if slot.type != "Person"}
    )
    assert stored.held == chart.record.held
    assert stored.golden == chart.record.golden
    assert stored.golden_version == chart.record.golden_version
    async with records_db.connection() as connection:
        past = await connection.fetch(
            "SELECT type, key, disposition, content FROM history ORDER BY seq"
        )
    assert [tuple(row) for row in past] == [
        (each.slot.type, each.slot.key, each.disposition, each.version.content)
        for each in chart.record.history
    ]


async def test_a_cancel_holds_in_later_batches_and_shows_in_the_record(
    records_db: Database,
) -> None:
    def stay(status: str, day: int, event: str) -> Envelope:
        return envelope_of(
            resolved(
                [
                    Resource(
                        key="Encounter|V1",
                        origin=Origin(source="adt-north", time=f"2026-03-0{day}"),
                        encounter=Encounter(status=status),
                    )
                ],
                trigger=f"ADT^{event}",
            )
        )

    replica = Replica(records_db)
    await replica.settled(stay("in-progress", 1, "A01"))
    await replica.settled(stay("in-progress", 3, "A08"))
    (late,) = await replica.settled(stay("cancelled", 2, "A11"))
    (after,) = await replica.settled(stay("in-progress", 4, "A08"))
    for changed in (late, after):
        assert changed.resources[0].resource.encounter.status == "cancelled"
    async with records_db.connection() as connection:
        (recorded,), _ = await RecordReader(connection).resources(TENANT, uuid.UUID(ANNA), "", 9)
    assert recorded.resource.encounter.status == "cancelled"
    assert recorded.resource.origin.time == "2026-03-04"
    (again,) = await replica.settled(stay("in-progress", 5, "A01"))
    assert again.resources[0].resource.encounter.status == "in-progress"


async def test_whom_the_person_points_at_is_told_with_every_message(records_db: Database) -> None:
    """Else how a receiver sees the person would depend on which message came last."""
    replica = Replica(records_db)
    physician = Resource(
        key="Practitioner|NORTH|9", practitioner=Practitioner(qualifications=[Concept(text="MD")])
    )
    known = person("Quill", time="2026-01-01")
    known.person.general_practitioners.add(type="Practitioner", key=physician.key)
    first, later, again = await replica.settled(
        envelope_of(resolved([known, physician])),
        envelope_of(resolved([result(), person(source=LAB, time="2026-01-02")])),
        envelope_of(resolved([result("amended")])),
    )
    (last,) = await replica.settled(envelope_of(resolved([result("corrected")])))
    for changed in (first, later, again, last):
        assert [each.key for each in changed.person.resource.person.general_practitioners] == [
            physician.key
        ]
        assert physician.key in {each.resource.key for each in changed.resources}


async def test_what_says_nothing_new_writes_no_history(records_db: Database) -> None:
    replica = Replica(records_db)
    same = resolved([result(time="2026-01-01"), person("Quill", time="2026-01-01")])
    await replica.take(envelope_of(same))
    await replica.take(envelope_of(same), envelope_of(same))
    async with records_db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM history") == 2
        assert await connection.fetchval("SELECT max(version) FROM resource") == 1


async def test_a_merge_moves_everything_to_the_survivor(records_db: Database) -> None:
    replica = Replica(records_db)
    await replica.take(
        envelope_of(resolved([result("preliminary", time="2026-01-01"), person("Quill")])),
        envelope_of(
            resolved(
                [
                    result("final", time="2026-01-02"),
                    result(key="only Bert's"),
                    person("Inkwell", number="2", time="2026-01-02"),
                ],
                person_id=BERT,
            )
        ),
    )
    (changed,) = await replica.settled(envelope_of(merge(BERT, ANNA, [person("Quill")])))
    assert changed.person_id == ANNA
    assert list(changed.absorbed_person_ids) == [BERT]
    told = {each.resource.key: each.resource.observation.status for each in changed.resources}
    assert told["Observation|K"] == "final"
    assert "only Bert's" in told
    numbers = {each.value for each in changed.person.resource.person.identifiers}
    assert numbers == {"1", "2"}


async def test_what_comes_late_for_the_prior_reaches_the_survivor(records_db: Database) -> None:
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result()], person_id=BERT)))
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    late = envelope_of(resolved([result(key="late")], person_id=BERT))
    (changed,) = await replica.settled(late)
    assert changed.person_id == ANNA
    assert [each.resource.key for each in changed.resources] == ["late"]
    assert not changed.absorbed_person_ids
    async with records_db.connection() as connection:
        frozen = await connection.fetch(
            "SELECT key FROM resource WHERE person_id = $1", uuid.UUID(BERT)
        )
    assert [row["key"] for row in frozen] == ["Observation|K"]


async def test_a_chain_of_merges_ends_at_its_root(records_db: Database) -> None:
    """Cora's takeover is still on its way when Bert goes under: it moves on to Anna."""
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result(key="only Cora's")], person_id=CORA)))
    (handing,) = await replica.take(envelope_of(merge(CORA, BERT)))
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    (changed,) = await replica.settled(handing.outputs[0][1])
    assert changed.person_id == ANNA
    assert list(changed.absorbed_person_ids) == [CORA]
    assert [each.resource.key for each in changed.resources] == ["only Cora's"]


async def test_a_tie_between_taken_over_and_own_is_broken_by_receipt(records_db: Database) -> None:
    replica = Replica(records_db)
    await replica.take(
        envelope_of(resolved([result("final", time="2026")], person_id=BERT), receipt=2),
        envelope_of(resolved([result("preliminary", time="2026")]), receipt=1),
    )
    (changed,) = await replica.settled(envelope_of(merge(BERT, ANNA)))
    assert changed.resources[0].resource.observation.status == "final"


async def test_a_batch_that_fails_leaves_nothing_and_its_good_part_may_run_again(
    records_db: Database,
) -> None:
    replica = Replica(records_db)
    good = envelope_of(resolved([result()]))
    bad = envelope_of(resolved([result(key="")]))
    with pytest.raises(TurnFailed) as caught:
        await replica.take(good, bad)
    assert caught.value.turn.envelope.message_id == bad.message_id
    async with records_db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM resource") == 0
    (changed,) = await replica.settled(good)
    assert changed.resources[0].disposition == Disposition.DISPOSITION_CREATED


async def test_a_record_at_hand_is_as_committed_whatever_became_of_the_last_batch(
    records_db: Database,
) -> None:
    replica = Replica(records_db)
    await replica.take(envelope_of(resolved([result("preliminary", time="2026-01-01")])))
    await replica.take(envelope_of(resolved([result("preliminary", time="2026-01-02")])))
    with pytest.raises(PlexusError, match="too bad"):
        async with replica.working([envelope_of(resolved([result("final", time="2026-01-03")]))]):
            raise PlexusError("too bad")
    (changed,) = await replica.settled(envelope_of(resolved([result("late", time="2026-01-01")])))
    (told,) = changed.resources
    assert (told.resource.observation.status, told.version) == ("preliminary", 1)


async def test_a_record_at_hand_is_read_again_once_another_owner_has_had_it(
    records_db: Database,
) -> None:
    one, other = Replica(records_db), Replica(records_db)
    await one.take(envelope_of(resolved([result(time="2026-01-01"), person("Quill")])))
    await one.take(envelope_of(resolved([result(time="2026-01-02")])))
    await other.take(envelope_of(resolved([result("amended", time="2026-01-03")])))
    with pytest.raises(Fenced):
        await one.take(envelope_of(resolved([result("lost", time="2026-01-04")])))
    one.claim_again()
    (changed,) = await one.settled(envelope_of(resolved([result("late", time="2026-01-02")])))
    (told,) = changed.resources
    assert (told.resource.observation.status, told.version) == ("amended", 2)


@pytest.mark.parametrize("person_id", ["", "nobody", ANNA.upper()])
async def test_a_message_that_names_no_person_is_poison(
    records_db: Database, person_id: str
) -> None:
    with pytest.raises(TurnFailed):
        await Replica(records_db).take(envelope_of(resolved([], person_id=person_id)))


async def test_a_message_of_another_kind_is_poison(records_db: Database) -> None:
    wrong: Envelope = envelope_of(Adoption(person_id=ANNA, from_person_id=BERT))
    wrong.ClearField("kind")
    with pytest.raises(TurnFailed):
        await Replica(records_db).take(wrong)


async def _stored(database: Database, slots: set[Slot]) -> Record:
    async with database.connection() as connection:
        records = await load(connection, {(TENANT, ANNA): Need(slots, accounts=True)}, {})
    return records[TENANT, ANNA]
