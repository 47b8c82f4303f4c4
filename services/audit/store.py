"""The ledger in PostgreSQL: custody, how messages stand, and the audit log.

Entries are taken in set by set: the standings that a set touches are locked in the order of their ids,
told in memory by the rules of `domain`, and written back. So replicas that work side by side lose
nothing that the other told.
"""

import asyncio
import dataclasses
import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody, Disposition, MessageState
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.store import Connection, Database, Record
from services.audit.domain import Leg, LegState, LegTally, Standing, Tally, deciding

__all__ = ["Ledger"]

_YIELD_EVERY: Final = 500
# Entries of one statement: far within the time that a statement may take.
_MOST_AT_ONCE: Final = 8192
_MOST_ENTRIES: Final = 10_000

# Columns of `message` past its id, with their types, in the order of `_row`.
_TYPES: Final = {
    "tenant": "text",
    "feed": "text",
    "message_type": "text",
    "origin": "bigint",
    "received_at": "timestamptz",
    "is_accepted": "boolean",
    "is_rejected": "boolean",
    "is_duplicate": "boolean",
    "rejected_reason": "smallint",
    "attempt": "integer",
    "last_stage": "smallint",
    "done_stage": "smallint",
    "is_routed": "boolean",
    "parked_stage": "smallint",
    "parked_reason": "smallint",
    "held_stage": "smallint",
    "held_reason": "smallint",
    "withheld_stage": "smallint",
    "withheld_reason": "smallint",
    "disposition": "smallint",
    "reason": "smallint",
}
_COLUMNS: Final = ", ".join(_TYPES)
_UPDATE: Final = (
    f"UPDATE message m SET {', '.join(f'{name} = n.{name}' for name in _TYPES)}"
    f" FROM unnest($1::uuid[], {', '.join(f'${i}::{t}[]' for i, t in enumerate(_TYPES.values(), 2))})"
    f" AS n (message_id, {_COLUMNS}) WHERE m.message_id = n.message_id"
)
_Row = tuple[object, ...]


@dataclasses.dataclass(slots=True)
class _Touched:
    """A standing on its way through memory, and what of it is in the tables."""

    standing: Standing
    row: _Row
    legs: dict[str, Leg]


class Ledger:
    """All evidence of a mesh."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, connection: Connection, custody: Sequence[Custody], events: Sequence[AuditEvent]
    ) -> None:
        """Keep entries and events that were checked, within the caller's transaction.

        What is already kept changes nothing.
        """
        for start in range(0, len(custody), _MOST_AT_ONCE):
            await _tell(connection, custody[start : start + _MOST_AT_ONCE])
        for start in range(0, len(events), _MOST_AT_ONCE):
            await _write_events(connection, events[start : start + _MOST_AT_ONCE])

    async def append(self, events: Sequence[AuditEvent]) -> int:
        """Commit events that were checked; returns how many were new."""
        if not events:
            return 0
        async with self._database.connection() as connection:
            return await _write_events(connection, events)

    async def find_events(
        self, *, tenant: str, message_id: str, person_id: str, kind: str, limit: int
    ) -> list[AuditEvent]:
        """Audit events, the newest first; empty arguments do not restrict."""
        conditions = _Conditions()
        conditions.add("tenant = {}", tenant)
        conditions.add("message_id = {}", uuid.UUID(message_id) if message_id else None)
        conditions.add("person_id <> '' AND person_id = {}", person_id)
        conditions.add("type = {}", kind)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT body FROM audit_event{conditions} ORDER BY at DESC, event_id DESC"
                f" LIMIT {limit:d}",
                *conditions.values,
            )
        return [AuditEvent.FromString(row["body"]) for row in rows]

    async def custody(self, message_id: str) -> list[Custody]:
        """The trail of one message, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT body FROM custody WHERE message_id = $1"
                " ORDER BY at, attempt, stage, outcome, destination LIMIT $2",
                uuid.UUID(message_id),
                _MOST_ENTRIES,
            )
        return [Custody.FromString(row["body"]) for row in rows]

    async def messages(
        self,
        *,
        tenant: str,
        feed: str,
        disposition: Disposition.ValueType,
        destination: str,
        limit: int,
    ) -> list[MessageState]:
        """Messages, the newest first; empty arguments do not restrict. No duplicates."""
        conditions = _Conditions()
        conditions.add("disposition = {}" if disposition else "disposition > {}", int(disposition))
        conditions.add("tenant = {}", tenant)
        conditions.add("feed = {}", feed)
        conditions.add(
            "EXISTS (SELECT FROM leg l WHERE l.message_id = m.message_id AND l.destination = {})",
            destination,
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT message_id, tenant, feed, message_type, disposition, received_at"
                f" FROM message m{conditions} ORDER BY message_id DESC LIMIT {limit:d}",
                *conditions.values,
            )
            told = await connection.fetch(
                "SELECT message_id, body FROM custody WHERE message_id = ANY($1::uuid[])",
                [row["message_id"] for row in rows],
            )
        trails: dict[uuid.UUID, list[Custody]] = {}
        for row in told:
            trails.setdefault(row["message_id"], []).append(Custody.FromString(row["body"]))
        return [_state(row, trails.get(row["message_id"], [])) for row in rows]

    async def unfinished(self, message_ids: Sequence[str]) -> list[tuple[str, StageName.ValueType]]:
        """Those of some messages that are in flight or unknown, in the order asked.

        With the furthest stage that has reported of the latest passage; unspecified where none has.
        """
        asked = [uuid.UUID(message_id) for message_id in message_ids]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT message_id, disposition, last_stage FROM message"
                " WHERE message_id = ANY($1::uuid[])",
                asked,
            )
        known = {row["message_id"]: row for row in rows}
        found: list[tuple[str, StageName.ValueType]] = []
        for message_id, name in zip(message_ids, asked, strict=True):
            row = known.get(name)
            if row is None:
                found.append((message_id, StageName.STAGE_UNSPECIFIED))
            elif row["disposition"] == Disposition.DISPOSITION_IN_FLIGHT:
                found.append((message_id, row["last_stage"]))
        return found

    async def tallies(self, tenant: str) -> tuple[list[Tally], list[LegTally]]:
        """What there is of messages and of legs at one instant; of all tenants where empty."""
        conditions = _Conditions()
        conditions.add("tenant = {}", tenant)
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            messages = await connection.fetch(
                "SELECT tenant, feed, disposition, reason, count(*) AS messages"
                f" FROM message{conditions} GROUP BY tenant, feed, disposition, reason",
                *conditions.values,
            )
            legs = await connection.fetch(
                "SELECT tenant, destination, state, count(*) AS messages"
                f" FROM leg{conditions} GROUP BY tenant, destination, state",
                *conditions.values,
            )
        return (
            [Tally(**dict(row)) for row in messages],
            [LegTally(**{**dict(row), "state": LegState(row["state"])}) for row in legs],
        )


class _Conditions:
    """A WHERE clause of constant texts; values are always parameters."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._texts: list[str] = []

    def add(self, text: str, value: object) -> None:
        """Restrict, unless `value` is None or empty text. `{}` stands for the value."""
        if value is None or value == "":
            return
        self.values.append(value)
        self._texts.append(text.format(f"${len(self.values)}"))

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self._texts)}" if self._texts else ""


async def _tell(connection: Connection, custody: Sequence[Custody]) -> None:
    told: dict[uuid.UUID, list[Custody]] = {}
    for entry in custody:
        told.setdefault(uuid.UUID(entry.message_id), []).append(entry)
    touched = await _lock(connection, told)
    for place, (message_id, entries) in enumerate(told.items(), 1):
        for entry in entries:
            touched[message_id].standing.tell(entry)
        if not place % _YIELD_EVERY:
            await asyncio.sleep(0)
    await _write_custody(connection, told)
    await _write_standings(connection, touched)
    await _write_legs(connection, touched)


async def _lock(
    connection: Connection, told: Mapping[uuid.UUID, Sequence[Custody]]
) -> dict[uuid.UUID, _Touched]:
    """The standings of some messages, made where they are missing, for this transaction alone."""
    ids = sorted(told)
    await connection.execute(
        "INSERT INTO message (message_id, tenant, feed)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])"
        " ON CONFLICT (message_id) DO NOTHING",
        ids,
        [told[message_id][0].tenant for message_id in ids],
        [told[message_id][0].feed for message_id in ids],
    )
    rows = await connection.fetch(
        f"SELECT message_id, {_COLUMNS} FROM message WHERE message_id = ANY($1::uuid[])"
        " ORDER BY message_id FOR UPDATE",
        ids,
    )
    legs: dict[uuid.UUID, dict[str, Leg]] = {}
    for row in await connection.fetch(
        "SELECT message_id, destination, attempt, state, reason FROM leg"
        " WHERE message_id = ANY($1::uuid[])",
        ids,
    ):
        leg = Leg(row["attempt"], LegState(row["state"]), row["reason"])
        legs.setdefault(row["message_id"], {})[row["destination"]] = leg
    touched: dict[uuid.UUID, _Touched] = {}
    for row in rows:
        before = legs.get(row["message_id"], {})
        touched[row["message_id"]] = _Touched(
            _standing(row, dict(before)), tuple(row.values())[1:], before
        )
    return touched


async def _write_custody(
    connection: Connection, told: Mapping[uuid.UUID, Sequence[Custody]]
) -> None:
    rows = [(message_id, entry) for message_id in sorted(told) for entry in told[message_id]]
    await connection.execute(
        "INSERT INTO custody (message_id, attempt, stage, outcome, destination, at, body)"
        " SELECT * FROM unnest($1::uuid[], $2::integer[], $3::smallint[], $4::smallint[],"
        " $5::text[], $6::timestamptz[], $7::bytea[]) ON CONFLICT DO NOTHING",
        [message_id for message_id, _ in rows],
        [entry.attempt for _, entry in rows],
        [entry.stage for _, entry in rows],
        [entry.outcome for _, entry in rows],
        [entry.destination for _, entry in rows],
        [entry.at.ToDatetime(datetime.UTC) for _, entry in rows],
        [entry.SerializeToString() for _, entry in rows],
    )


async def _write_standings(connection: Connection, touched: Mapping[uuid.UUID, _Touched]) -> None:
    changed: list[_Row] = []
    for message_id in sorted(touched):
        row = _row(touched[message_id].standing)
        if row != touched[message_id].row:
            changed.append((message_id, *row))
    if changed:
        await connection.execute(_UPDATE, *(list(column) for column in zip(*changed, strict=True)))


async def _write_legs(connection: Connection, touched: Mapping[uuid.UUID, _Touched]) -> None:
    changed = [
        (message_id, destination, one.standing.tenant, leg.attempt, int(leg.state), leg.reason)
        for message_id, one in sorted(touched.items(), key=lambda item: item[0])
        for destination, leg in sorted(one.standing.legs.items())
        if one.legs.get(destination) != leg
    ]
    if changed:
        await connection.execute(
            "INSERT INTO leg (message_id, destination, tenant, attempt, state, reason)"
            " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[],"
            " $5::smallint[], $6::smallint[])"
            " ON CONFLICT (message_id, destination) DO UPDATE SET attempt = excluded.attempt,"
            " state = excluded.state, reason = excluded.reason",
            *(list(column) for column in zip(*changed, strict=True)),
        )


async def _write_events(connection: Connection, events: Iterable[AuditEvent]) -> int:
    # Sorted, so that two writers of the same events wait for each other in one order only.
    rows = sorted(((uuid.UUID(event.event_id), event) for event in events), key=lambda row: row[0])
    status = await connection.execute(
        "INSERT INTO audit_event (event_id, at, tenant, type, person_id, message_id, body)"
        " SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[],"
        " $6::uuid[], $7::bytea[]) ON CONFLICT DO NOTHING",
        [event_id for event_id, _ in rows],
        [event.at.ToDatetime(datetime.UTC) for _, event in rows],
        [event.tenant for _, event in rows],
        [event.type for _, event in rows],
        [event.person_id for _, event in rows],
        [uuid.UUID(event.message_id) if event.message_id else None for _, event in rows],
        [event.SerializeToString(deterministic=True) for _, event in rows],
    )
    return int(status.rsplit(" ", 1)[1])


def _row(standing: Standing) -> _Row:
    return (
        standing.tenant,
        standing.feed,
        standing.message_type,
        standing.origin,
        standing.received_at,
        standing.is_accepted,
        standing.is_rejected,
        standing.is_duplicate,
        standing.rejected_reason,
        standing.attempt,
        standing.last_stage,
        standing.done_stage,
        standing.is_routed,
        *standing.parked,
        *standing.held,
        *standing.withheld,
        int(standing.disposition),
        int(standing.reason),
    )


def _standing(row: Record, legs: dict[str, Leg]) -> Standing:
    return Standing(
        tenant=row["tenant"],
        feed=row["feed"],
        message_type=row["message_type"],
        origin=row["origin"],
        received_at=row["received_at"],
        is_accepted=row["is_accepted"],
        is_rejected=row["is_rejected"],
        is_duplicate=row["is_duplicate"],
        rejected_reason=row["rejected_reason"],
        attempt=row["attempt"],
        last_stage=row["last_stage"],
        done_stage=row["done_stage"],
        is_routed=row["is_routed"],
        parked=(row["parked_stage"], row["parked_reason"]),
        held=(row["held_stage"], row["held_reason"]),
        withheld=(row["withheld_stage"], row["withheld_reason"]),
        legs=legs,
    )


def _state(row: Record, trail: Sequence[Custody]) -> MessageState:
    state = MessageState(
        message_id=str(row["message_id"]),
        tenant=row["tenant"],
        feed=row["feed"],
        message_type=row["message_type"],
        disposition=row["disposition"],
        last=deciding(trail, row["disposition"]),
    )
    if row["received_at"] is not None:
        state.received_at.FromDatetime(row["received_at"])
    return state
