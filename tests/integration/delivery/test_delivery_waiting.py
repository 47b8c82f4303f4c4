"""What waits for a destination, on a real PostgreSQL: the store decides, memory spares reading events.

Out of scope: sending, and what becomes of a try.
"""

import datetime

from plexus.api.delivery.v1.delivery_pb2 import ItemState
from plexus.ids import RandomIds
from plexus.store import Database
from services.delivery.actors.waiting import Waiting
from services.delivery.store import Item, ItemStore, NewItem, Outcome

_NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def routed(
    message_id: str, event: bytes, *, attempt: int = 1, to: str = "ehr", part: int = 0
) -> NewItem:
    return NewItem(
        destination=to,
        message_id=message_id,
        part=part,
        attempt=attempt,
        tenant="acme",
        feed="adt",
        key="k",
        origin=7,
        message_type="ADT^A01",
        received_at=_NOW,
        traceparent="",
        event=event,
    )


async def add(database: Database, *items: NewItem) -> None:
    async with database.transaction() as connection:
        await ItemStore.add(connection, items)


async def load(waiting: Waiting, at: float = 0.0) -> list[Item]:
    await waiting.load(at)
    return waiting.first(100)


async def test_what_was_committed_waits_in_order_with_all_that_was_said_of_it(
    delivery_db: Database,
) -> None:
    ids = [RandomIds().message_id() for _ in range(3)]
    await add(delivery_db, *(routed(each, each.encode()) for each in ids))
    await add(delivery_db, routed(ids[0], b"another destination's", to="lab"))
    waiting = Waiting("ehr", ItemStore(delivery_db))
    items = await load(waiting)
    assert [item.message_id for item in items] == ids
    first = items[0]
    assert (first.tenant, first.feed, first.key, first.origin) == ("acme", "adt", "k", 7)
    assert (first.message_type, first.received_at, first.tries) == ("ADT^A01", _NOW, 0)
    assert await waiting.events(items) == {each: each.encode() for each in ids}


async def test_what_was_expected_and_never_committed_does_not_wait(delivery_db: Database) -> None:
    waiting = Waiting("ehr", ItemStore(delivery_db))
    waiting.expect([routed(RandomIds().message_id(), b"rolled back")])
    assert await load(waiting) == []


async def test_an_event_at_hand_is_taken_and_another_one_read(delivery_db: Database) -> None:
    ids = [RandomIds().message_id() for _ in range(2)]
    await add(delivery_db, *(routed(each, b"stored") for each in ids))
    waiting = Waiting("ehr", ItemStore(delivery_db))
    waiting.expect([routed(ids[1], b"at hand")])
    assert await waiting.events(await load(waiting)) == {ids[0]: b"stored", ids[1]: b"at hand"}


async def test_an_event_of_another_passage_is_not_taken(delivery_db: Database) -> None:
    message_id = RandomIds().message_id()
    waiting = Waiting("ehr", ItemStore(delivery_db))
    waiting.expect([routed(message_id, b"first passage")])
    await add(delivery_db, routed(message_id, b"second passage", attempt=2))
    assert await waiting.events(await load(waiting)) == {message_id: b"second passage"}


async def test_what_was_brought_waits_no_more_and_its_event_is_gone(delivery_db: Database) -> None:
    ids = [RandomIds().message_id() for _ in range(2)]
    await add(delivery_db, *(routed(each, b"event") for each in ids))
    waiting = Waiting("ehr", ItemStore(delivery_db))
    items = await load(waiting)
    outcome = Outcome(items[0], ItemState.ITEM_STATE_DELIVERED)
    async with delivery_db.transaction() as connection:
        await ItemStore.conclude(connection, "ehr", [outcome])
    waiting.forget([items[0]])
    waiting.rescan()
    assert await load(waiting, 1.0) == [items[1]]
    assert await waiting.events(items) == {ids[1]: b"event"}


async def test_a_late_lower_place_is_found_by_a_rescan_and_goes_first(
    delivery_db: Database,
) -> None:
    early, late = (RandomIds().message_id() for _ in range(2))
    waiting = Waiting("ehr", ItemStore(delivery_db))
    # The place is given with the statement, and seen with the commit.
    async with delivery_db.transaction() as connection:
        await ItemStore.add(connection, [routed(early, b"1")])
        await add(delivery_db, routed(late, b"2"))
        assert [item.message_id for item in await load(waiting)] == [late]
    waiting.rescan()
    assert [item.message_id for item in await load(waiting, 1.0)] == [early, late]


async def test_each_part_of_a_message_waits_goes_and_is_parked_by_itself(
    delivery_db: Database,
) -> None:
    items = ItemStore(delivery_db)
    message_id = RandomIds().message_id()
    await add(delivery_db, *(routed(message_id, b"of %d" % part, part=part) for part in (1, 2)))
    # A stage that publishes again what it was not sure of.
    await add(delivery_db, routed(message_id, b"of 2", part=2))
    waiting = Waiting("ehr", items)
    first, second = await load(waiting)
    assert [(each.message_id, each.part) for each in (first, second)] == [
        (message_id, 1),
        (message_id, 2),
    ]
    assert await waiting.events([first, second]) == {
        f"{message_id}.1": b"of 1",
        f"{message_id}.2": b"of 2",
    }
    async with delivery_db.transaction() as connection:
        await ItemStore.conclude(
            connection,
            "ehr",
            [
                Outcome(first, ItemState.ITEM_STATE_DELIVERED),
                Outcome(second, ItemState.ITEM_STATE_PARKED),
            ],
        )
    waiting.forget([first, second])
    any_state = ItemState.ITEM_STATE_UNSPECIFIED
    told = await items.find(message_id=message_id, destination="", state=any_state, limit=10)
    assert [(str(row["message_id"]), row["part"], row["state"]) for row in told] == [
        (message_id, 1, ItemState.ITEM_STATE_DELIVERED),
        (message_id, 2, ItemState.ITEM_STATE_PARKED),
    ]
    assert await items.retry([message_id], "") == 1
    waiting.rescan()
    assert [each.part for each in await load(waiting, 1.0)] == [2]
