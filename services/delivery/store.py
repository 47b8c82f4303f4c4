"""What waits for each destination, in PostgreSQL."""

import dataclasses
import datetime
import uuid
from collections.abc import Collection, Sequence
from typing import NamedTuple

import lz4.block

from plexus.api.delivery.v1.delivery_pb2 import ItemState
from plexus.errors import Reason
from plexus.ids import part_id, part_name
from plexus.store import Connection, Database, Record

__all__ = ["Item", "ItemStore", "NewItem", "Outcome", "Pending"]

_PENDING = ItemState.ITEM_STATE_PENDING
_PARKED = ItemState.ITEM_STATE_PARKED
_MESSAGE = "coalesce(whole, message_id)"


class NewItem(NamedTuple):
    """A message, or a part of one, that was routed to a destination."""

    destination: str
    message_id: str
    part: int
    attempt: int
    tenant: str
    feed: str
    key: str
    origin: int
    message_type: str
    received_at: datetime.datetime
    traceparent: str
    event: bytes


class Item(NamedTuple):
    """A message, or a part of one, on its way to a destination.

    Attributes:
        place: order among all that was ever routed.
        part: of a message about several persons, from 1; 0 where it is all of it.
        key: messages of one key are sent one after the other.
    """

    place: int
    destination: str
    message_id: str
    part: int
    attempt: int
    tenant: str
    feed: str
    key: str
    origin: int
    message_type: str
    received_at: datetime.datetime
    routed_at: datetime.datetime
    traceparent: str
    tries: int

    @property
    def name(self) -> str:
        """What names it at the receiver: the message, with the part where it is one."""
        return part_name(self.message_id, self.part)


class Outcome(NamedTuple):
    """What became of one try."""

    item: Item
    state: ItemState.ValueType
    reason: Reason.ValueType = Reason.REASON_UNSPECIFIED
    detail: str = ""
    decision_id: str = ""
    next_try_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """How much waits for one destination."""

    count: int
    oldest: datetime.datetime | None
    reason: Reason.ValueType


class ItemStore:
    """All items of a mesh."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    async def add(connection: Connection, items: Sequence[NewItem]) -> None:
        """Route messages, within a turn batch. A replay brings them once more."""
        destinations, messages, parts, *columns, events = zip(*items, strict=True)
        await connection.execute(
            "INSERT INTO item (destination, message_id, attempt, tenant, feed, key, origin,"
            " message_type, received_at, traceparent, event, part, whole, state)"
            f" SELECT *, {_PENDING} FROM unnest($1::text[], $2::uuid[], $3::integer[],"
            " $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[],"
            " $10::text[], $11::bytea[], $12::smallint[], $13::uuid[])"
            " ON CONFLICT (destination, message_id) DO UPDATE SET attempt = excluded.attempt,"
            " traceparent = excluded.traceparent, routed_at = now(), tries = 0,"
            " next_try_at = NULL, state = excluded.state, reason = 0, detail = '',"
            " event = excluded.event"
            " WHERE excluded.attempt > item.attempt",
            destinations,
            list(map(part_id, messages, parts)),
            *columns,
            [lz4.block.compress(event) for event in events],
            parts,
            [
                message_id if part else None
                for message_id, part in zip(messages, parts, strict=True)
            ],
        )

    async def pending(self, destination: str, after: int, limit: int) -> list[Item]:
        """What waits for a destination past a place, in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT place, destination, {_MESSAGE}::text, part, attempt, tenant, feed, key, origin,"
                " message_type, received_at, routed_at, traceparent, tries FROM item"
                f" WHERE destination = $1 AND state = {_PENDING} AND place > $2"
                " ORDER BY place LIMIT $3",
                destination,
                after,
                limit,
            )
        return [Item(*row) for row in rows]

    async def events(self, destination: str, items: Collection[Item]) -> dict[str, bytes]:
        """The ChangedEvent of each of some items that wait for a destination, by name."""
        names = {part_id(item.message_id, item.part): item.name for item in items}
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT message_id::text, event FROM item"
                " WHERE destination = $1 AND message_id = ANY($2::uuid[]) AND event IS NOT NULL",
                destination,
                list(names),
            )
        return {names[place]: lz4.block.decompress(event) for place, event in rows}

    @staticmethod
    async def conclude(
        connection: Connection, destination: str, outcomes: Sequence[Outcome]
    ) -> None:
        """Note what became of tries at a destination, within a transaction of its journal."""
        await connection.execute(
            "UPDATE item SET state = n.state, tries = tries + 1, reason = n.reason,"
            " detail = n.detail, decision_id = n.decision_id, next_try_at = n.next_try_at,"
            f" event = CASE WHEN n.state IN ({_PENDING}, {_PARKED}) THEN event END"
            " FROM unnest($2::uuid[], $3::smallint[], $4::smallint[], $5::text[],"
            " $6::text[], $7::timestamptz[])"
            " AS n (message_id, state, reason, detail, decision_id, next_try_at)"
            " WHERE item.destination = $1 AND item.message_id = n.message_id"
            f" AND item.state = {_PENDING}",
            destination,
            [part_id(outcome.item.message_id, outcome.item.part) for outcome in outcomes],
            [outcome.state for outcome in outcomes],
            [outcome.reason for outcome in outcomes],
            [outcome.detail for outcome in outcomes],
            [outcome.decision_id for outcome in outcomes],
            [outcome.next_try_at for outcome in outcomes],
        )

    async def retry(self, message_ids: Sequence[str], destination: str) -> int:
        """Set parked messages back to pending, with all their parts. Returns how many."""
        async with self._database.connection() as connection:
            status = await connection.execute(
                # The same passage: it was routed in it, and its end in it outranks the parking.
                f"UPDATE item SET state = {_PENDING}, next_try_at = NULL, routed_at = now(),"
                " reason = 0, detail = ''"
                " WHERE (message_id = ANY($1::uuid[]) OR whole = ANY($1::uuid[]))"
                f" AND state = {_PARKED}"
                " AND ($2 = '' OR destination = $2)",
                [uuid.UUID(message_id) for message_id in message_ids],
                destination,
            )
        return int(status.rsplit(" ", 1)[1])

    async def counts(self) -> dict[str, Pending]:
        """How much waits, by destination."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT destination, count(*) AS count, min(routed_at) AS oldest,"
                f" max(reason) AS reason FROM item WHERE state = {_PENDING} GROUP BY destination"
            )
        return {
            row["destination"]: Pending(row["count"], row["oldest"], row["reason"]) for row in rows
        }

    async def find(
        self, *, message_id: str, destination: str, state: ItemState.ValueType, limit: int
    ) -> list[Record]:
        """Items, the oldest first; empty arguments do not restrict."""
        async with self._database.connection() as connection:
            return await connection.fetch(
                f"SELECT {_MESSAGE} AS message_id, part, destination, state, tries, next_try_at,"
                " reason, detail FROM item WHERE"
                " ($1 = '' OR message_id = nullif($1, '')::uuid OR whole = nullif($1, '')::uuid)"
                " AND ($2 = '' OR destination = $2) AND ($3 = 0 OR state = $3)"
                " ORDER BY place LIMIT $4",
                message_id,
                destination,
                state,
                limit,
            )

    async def purge(self, before: datetime.datetime) -> None:
        """Forget what is done since before a time."""
        async with self._database.connection() as connection:
            await connection.execute(
                f"DELETE FROM item WHERE state NOT IN ({_PENDING}, {_PARKED}) AND routed_at < $1",
                before,
            )
