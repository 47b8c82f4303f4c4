"""Identity on a real PostgreSQL: what is stored, and races. Rules of matching: tests/unit/identity."""

import asyncio
import random

import pytest

from plexus.actors import TurnFailed
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.errors import InvalidMessage, Reason, Transient
from plexus.store import Database
from plexus.telemetry.metrics import IDENTITY_MATCHES
from plexus.testing.waiting import eventually
from tests.integration.identity.identity_stage import Replica
from tests.unit.identity.identity_material import TENANT, WEST, envelope_of, number


async def test_a_person_is_found_again_by_a_later_batch(identity_db: Database) -> None:
    replica = Replica(identity_db)
    (first,) = await replica.resolved(envelope_of([number("1"), number("7", WEST)]))
    (second,) = await replica.resolved(envelope_of([number("7", WEST)]))
    assert first.person_id == second.person_id


async def test_a_batch_of_known_persons_writes_nothing(identity_db: Database) -> None:
    replica = Replica(identity_db)
    await replica.take([envelope_of([number("1")])])
    before = await _counts(identity_db)
    await replica.take([envelope_of([number("1")]) for _ in range(5)])
    assert await _counts(identity_db) == before


async def test_messages_of_one_batch_see_each_other(identity_db: Database) -> None:
    replica = Replica(identity_db)
    one, two, merge, late = await replica.resolved(
        envelope_of([number("1")]),
        envelope_of([number("2"), number("3")]),
        envelope_of([number("1")], [number("2")]),
        envelope_of([number("3")]),
    )
    assert (merge.person_id, merge.merged_into) == (two.person_id, one.person_id)
    assert late.person_id == one.person_id
    (after,) = await replica.resolved(envelope_of([number("3")]))
    assert after.person_id == one.person_id


async def test_a_merge_repoints_identifiers_that_the_message_does_not_name(
    identity_db: Database,
) -> None:
    replica = Replica(identity_db)
    one, two = await replica.resolved(
        envelope_of([number("1")]), envelope_of([number("2"), number("3")])
    )
    await replica.take([envelope_of([number("1")], [number("2")])])
    (late,) = await replica.resolved(envelope_of([number("3")]))
    assert late.person_id == one.person_id
    async with identity_db.connection() as connection:
        moved = await connection.fetch(
            "SELECT value, from_person::text, to_person::text FROM link_event"
            " WHERE kind = 'merge' AND authority = '2.999.1' ORDER BY value"
        )
        under = await connection.fetchval(
            "SELECT merged_into::text FROM person WHERE person_id = $1", two.person_id
        )
    assert [tuple(row) for row in moved] == [
        ("2", two.person_id, one.person_id),
        ("3", two.person_id, one.person_id),
    ]
    assert under == one.person_id


async def test_an_unlink_closes_the_review_of_the_two(identity_db: Database) -> None:
    replica = Replica(identity_db)
    one, two = await replica.resolved(envelope_of([number("1")]), envelope_of([number("2")]))
    async with identity_db.connection() as connection:
        await connection.execute(
            "INSERT INTO review (tenant, person_id, other_person, kind, bits, explanation, message_id, at)"
            " VALUES ($1, $2, $3, 'possible_match', 1.0, '{}', $2, now())",
            TENANT,
            two.person_id,
            one.person_id,
        )
    pair = ([number("1")], [number("2")])
    await replica.take([envelope_of(*pair, kind=EventKind.EVENT_KIND_UNLINK)])
    async with identity_db.connection() as connection:
        status = await connection.fetchval(
            "SELECT status FROM review WHERE person_id = $1", two.person_id
        )
    assert status == "different"


async def test_an_unlink_that_is_replayed_after_a_merge_of_the_two_stops_nobody(
    identity_db: Database,
) -> None:
    replica = Replica(identity_db)
    pair = ([number("1")], [number("2")])
    unlink = envelope_of(*pair, kind=EventKind.EVENT_KIND_UNLINK)
    await replica.take([unlink])
    (merged,) = await replica.resolved(envelope_of(*pair))
    (again,) = await replica.resolved(unlink)
    assert (again.person_id, again.other_person_id) == (merged.merged_into, "")
    with pytest.raises(TurnFailed):
        await replica.take([envelope_of(*pair, kind=EventKind.EVENT_KIND_UNLINK)])


async def test_a_number_moves_unless_its_person_has_others_that_the_message_does_not_name(
    identity_db: Database,
) -> None:
    replica = Replica(identity_db)
    one, two, three = await replica.resolved(
        envelope_of([number("1")]),
        envelope_of([number("2")]),
        envelope_of([number("3"), number("4")]),
    )
    (moved,) = await replica.resolved(
        envelope_of([number("1")], [number("2")], kind=EventKind.EVENT_KIND_MOVE)
    )
    assert (moved.person_id, moved.merged_into) == (two.person_id, one.person_id)
    with pytest.raises(TurnFailed) as caught:
        await replica.take(
            [envelope_of([number("1")], [number("3")], kind=EventKind.EVENT_KIND_MOVE)]
        )
    assert isinstance(caught.value.error, InvalidMessage)
    assert caught.value.error.reason == Reason.REASON_IDENTIFIER_CONFLICT
    (after,) = await replica.resolved(envelope_of([number("3")]))
    assert after.person_id == three.person_id


async def test_a_conflict_is_kept_once_and_counted(identity_db: Database) -> None:
    replica = Replica(identity_db)
    one, two = await replica.resolved(envelope_of([number("1")]), envelope_of([number("2")]))
    both = [number("1", ("", "2.999.1")), number("2", ("", "2.999.1"))]
    await replica.take([envelope_of(both), envelope_of(both)])
    await replica.take([envelope_of(both)])
    async with identity_db.connection() as connection:
        rows = await connection.fetch(
            "SELECT person_id::text, other_person::text, value, count FROM conflict"
        )
    assert [tuple(row) for row in rows] == [(one.person_id, two.person_id, "2", 3)]


async def test_a_batch_that_fails_leaves_nothing(identity_db: Database) -> None:
    replica = Replica(identity_db)
    good, bad = envelope_of([number("1")]), envelope_of([number("0000")])
    with pytest.raises(TurnFailed) as caught:
        await replica.take([good, bad])
    assert caught.value.turn.envelope.message_id == bad.message_id
    assert set((await _counts(identity_db)).values()) == {0}
    assert len(await replica.resolved(good)) == 1


async def test_each_match_is_counted_once(identity_db: Database) -> None:
    before = IDENTITY_MATCHES.labels(result="new_person")._value.get()
    await Replica(identity_db).take([envelope_of([number("1")]), envelope_of([number("2")])])
    assert IDENTITY_MATCHES.labels(result="new_person")._value.get() == before + 2


async def test_first_messages_that_race_make_one_person_for_each_patient(
    identity_db: Database,
) -> None:
    """Overlapping identifiers, other orders, 8 replicas: one person each, no deadlock."""
    patients, replicas = 12, 8
    chance = random.Random(7)
    work: list[list[Envelope]] = []
    for _ in range(replicas):
        batch: list[Envelope] = []
        for patient in chance.sample(range(patients), patients):
            known = [number(f"n{patient}"), number(f"w{patient}", WEST), number(f"x{patient}")]
            # Every two of these share an identifier, and no one is in all.
            batch.append(envelope_of(chance.sample(known, 2)))
        work.append(batch)
    persons = await asyncio.gather(
        *(_patiently(Replica(identity_db, str(at)), batch) for at, batch in enumerate(work))
    )
    async with identity_db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM person") == patients
        assert await connection.fetchval("SELECT count(*) FROM conflict") == 0
        split = await connection.fetchval(
            "SELECT count(*) FROM (SELECT substr(value, 2) FROM identifier"
            " GROUP BY substr(value, 2) HAVING count(DISTINCT person_id) > 1) s"
        )
    assert split == 0
    assert len({person for batch in persons for person in batch}) == patients


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (envelope_of([number("8"), number("9")]), envelope_of([number("9"), number("8")])),
        (envelope_of([number("1")], [number("2")]), envelope_of([number("2"), number("9")])),
        (envelope_of([number("2"), number("9")]), envelope_of([number("1")], [number("2")])),
        (envelope_of([number("1")], [number("3")]), envelope_of([number("2")], [number("3")])),
    ],
    ids=["two first messages", "merge, then news", "news, then merge", "two merges"],
)
async def test_a_batch_waits_for_another_one_that_concerns_the_same_person(
    identity_db: Database, first: Envelope, second: Envelope
) -> None:
    await Replica(identity_db).take([envelope_of([number(each)]) for each in "123"])
    async with Replica(identity_db, "1").working([first]):
        late = asyncio.create_task(_patiently(Replica(identity_db, "2"), [second]))
        await eventually(lambda: _waits_for_a_lock(identity_db), what="the second batch waits")
        assert not late.done()
    await late
    async with identity_db.connection() as connection:
        stale = await connection.fetchval(
            "SELECT count(*) FROM identifier i JOIN person p USING (tenant, person_id)"
            " WHERE p.merged_into IS NOT NULL"
        )
        alone = await connection.fetchval(
            "SELECT count(*) FROM person p WHERE merged_into IS NULL AND NOT EXISTS"
            " (SELECT FROM identifier i WHERE i.person_id = p.person_id)"
        )
    assert (stale, alone) == (0, 0)


async def test_merges_and_new_identifiers_that_race_lose_none(identity_db: Database) -> None:
    """A merge of a person while others add identifiers to it: all end at the survivor."""
    await Replica(identity_db).take([envelope_of([number("1")]), envelope_of([number("2")])])
    merge = [envelope_of([number("1")], [number("2")])]
    adding = [[envelope_of([number("2"), number(f"a{at}")])] for at in range(6)]
    await asyncio.gather(
        *(
            _patiently(Replica(identity_db, str(at)), batch)
            for at, batch in enumerate([merge, *adding])
        )
    )
    async with identity_db.connection() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT i.person_id, p.merged_into FROM identifier i"
            " JOIN person p USING (tenant, person_id)"
        )
    assert len(rows) == 1
    assert rows[0]["merged_into"] is None


async def test_two_merges_of_one_person_that_race_end_with_one_person(
    identity_db: Database,
) -> None:
    await Replica(identity_db).take([envelope_of([number(each)]) for each in "123"])
    merges = [
        [envelope_of([number("1")], [number("3")])],
        [envelope_of([number("2")], [number("3")])],
    ]
    persons = await asyncio.gather(
        *(_patiently(Replica(identity_db, str(at)), batch) for at, batch in enumerate(merges))
    )
    assert len(persons) == 2
    async with identity_db.connection() as connection:
        under = await connection.fetchval(
            "SELECT count(*) FROM person WHERE merged_into IS NOT NULL"
        )
        stale = await connection.fetchval(
            "SELECT count(*) FROM identifier i JOIN person p USING (tenant, person_id)"
            " WHERE p.merged_into IS NOT NULL"
        )
    assert (under, stale) == (2, 0)


async def _patiently(replica: Replica, batch: list[Envelope]) -> list[str]:
    """Work a batch off as the flow does: weather is tried again."""
    for _ in range(50):
        try:
            return [each.person_id for each in await replica.resolved(*batch)]
        except Transient as exc:
            if "40P01" in exc.detail:  # a deadlock: two batches waited for each other
                raise
    raise AssertionError(f"the batch of tenant {TENANT} never went through")


async def _counts(database: Database) -> dict[str, int]:
    tables = ("person", "identifier", "link_event", "conflict")
    async with database.connection() as connection:
        return {
            table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables
        }


async def _waits_for_a_lock(database: Database) -> bool:
    async with database.connection() as connection:
        waiting: int = await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    return waiting > 0
