"""Changes of links, as they were committed: for whoever explains and whoever follows."""

import datetime
import uuid
from typing import Final, NamedTuple

from plexus.errors import NotFound
from plexus.store import Connection

__all__ = ["Change", "ChangeStore"]

_COLUMNS: Final = (
    "e.seq, e.kind, e.at, e.message_id::text, coalesce(e.from_person::text, ''),"
    " e.to_person::text, e.authority, e.value, e.explanation, coalesce(d.steward, ''),"
    " coalesce(d.reason, '')"
)


class Change(NamedTuple):
    """One change of one link. Holds patient data.

    Attributes:
        explanation: JSON of the verdict, where demographics decided.
        steward: who decided it; empty for none.
        reason: why, in the steward's words.
    """

    seq: int
    kind: str
    at: datetime.datetime
    message_id: str
    from_person: str
    to_person: str
    authority: str
    value: str
    explanation: str | None
    steward: str
    reason: str


class ChangeStore:
    """Changes in one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, tenant: str, persons: list[uuid.UUID], limit: int) -> list[Change]:
        """The latest changes of the links of some persons, the oldest first."""
        rows = await self._connection.fetch(
            f"SELECT * FROM (SELECT {_COLUMNS} FROM link_event e"
            " LEFT JOIN decision d ON d.message_id = e.message_id WHERE e.tenant = $1"
            " AND (e.to_person = ANY($2::uuid[]) OR e.from_person = ANY($2::uuid[]))"
            " ORDER BY e.seq DESC LIMIT $3) latest ORDER BY seq",
            tenant,
            persons,
            limit,
        )
        return [Change(*row) for row in rows]

    async def place(self, tenant: str, seq: int) -> str:
        """The transaction that made a change; the one before all others for 0.

        Raises:
            NotFound: the tenant has no such change.
        """
        if not seq:
            return "0"
        found: str | None = await self._connection.fetchval(
            "SELECT transaction::text FROM link_event WHERE tenant = $1 AND seq = $2", tenant, seq
        )
        if found is None:
            raise NotFound("there is no change of that number")
        return found

    async def behind(
        self, tenant: str, transaction: str, seq: int, limit: int
    ) -> list[tuple[Change, str]]:
        """Changes behind a place, in an order to which nothing is added in front, with their places.

        Only of transactions before which all have ended: whoever began earlier and commits later would
        be missed otherwise.
        """
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS}, e.transaction::text FROM link_event e"
            " LEFT JOIN decision d ON d.message_id = e.message_id WHERE e.tenant = $1"
            " AND (e.transaction, e.seq) > ($2::text::xid8, $3)"
            " AND e.transaction < pg_snapshot_xmin(pg_current_snapshot())"
            " ORDER BY e.transaction, e.seq LIMIT $4",
            tenant,
            transaction,
            seq,
            limit,
        )
        return [(Change(*tuple(row)[:-1]), row[-1]) for row in rows]
