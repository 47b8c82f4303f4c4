"""The ledger on a real PostgreSQL. Out of scope: how a message stands (tests/unit/audit), and the report."""

import asyncio
import datetime
import itertools
import random
import uuid

import pytest

from plexus.api.audit.v1.audit_pb2 import (
    AuditEvent,
    Custody,
    Disposition,
    Outcome,
    Stage,
)
from plexus.errors import Reason
from plexus.store import Database
from services.audit.domain import Standing, check_custody, destinations, feeds
from services.audit.store import Ledger, Question
from tests.integration.audit.ledger_material import (
    START,
    delivered,
    entry,
    new_id,
    record,
    states,
)

D = Disposition
_numbers = itertools.count(1)


def event(person_id: str = "p1", message_id: str = "", kind: str = "disclosure") -> AuditEvent:
    made = AuditEvent(
        event_id=str(uuid.uuid4()),
        tenant="north",
        type=kind,
        person_id=person_id,
        message_id=message_id,
        resource_counts={"Patient": 1, "Observation": 2},
    )
    made.at.FromDatetime(START + datetime.timedelta(seconds=next(_numbers)))
    return made


async def test_shuffled_repeated_and_split_evidence_ends_in_the_same_ledger(
    store: Database,
) -> None:
    ids = [new_id() for _ in range(30)]
    trails = [delivered(one, "ehr", "folder") for one in ids]
    trails[3] = trails[3][:2]
    trails[4][-1] = entry(
        ids[4],
        Stage.STAGE_DELIVERY,
        Outcome.OUTCOME_PARKED,
        to="folder",
        reason=Reason.REASON_DESTINATION_REFUSED,
    )
    trails[5].append(entry(ids[5], Stage.STAGE_INGEST, Outcome.OUTCOME_REPLAYED, attempt=2))
    trails[6] = [entry(ids[6], Stage.STAGE_INGEST, Outcome.OUTCOME_DUPLICATE)]
    pile = [one for trail in trails for one in trail]
    generator = random.Random(7)
    pile += generator.sample(pile, 60)
    generator.shuffle(pile)
    ledger = Ledger(store)
    for start in range(0, len(pile), 17):
        await record(store, pile[start : start + 17])

    expected: dict[str, Disposition.ValueType] = {}
    for one, trail in zip(ids, trails, strict=True):
        standing = Standing()
        for told in trail:
            standing.tell(told)
        if standing.disposition:
            expected[one] = standing.disposition
    assert await states(ledger) == expected
    for one, trail in zip(ids, trails, strict=True):
        kept = await ledger.custody(one)
        assert sorted(kept, key=Custody.SerializeToString) == sorted(
            trail, key=Custody.SerializeToString
        )
    messages, legs = await ledger.tallies("")
    (count,) = feeds(messages)
    assert (count.received, count.duplicates) == (29, 1)
    assert (count.delivered, count.parked, count.in_flight) == (26, 1, 2)
    ehr, folder = sorted(destinations(legs), key=lambda leg: leg.destination)
    assert (ehr.routed, ehr.delivered) == (28, 28)
    assert (folder.routed, folder.delivered, folder.parked) == (28, 27, 1)


async def test_replicas_side_by_side_lose_nothing_that_the_other_told(store: Database) -> None:
    ids = [new_id() for _ in range(40)]
    trails = [delivered(one, "ehr") for one in ids]
    generator = random.Random(11)

    async def replica(place: int) -> None:
        mine = [trail[place::2] for trail in trails]
        generator.shuffle(mine)
        await record(store, [told for trail in mine for told in trail])

    await asyncio.gather(replica(0), replica(1))
    assert set((await states(Ledger(store))).values()) == {D.DISPOSITION_DELIVERED}
    assert len(await states(Ledger(store))) == 40


async def test_a_batch_that_is_undone_leaves_nothing(store: Database) -> None:
    message_id = new_id()

    async def broken() -> None:
        async with store.transaction() as connection:
            await Ledger(store).record(connection, delivered(message_id, "ehr"), [event()])
            raise LookupError

    with pytest.raises(LookupError):
        await broken()
    assert await states(Ledger(store)) == {}
    assert await Ledger(store).custody(message_id) == []


async def test_messages_are_listed_by_state_feed_tenant_and_destination(store: Database) -> None:
    ledger = Ledger(store)
    one, two, three, copy = (new_id() for _ in range(4))
    parked = entry(
        three, Stage.STAGE_TRANSFORM, Outcome.OUTCOME_PARKED, reason=Reason.REASON_DATA_TYPE
    )
    await record(
        store,
        [
            *delivered(one, "ehr"),
            *delivered(two, "folder", feed="lab"),
            entry(three, Stage.STAGE_INGEST, Outcome.OUTCOME_RECEIVED),
            parked,
            entry(copy, Stage.STAGE_INGEST, Outcome.OUTCOME_DUPLICATE),
        ],
    )
    assert list(await states(ledger)) == [three, two, one]
    assert list(await states(ledger, limit=2)) == [three, two]
    assert list(await states(ledger, feed="lab")) == [two]
    assert list(await states(ledger, tenant="south")) == []
    assert list(await states(ledger, destination="ehr")) == [one]
    assert list(await states(ledger, disposition=D.DISPOSITION_DELIVERED)) == [two, one]
    assert list(await states(ledger, disposition=D.DISPOSITION_PARKED, destination="ehr")) == []
    (state,) = await ledger.messages(
        tenant="north", feed="adt", disposition=D.DISPOSITION_PARKED, destination="", limit=10
    )
    assert state.last == parked
    assert state.message_type == "ADT^A01"
    assert state.received_at.ToDatetime(datetime.UTC) == START + datetime.timedelta(seconds=1)


async def test_what_is_unfinished_is_told_in_the_order_asked_with_its_last_stage(
    store: Database,
) -> None:
    ledger = Ledger(store)
    done, begun, replayed, unknown, held = (new_id() for _ in range(5))
    await record(
        store,
        [
            *delivered(done, "ehr"),
            *delivered(begun, "ehr")[:3],
            *delivered(replayed, "ehr"),
            entry(replayed, Stage.STAGE_INGEST, Outcome.OUTCOME_REPLAYED, attempt=2),
            entry(held, Stage.STAGE_IDENTITY, Outcome.OUTCOME_HELD),
        ],
    )
    found = await ledger.unfinished([unknown, held, replayed.upper(), done, begun])
    assert found == [
        (unknown, Stage.STAGE_UNSPECIFIED),
        (replayed.upper(), Stage.STAGE_INGEST),
        (begun, Stage.STAGE_IDENTITY),
    ]


async def test_an_event_is_appended_once_however_often_it_is_told(store: Database) -> None:
    ledger = Ledger(store)
    one, two = event(), event()
    assert await ledger.append([one]) == 1
    changed = AuditEvent()
    changed.CopyFrom(one)
    changed.outcome = "other"
    assert await ledger.append([changed, two, two]) == 1
    assert await ledger.append([]) == 0
    async with store.transaction() as connection:
        await ledger.record(connection, [], [one, two])
    found = await ledger.find_events(Question(), 10)
    assert (found.events, found.last) == ([two, one], None)


async def test_events_are_found_by_each_field_the_newest_first(store: Database) -> None:
    ledger = Ledger(store)
    message_id = new_id()
    made = [event("p1"), event("p2", message_id), event("p1", kind="login"), event("p1")]
    await ledger.append(made)

    async def found(limit: int = 10, **asked: str) -> list[AuditEvent]:
        return (await ledger.find_events(Question(**asked), limit)).events  # type: ignore[arg-type]

    assert await found(limit=2) == [made[3], made[2]]
    assert await found(person_id="p1") == [made[3], made[2], made[0]]
    assert await found(message_id=message_id) == [made[1]]
    assert await found(kind="login", person_id="p1") == [made[2]]
    assert await found(tenant="south") == []


async def test_an_entry_told_again_keeps_its_first_wording(store: Database) -> None:
    message_id = new_id()
    first = entry(message_id, Stage.STAGE_TRANSFORM, Outcome.OUTCOME_PASSED)
    again = entry(message_id, Stage.STAGE_TRANSFORM, Outcome.OUTCOME_PASSED)
    again.detail = "told again"
    for told in ([first, again], [again]):
        await record(store, told)
    assert await Ledger(store).custody(message_id) == [first]


async def test_a_message_is_one_however_its_id_is_written(store: Database) -> None:
    message_id = new_id()
    spelled = f"{{{message_id.upper()}}}"
    await record(store, delivered(message_id, "ehr")[:2])
    await record(store, delivered(spelled, "ehr")[2:])
    assert await states(Ledger(store)) == {message_id: D.DISPOSITION_DELIVERED}
    assert len(await Ledger(store).custody(message_id)) == 6


async def test_the_longest_names_that_may_come_are_kept(store: Database) -> None:
    message_id = new_id()
    # Four bytes a character, and nothing that compresses.
    generator = random.Random(1)
    tenant, feed, destination = (
        "".join(chr(generator.randint(0x10000, 0x1FFFF)) for _ in range(200)) for _ in range(3)
    )
    told = entry(
        message_id,
        Stage.STAGE_DELIVERY,
        Outcome.OUTCOME_ROUTED,
        destination,
        tenant=tenant,
        feed=feed,
    )
    check_custody(told)
    await record(store, [told])
    found = await states(Ledger(store), tenant=tenant, feed=feed, destination=destination)
    assert found == {message_id: D.DISPOSITION_IN_FLIGHT}
    _, (leg,) = await Ledger(store).tallies(tenant)
    assert leg.destination == destination
