"""The ledger in PostgreSQL: custody, how messages stand, and the audit log."""

from collections.abc import Sequence
from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody, Disposition, MessageState
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.store import Connection, Database, Record
from services.audit.domain import LegTally, Tally, canonical, deciding
from services.audit.store.conditions import Conditions
from services.audit.store.events import Found, Question, find_events, write_events
from services.audit.store.tallies import Changes, read_tallies
from services.audit.store.telling import tell
from services.audit.store.trails import read_standings, read_trail, read_trails

__all__ = ["Ledger"]

# Entries of one statement: far within the time that a statement may take.
_MOST_AT_ONCE: Final = 8192
_IN_FLIGHT: Final = Disposition.DISPOSITION_IN_FLIGHT


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
        for start in range(0, len(events), _MOST_AT_ONCE):
            await write_events(connection, events[start : start + _MOST_AT_ONCE])
        changes = Changes()
        for start in range(0, len(custody), _MOST_AT_ONCE):
            await tell(connection, custody[start : start + _MOST_AT_ONCE], changes)
        await changes.write(connection)

    async def append(self, events: Sequence[AuditEvent]) -> int:
        """Commit events that were checked; returns how many were new."""
        if not events:
            return 0
        async with self._database.connection() as connection:
            return await write_events(connection, events)

    async def find_events(self, question: Question, limit: int) -> Found:
        """A page of audit events, the newest first."""
        async with self._database.connection() as connection:
            return await find_events(connection, question, limit)

    async def custody(self, message_id: str) -> list[Custody]:
        """The trail of one message, the oldest first."""
        async with self._database.connection() as connection:
            return await read_trail(connection, message_id)

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
        conditions = Conditions()
        conditions.add("disposition = {}" if disposition else "disposition > {}", int(disposition))
        conditions.add("tenant = {}", tenant)
        conditions.add("feed = {}", feed)
        conditions.add(
            "EXISTS (SELECT FROM leg l WHERE l.message_id = m.message_id AND l.destination = {})",
            destination,
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                conditions.within("SELECT * FROM message m{} ORDER BY message_id DESC LIMIT {}"),
                *conditions.values,
                limit,
            )
            trails = await read_trails(connection, [row["message_id"] for row in rows])
        return [_state(row, trails.get(row["message_id"], [])) for row in rows]

    async def unfinished(self, message_ids: Sequence[str]) -> list[tuple[str, StageName.ValueType]]:
        """Those of some messages that are in flight or unknown, in the order asked.

        With the furthest stage that has reported of the latest passage; unspecified where none has.
        """
        asked = [canonical(message_id) for message_id in message_ids]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT message_id, disposition FROM message WHERE message_id = ANY($1::uuid[])",
                asked,
            )
            known = {str(row["message_id"]): row["disposition"] for row in rows}
            flying = {name for name, disposition in known.items() if disposition == _IN_FLIGHT}
            standings = await read_standings(connection, flying)
        found: list[tuple[str, StageName.ValueType]] = []
        for message_id, name in zip(message_ids, asked, strict=True):
            if name not in known:
                found.append((message_id, StageName.STAGE_UNSPECIFIED))
            elif name in flying:
                found.append((message_id, StageName.ValueType(standings[name].last_stage)))
        return found

    async def tallies(self, tenant: str) -> tuple[list[Tally], list[LegTally]]:
        """What there is of messages and of legs at one instant; of all tenants where empty."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await read_tallies(connection, tenant)


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
