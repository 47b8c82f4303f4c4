"""Matching by demographics on PostgreSQL: what is found again, written, locked and bounded.

Which pairs match: tests/unit/identity.
"""

import asyncio
import json
import random

import pytest

from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.identity.v1.identity_pb2 import MatchKind
from plexus.errors import Transient
from plexus.store import Database
from plexus.telemetry.metrics import IDENTITY_LARGE_BLOCKS
from tests.integration.identity.identity_stage import Replica
from tests.unit.identity.identity_material import NORTH, WEST, envelope_of, number
from tests.unit.identity.people_material import person


def _north(value: str, who: Person) -> Envelope:
    return envelope_of([number(value, NORTH)], person=who, source="adt-north")


def _west(value: str, who: Person) -> Envelope:
    return envelope_of([number(value, WEST)], person=who, source="adt-west")


async def test_a_person_of_one_source_is_found_by_another_in_a_later_batch(
    identity_db: Database,
) -> None:
    replica = Replica(identity_db)
    (north,) = await replica.resolved(_north("n1", person()))
    west, again = await replica.resolved(
        _west("w1", person("Whitfeild")), _west("w1", person("Whitfeild"))
    )
    assert west.match == MatchKind.MATCH_KIND_DEMOGRAPHICS
    assert again.match == MatchKind.MATCH_KIND_IDENTIFIER
    assert {west.person_id, again.person_id} == {north.person_id}
    async with identity_db.connection() as connection:
        row = await connection.fetchrow(
            "SELECT from_person, to_person::text, explanation FROM link_event"
            " WHERE kind = 'auto_link'"
        )
    assert row is not None
    assert (row["from_person"], row["to_person"]) == (None, north.person_id)
    why = json.loads(row["explanation"])
    assert sum(bits for _, _, bits in why["rows"]) == pytest.approx(why["bits"])


async def test_a_batch_that_says_what_is_known_writes_nothing(identity_db: Database) -> None:
    replica = Replica(identity_db)
    await replica.take([_north("n1", person())])
    before = await _contents(identity_db)
    await replica.take([_north("n1", person()) for _ in range(4)])
    assert await _contents(identity_db) == before


async def test_new_demographics_replace_the_record_and_its_keys(identity_db: Database) -> None:
    replica = Replica(identity_db)
    await replica.take([_north("n1", person())])
    before = await _contents(identity_db)
    moved = person("Moor", born="1980-03-31", street="7 High Street", city="Norwood", code="60614",
                   phone="3129871234")  # fmt: skip
    await replica.take([_north("n1", moved)])
    records, keys = await _contents(identity_db)
    assert len(records) == 1
    assert not keys & before[1]
    found, other = await replica.resolved(_west("w1", moved), _west("w2", person()))
    assert found.match == MatchKind.MATCH_KIND_DEMOGRAPHICS
    assert other.match == MatchKind.MATCH_KIND_NEW_PERSON


async def test_a_link_follows_a_merge(identity_db: Database) -> None:
    """A record leads to the person that its identifier names now."""
    replica = Replica(identity_db)
    one, _ = await replica.resolved(envelope_of([number("n1")]), _north("n2", person()))
    merge = envelope_of([number("n1")], [number("n2")])
    _, west = await replica.resolved(merge, _west("w1", person()))
    assert west.person_id == one.person_id
    (later,) = await replica.resolved(
        envelope_of([number("e1", ("EAST", ""))], person=person(), source="adt-east")
    )
    assert later.person_id == one.person_id


async def test_a_doubtful_pair_is_for_review_once(identity_db: Database) -> None:
    replica = Replica(identity_db)
    (north,) = await replica.resolved(_north("n1", person(ssn="536221234")))
    (west,) = await replica.resolved(_west("w1", person(ssn="601347788")))
    await replica.take([_west("w1", person(ssn="601347788", phone=""))])
    async with identity_db.connection() as connection:
        rows = await connection.fetch(
            "SELECT person_id::text, other_person::text, kind, status FROM review"
        )
    assert [tuple(row) for row in rows] == [
        (west.person_id, north.person_id, "possible_match", "open")
    ]


async def test_a_key_of_too_many_records_finds_nobody_and_is_counted(identity_db: Database) -> None:
    replica = Replica(identity_db)
    crowd = [
        _north(f"n{place}", person(f"Fam{place:03d}", "", born="", street="", city=""))
        for place in range(101)
    ]
    await replica.take(crowd)
    counter = IDENTITY_LARGE_BLOCKS.labels(kind="phone")
    before = counter._value.get()
    (found,) = await replica.resolved(_west("w1", person("Zuidema", born="", street="", city="")))
    assert found.match == MatchKind.MATCH_KIND_NEW_PERSON
    assert counter._value.get() > before


async def test_first_messages_of_many_sources_that_race_make_one_person_for_each_patient(
    identity_db: Database,
) -> None:
    """No identifier in common, 8 replicas at once: only the locks on blocking keys keep them together."""
    chance = random.Random(11)
    patients = [
        person(f"{family}{ending}", given, born=f"19{50 + place}-0{1 + place % 9}-1{place % 9}",
               street=f"{place + 3} Mill Lane", phone=f"212736{place:02d}71")
        for place, (family, ending, given) in enumerate(
            (family, ending, given)
            for family in ("Whit", "Oka", "Zuid", "Pere")
            for ending, given in (("field", "Harriet"), ("for", "Bruno"), ("ema", "Xaver"))
        )
    ]  # fmt: skip
    work = []
    for house in range(8):
        batch = [
            envelope_of(
                [number(f"h{house}p{place}", (f"HOUSE{house}", ""))],
                person=who,
                source=f"adt-{house}",
            )
            for place, who in enumerate(patients)
        ]
        chance.shuffle(batch)
        work.append([batch[:5], batch[5:]])
    await asyncio.gather(
        *(_patiently(Replica(identity_db, str(at)), batches) for at, batches in enumerate(work))
    )
    async with identity_db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM person") == len(patients)
        mixed = await connection.fetchval(
            "SELECT count(*) FROM (SELECT person_id FROM identifier GROUP BY person_id"
            " HAVING count(DISTINCT split_part(value, 'p', 2)) > 1) m"
        )
    assert mixed == 0


@pytest.mark.timeout(300)
async def test_hundreds_of_first_messages_race_on_sixteen_replicas_and_nobody_is_split(
    identity_db: Database,
) -> None:
    """Each of 16 sources brings 120 patients, in an order of its own, by numbers of its own."""
    chance = random.Random(16)
    families = ("Abernathy", "Bellweather", "Castellano", "Drummond", "Eriksen", "Fontaine",
                "Gallagher", "Hashimoto", "Ivanenko", "Jorgensen")  # fmt: skip
    givens = ("Adela", "Boris", "Celeste", "Dimitri", "Esther", "Fabian",
              "Greta", "Hector", "Imogen", "Jasper", "Katya", "Lorenz")  # fmt: skip
    patients = [
        person(
            family,
            given,
            # Nobody on 1 January: that counts as estimated, and is for somebody to look at.
            born=f"{1931 + place % 60}-{1 + place % 12:02d}-{2 + place % 27:02d}",
            street=f"{place + 3} Mill Lane",
            phone=f"21273{place:03d}71",
        )
        for place, (family, given) in enumerate(
            (family, given) for family in families for given in givens
        )
    ]
    work = []
    for house in range(16):
        batch = [
            envelope_of(
                [number(f"h{house}p{place}", (f"HOUSE{house}", ""))],
                person=who,
                source=f"adt-{house}",
            )
            for place, who in enumerate(patients)
        ]
        chance.shuffle(batch)
        work.append([batch[start : start + 32] for start in range(0, len(batch), 32)])
    await asyncio.gather(
        *(_patiently(Replica(identity_db, str(at)), batches) for at, batches in enumerate(work))
    )
    async with identity_db.connection() as connection:
        rows = await connection.fetch(
            "SELECT split_part(value, 'p', 2) AS patient, count(DISTINCT person_id) AS persons"
            " FROM identifier GROUP BY 1"
        )
        mixed = await connection.fetchval(
            "SELECT count(*) FROM (SELECT person_id FROM identifier GROUP BY person_id"
            " HAVING count(DISTINCT split_part(value, 'p', 2)) > 1) m"
        )
    assert {row["persons"] for row in rows} == {1}
    assert len(rows) == len(patients)
    assert mixed == 0


async def _patiently(replica: Replica, batches: list[list[Envelope]]) -> None:
    """Work batches off as the flow does: weather is tried again."""
    for batch in batches:
        for _ in range(60):
            try:
                await replica.take(batch)
                break
            except Transient as exc:
                if "40P01" in exc.detail:  # a deadlock: two batches waited for each other
                    raise
        else:
            raise AssertionError("the batch never went through")


async def _contents(database: Database) -> tuple[set[str], set[int]]:
    """Digests of the records, and all keys."""
    async with database.connection() as connection:
        records = await connection.fetch("SELECT message_id::text FROM source_record")
        keys = await connection.fetch("SELECT key FROM blocking_key")
    return {row[0] for row in records}, {row[0] for row in keys}
