"""Merges that are taken back, on PostgreSQL over gRPC: links, names that came later, and what follows.

What records gives back: tests/integration/records; what destinations are told: tests/e2e.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.errors import NotFound
from plexus.store import Database
from tests.integration.identity.steward_desk import Desk, desk_of
from tests.unit.identity.identity_material import NORTH, WEST, envelope_of, number
from tests.unit.identity.people_material import person

EAST = ("EAST", "")
ORDER = {"reason": "two people", "steward": "operator:ann"}
HARRIET = person()
HUGH = person("Okafor", "Hugh", born="1951-11-02", sex="male", street="7 High Street",
              phone="3129871234")  # fmt: skip


@pytest_asyncio.fixture
async def desk(identity_db: Database, grpc_library: None) -> AsyncIterator[Desk]:
    async with desk_of(identity_db) as made:
        yield made


def harriet(value: str = "n1") -> Envelope:
    return envelope_of([number(value, NORTH)], person=HARRIET, source="adt-north")


def hugh(value: str = "n2") -> Envelope:
    return envelope_of([number(value, NORTH)], person=HUGH, source="adt-north")


async def _merged(desk: Desk) -> tuple[str, str]:
    """Harriet took over Hugh by a mistake of registration."""
    one, other = await desk.replica.resolved(harriet(), hugh())
    await desk.replica.take([envelope_of([number("n1", NORTH)], [number("n2", NORTH)])])
    return one.person_id, other.person_id


async def _links(desk: Desk) -> list[tuple[str, ...]]:
    async with desk.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT authority, value, i.person_id::text, coalesce(came_with::text, ''),"
            " coalesce(p.merged_into::text, '') FROM identifier i JOIN person p"
            " USING (tenant, person_id) ORDER BY authority, value"
        )
    return [tuple(row) for row in rows]


async def test_a_split_restores_every_link_and_tells_both_records(desk: Desk) -> None:
    one, other = await desk.replica.resolved(harriet(), hugh())
    before = await _links(desk)
    await desk.replica.take([envelope_of([number("n1", NORTH)], [number("n2", NORTH)])])
    assert await _links(desk) != before
    made = await desk.ask("Split", person_id=other.person_id, **ORDER)
    assert made.result.outcome == "split"
    split, retold = await desk.relayed()
    (turn,) = await desk.replica.take([split])
    assert await _links(desk) == before
    assert len(turn.outputs) == 2
    (again,) = await desk.replica.resolved(retold)
    assert again.person_id == one.person_id
    found = await desk.ask_identity("GetPerson", person_id=other.person_id)
    assert found.person_id == other.person_id
    async with desk.database.connection() as connection:
        events = await connection.fetch(
            "SELECT value, from_person::text, to_person::text FROM link_event WHERE kind = 'unmerge'"
        )
    assert {tuple(row) for row in events} == {("n2", one.person_id, other.person_id)}


async def test_what_is_told_of_a_split_goes_first_to_who_stands_again(desk: Desk) -> None:
    one, other = await _merged(desk)
    (late,) = await desk.replica.resolved(hugh())
    assert (late.person_id, late.came_with_person_id) == (one, other)
    await desk.ask("Split", person_id=other, **ORDER)
    split, _ = await desk.relayed()
    (turn,) = await desk.replica.take([split])
    first, second = (ResolvedEvent.FromString(each.payload) for _, each in turn.outputs)
    assert (first.person_id, first.split_from_person_id) == (other, one)
    assert (second.person_id, second.released_person_id) == (one, other)
    (after,) = await desk.replica.resolved(hugh())
    assert (after.person_id, after.came_with_person_id) == (other, "")


async def test_what_came_after_the_merge_goes_to_whom_it_resembles(desk: Desk) -> None:
    one, other = await _merged(desk)
    await desk.replica.take([
        envelope_of([number("n1", NORTH), number("w1", WEST)]),
        envelope_of([number("n1", NORTH), number("e1", EAST)]),
        envelope_of([number("n1", NORTH), number("x1", EAST)]),
        envelope_of([number("w1", WEST)], person=HUGH, source="adt-west"),
        envelope_of([number("e1", EAST)], person=HARRIET, source="adt-east"),
    ])  # fmt: skip
    dry = await desk.ask("Split", person_id=other, is_dry_run=True, **ORDER)
    assert (dry.result.outcome, dry.result.message_id) == ("split", "")
    assert await desk.relayed() == []
    told = {each.value: (each.goes_back, each.is_newer) for each in dry.identifiers}
    assert told == {"n2": (True, False), "w1": (True, True), "e1": (False, True),
                    "x1": (False, True)}  # fmt: skip
    await desk.ask("Split", person_id=other, **ORDER)
    await desk.replica.take(await desk.relayed())
    found = await desk.replica.resolved(
        envelope_of([number("w1", WEST)]), envelope_of([number("e1", EAST)])
    )
    assert [each.person_id for each in found] == [other, one]


async def test_a_split_pair_is_not_raised_for_review_and_may_be_merged_again(desk: Desk) -> None:
    one, other = await _merged(desk)
    before = await _links(desk)
    await desk.ask("Split", person_id=other, **ORDER)
    await desk.replica.take(await desk.relayed())
    await desk.ask("Merge", survivor_id=one, person_id=other, **ORDER)
    await desk.carried_out()
    assert await _links(desk) == before
    await desk.ask("Split", person_id=other, **ORDER)
    await desk.replica.take(await desk.relayed())
    (found,) = await desk.replica.resolved(hugh())
    assert found.person_id == other
    assert await desk.reviews() == []


async def test_merges_are_taken_back_in_the_other_order(desk: Desk) -> None:
    one, two, three = await desk.replica.resolved(
        harriet(), hugh(), envelope_of([number("w3", WEST)], person=HUGH, source="adt-west")
    )
    assert three.person_id == two.person_id
    (four,) = await desk.replica.resolved(envelope_of([number("e4", EAST)]))
    start = await _links(desk)
    await desk.replica.take([envelope_of([number("n2", NORTH)], [number("e4", EAST)])])
    middle = await _links(desk)
    await desk.replica.take([envelope_of([number("n1", NORTH)], [number("n2", NORTH)])])
    made = await desk.ask("Split", person_id=four.person_id, **ORDER)
    assert made.result.outcome == "not_direct"
    for person_id, links in ((two.person_id, middle), (four.person_id, start)):
        made = await desk.ask("Split", person_id=person_id, **ORDER)
        assert made.result.outcome == "split"
        await desk.replica.take(await desk.relayed())
        assert await _links(desk) == links
    assert one.person_id


async def test_who_was_not_merged_cannot_be_split(desk: Desk) -> None:
    one, _ = await _merged(desk)
    made = await desk.ask("Split", person_id=one, **ORDER)
    assert made.result.outcome == "not_merged"
    with pytest.raises(NotFound):
        await desk.ask("Split", person_id="00000000-0000-7000-8000-000000000001", **ORDER)
