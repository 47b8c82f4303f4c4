"""A merge that is taken back, on a real PostgreSQL: what each record has afterwards, and what is told.

Which identifiers return is identity's (tests/integration/identity).
"""

from collections.abc import Sequence

import hypothesis
import pytest
from hypothesis import strategies as st

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.canonical.v1.resources_pb2 import Location, Resource
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.local.postgres import Postgres
from plexus.store import Database, open_database
from plexus.testing import servers
from tests.integration.records.records_stage import Replica
from tests.unit.records.records_material import (
    ANNA,
    BERT,
    CORA,
    LAB,
    envelope_of,
    merge,
    person,
    resolved,
    result,
)

SPLIT = EventKind.EVENT_KIND_SPLIT


def late(resources: Sequence[Resource], home: str = BERT, person_id: str = ANNA) -> ResolvedEvent:
    """An event that came by an identifier of who went under."""
    event = resolved(resources, person_id=person_id)
    event.came_with_person_id = home
    return event


async def take_back(
    replica: Replica, restored: str = BERT, survivor: str = ANNA
) -> list[ChangedEvent]:
    """Take a merge back, as identity tells it; returns what is told of both, who stands again first."""
    stands = resolved([], person_id=restored, kind=SPLIT)
    stands.split_from_person_id = survivor
    gives = resolved([], person_id=survivor, kind=SPLIT)
    gives.released_person_id = restored
    message = envelope_of(stands)
    second = envelope_of(gives)
    second.message_id = message.message_id
    told = await replica.settled(message, second)
    return told + await replica.settled(envelope_of(resolved([], person_id=survivor)))


async def contents(
    database: Database, person_id: str
) -> dict[tuple[str, str], tuple[bytes, bytes]]:
    """What a record holds, by key and teller, and its golden person."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT key, told_by, content, milestones FROM resource WHERE person_id = $1", person_id
        )
        row = await connection.fetchrow(
            "SELECT golden, merged_into FROM person WHERE person_id = $1", person_id
        )
    found = {(r["key"], r["told_by"]): (r["content"], r["milestones"]) for r in rows}
    if row is not None:
        found["golden", ""] = (row["golden"] or b"", str(row["merged_into"] or "").encode())
    return found


def of(told: Sequence[ChangedEvent], person_id: str) -> ChangedEvent:
    (one,) = [each for each in told if each.person_id == person_id]
    return one


ANNAS = [person("Quill", number="1"), result("final", key="Observation|A")]
BERTS = [person("Reed", number="2"), result("preliminary", key="Observation|B")]


async def merged(database: Database) -> Replica:
    """Bert has gone under Anna."""
    replica = Replica(database)
    await replica.settled(
        envelope_of(resolved(ANNAS)), envelope_of(resolved(BERTS, person_id=BERT))
    )
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    return replica


async def test_what_was_merged_is_as_it_was(records_db: Database) -> None:
    replica = Replica(records_db)
    await replica.settled(
        envelope_of(resolved(ANNAS)), envelope_of(resolved(BERTS, person_id=BERT))
    )
    before = await contents(records_db, ANNA), await contents(records_db, BERT)
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    assert (await contents(records_db, ANNA)).keys() >= before[1].keys()
    told = await take_back(replica)
    assert (await contents(records_db, ANNA), await contents(records_db, BERT)) == before
    restored = of(told, BERT)
    assert restored.released_from_person_id == ANNA
    assert restored.person.resource.person.names[0].family == "Reed"
    assert "Observation|B" in {each.resource.key for each in restored.resources}
    survivor = of(told, ANNA)
    assert [each.value for each in survivor.person.resource.person.identifiers] == ["1"]


async def test_what_came_since_by_the_others_identifiers_goes_back_and_is_told(
    records_db: Database,
) -> None:
    replica = await merged(records_db)
    await replica.settled(
        envelope_of(
            late([
                result("final", key="Observation|B", time="2026-02-01"),
                result(key="Observation|C"),
                person("Reed-Hall", number="2", time="2026-02-01"),
            ])
        ),
        envelope_of(resolved([result(key="Observation|D")])),
    )  # fmt: skip
    told = await take_back(replica)
    anna, bert = await contents(records_db, ANNA), await contents(records_db, BERT)
    keys = {key for key, _ in anna}, {key for key, _ in bert}
    assert keys == (
        {"golden", "Person|NORTH|1", "Observation|A", "Observation|D"},
        {"golden", "Person|NORTH|2", "Observation|B", "Observation|C"},
    )
    restored = {each.resource.key: each.resource for each in of(told, BERT).resources}
    assert restored["Observation|B"].observation.status == "final"
    assert restored.keys() >= {"Observation|B", "Observation|C"}
    assert of(told, BERT).person.resource.person.names[0].family == "Reed-Hall"


async def test_what_came_in_the_same_batch_as_the_split_goes_back(records_db: Database) -> None:
    replica = await merged(records_db)
    stands, gives = (resolved([], person_id=each, kind=SPLIT) for each in (BERT, ANNA))
    stands.split_from_person_id, gives.released_person_id = ANNA, BERT
    await replica.settled(
        envelope_of(late([result("corrected", key="Observation|B", time="2026-02-02")])),
        envelope_of(stands),
        envelope_of(gives),
    )
    assert ("Observation|B", "") not in await contents(records_db, ANNA)
    bert = await contents(records_db, BERT)
    told = Resource.FromString(bert["Observation|B", ""][0])
    assert told.observation.status == "corrected"


async def test_of_what_both_have_told_each_keeps_its_own_word(records_db: Database) -> None:
    replica = Replica(records_db)
    both = "Observation|S"
    await replica.settled(
        envelope_of(resolved([*ANNAS, result("final", key=both, time="2026-01-01")])),
        envelope_of(
            resolved([*BERTS, result("corrected", key=both, time="2026-01-02")], person_id=BERT)
        ),
    )
    before = await contents(records_db, ANNA), await contents(records_db, BERT)
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    assert (await contents(records_db, ANNA))[both, ""] == before[1][both, ""]
    await take_back(replica)
    assert (await contents(records_db, ANNA), await contents(records_db, BERT)) == before


async def test_places_and_people_who_treat_stay_with_both(records_db: Database) -> None:
    replica = await merged(records_db)
    place = Resource(key="Location|W1", location=Location(name="Ward 1"))
    await replica.settled(envelope_of(late([result(key="Observation|C"), place])))
    await take_back(replica)
    for person_id in (ANNA, BERT):
        assert ("Location|W1", "") in await contents(records_db, person_id)


async def test_what_was_taken_back_may_be_merged_and_taken_back_again(records_db: Database) -> None:
    replica = await merged(records_db)
    whole = await contents(records_db, ANNA)
    await take_back(replica)
    apart = await contents(records_db, ANNA), await contents(records_db, BERT)
    (told,) = await replica.settled(envelope_of(merge(BERT, ANNA)))
    assert list(told.absorbed_person_ids) == [BERT]
    assert await contents(records_db, ANNA) == whole
    await take_back(replica)
    assert (await contents(records_db, ANNA), await contents(records_db, BERT)) == apart
    (after,) = await replica.settled(envelope_of(resolved([result(key="Observation|B")])))
    assert ("Observation|B", "") in await contents(records_db, ANNA)
    assert after.person_id == ANNA


async def test_a_split_told_again_changes_nothing(records_db: Database) -> None:
    replica = await merged(records_db)
    await take_back(replica)
    before = await contents(records_db, ANNA), await contents(records_db, BERT)
    await take_back(replica)
    assert (await contents(records_db, ANNA), await contents(records_db, BERT)) == before


async def test_a_late_message_of_who_stands_again_is_sent_to_them(records_db: Database) -> None:
    """It was handed over while the record had gone under, and comes after the split."""
    replica = await merged(records_db)
    (turn,) = await replica.take(
        envelope_of(resolved([result(key="Observation|L", source=LAB)], person_id=BERT))
    )
    ((_, adoption),) = turn.outputs
    await take_back(replica)
    (told,) = await replica.settled(adoption)
    assert told.person_id == BERT
    assert ("Observation|L", "") in await contents(records_db, BERT)
    assert ("Observation|L", "") not in await contents(records_db, ANNA)


async def test_a_chain_of_merges_is_taken_back_from_its_end(records_db: Database) -> None:
    replica = Replica(records_db)
    coras = [person("Sage", number="3"), result("final", key="Observation|3")]
    await replica.settled(
        envelope_of(resolved(ANNAS)),
        envelope_of(resolved(BERTS, person_id=BERT)),
        envelope_of(resolved(coras, person_id=CORA)),
    )
    start = [await contents(records_db, each) for each in (ANNA, BERT, CORA)]
    await replica.settled(envelope_of(merge(CORA, BERT)))
    middle = [await contents(records_db, each) for each in (ANNA, BERT, CORA)]
    await replica.settled(envelope_of(merge(BERT, ANNA)))
    await take_back(replica, BERT, ANNA)
    assert [await contents(records_db, each) for each in (ANNA, BERT, CORA)] == middle
    await take_back(replica, CORA, BERT)
    assert [await contents(records_db, each) for each in (ANNA, BERT, CORA)] == start


_SOURCES = st.sampled_from(["adt-north", "lab-central"])
_TIMES = st.sampled_from(["", "2026-01-01", "2026-01-02", "2026-01-03"])
_RESULTS = st.builds(
    lambda key, status, time, source: result(
        status, key=f"Observation|{key}", time=time, source=source
    ),
    st.sampled_from("ABCD"),
    st.sampled_from(["preliminary", "final", "corrected"]),
    _TIMES,
    _SOURCES,
)
_PERSONS = st.builds(
    lambda number, family, time, source: person(family, number=number, time=time, source=source),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["Quill", "Reed", ""]),
    _TIMES,
    _SOURCES,
)
_EVENTS = st.lists(st.lists(_RESULTS | _PERSONS, min_size=1, max_size=3), max_size=4)


@pytest.mark.timeout(240)
async def test_merge_and_split_leave_all_as_it_was_whatever_was_told(
    postgres: Postgres, records_template: str
) -> None:
    """A law: what two records hold and show does not depend on whether they were merged meanwhile."""
    async with servers.fresh_database(postgres, template=records_template) as dsn:
        database = await open_database(dsn, schema="records", size=4)
        cases: list[tuple[list[list[Resource]], list[list[Resource]]]] = []

        @hypothesis.settings(max_examples=25, phases=[hypothesis.Phase.generate])
        @hypothesis.given(st.tuples(_EVENTS, _EVENTS))
        def draw(case: tuple[list[list[Resource]], list[list[Resource]]]) -> None:
            cases.append(case)

        draw()
        try:
            for number, (ones, others) in enumerate(cases):
                one, other = (f"00000000-0000-7000-8{n:03x}-{number:012x}" for n in (1, 2))
                replica = Replica(database, str(number))
                for events, person_id in ((ones, one), (others, other)):
                    for event in events:
                        unique = {(r.key, r.origin.source): r for r in event}
                        await replica.settled(
                            envelope_of(resolved(list(unique.values()), person_id=person_id))
                        )
                before = await contents(database, one), await contents(database, other)
                await replica.settled(envelope_of(merge(other, one)))
                await take_back(replica, other, one)
                after = await contents(database, one), await contents(database, other)
                for was, now in zip(before, after, strict=True):
                    assert {key: each for key, each in now.items() if each != (b"", b"")} == {
                        key: each for key, each in was.items() if each != (b"", b"")
                    }
        finally:
            await database.close()
