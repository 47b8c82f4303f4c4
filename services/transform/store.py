"""What transform persists: unmapped codes, and unmapped fields. Messages never wait for it."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from plexus.store import Database
from services.transform.domain import Tally, UnmappedField

__all__ = ["SeenField", "UnmappedCode", "UnmappedStore"]

_MOST_OF_A_SOURCE = 5000


@dataclass(frozen=True, slots=True)
class UnmappedCode:
    """A code of the worklist.

    Attributes:
        tenant, source: who sends it.
        place: the field, as OBX-3.
        system: its URI or the sender's name for it; may be empty.
        code, display: as sent.
        count: how often it came, about: what a replica had counted when it was killed is missing.
        first_at, last_at: when it was first and last written down.
        message_id: the last message seen with it.
    """

    tenant: str
    source: str
    place: str
    system: str
    code: str
    display: str
    count: int
    first_at: datetime.datetime
    last_at: datetime.datetime
    message_id: str


@dataclass(frozen=True, slots=True)
class SeenField:
    """A field that nobody mapped when it first came, at `first_at`."""

    field: UnmappedField
    first_at: datetime.datetime


class UnmappedStore:
    """The tables of unmapped codes and fields."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tallies: Sequence[Tally], now: datetime.datetime) -> None:
        """Add what was counted. Of each source so many codes are kept; further ones are not taken.

        Raises:
            Unavailable: PostgreSQL is away; nothing was written.
        """
        # In one order, so that two replicas never wait for each other.
        rows = sorted(
            tallies, key=lambda one: (one.tenant, one.source, one.place, one.system, one.code)
        )
        async with self._database.transaction() as connection:
            await connection.execute(
                "WITH told AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],"
                " $5::text[], $6::text[], $7::bigint[], $8::text[])"
                " t (tenant, source, place, system, code, display, count, message_id)),"
                " held AS (SELECT tenant, source, count(*) AS number FROM unmapped_code"
                " WHERE (tenant, source) IN (SELECT tenant, source FROM told) GROUP BY 1, 2),"
                " ranked AS (SELECT t.*, k.code IS NOT NULL AS is_known, coalesce(h.number, 0)"
                " + count(*) FILTER (WHERE k.code IS NULL) OVER (PARTITION BY tenant, source"
                " ORDER BY place, system, code) AS rank"
                " FROM told t LEFT JOIN held h USING (tenant, source)"
                " LEFT JOIN unmapped_code k USING (tenant, source, place, system, code))"
                " INSERT INTO unmapped_code"
                " SELECT tenant, source, place, system, code, display, count, $9, $9, message_id"
                " FROM ranked WHERE is_known OR rank <= $10 ORDER BY 1, 2, 3, 4, 5"
                " ON CONFLICT (tenant, source, place, system, code) DO UPDATE SET"
                " count = unmapped_code.count + excluded.count, display = excluded.display,"
                " last_at = excluded.last_at, message_id = excluded.message_id",
                [one.tenant for one in rows],
                [one.source for one in rows],
                [one.place for one in rows],
                [one.system for one in rows],
                [one.code for one in rows],
                [one.display for one in rows],
                [one.count for one in rows],
                [one.message_id for one in rows],
                now,
                _MOST_OF_A_SOURCE,
            )

    async def find(self, tenant: str, source: str, limit: int) -> list[UnmappedCode]:
        """The codes that came most often; of all tenants or sources where the name is empty."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT tenant, source, place, system, code, display, count, first_at, last_at,"
                " message_id FROM unmapped_code"
                " WHERE ($1 = '' OR tenant = $1) AND ($2 = '' OR source = $2)"
                " ORDER BY count DESC, tenant, source, place, system, code LIMIT $3",
                tenant,
                source,
                limit,
            )
        return [UnmappedCode(*row) for row in rows]

    async def note(
        self, fields: Sequence[UnmappedField], now: datetime.datetime
    ) -> list[UnmappedField]:
        """Note unmapped fields; gives those that nobody had noted before.

        Raises:
            Unavailable: PostgreSQL is away; nothing was written.
        """
        by_key = {field[:4]: field for field in fields}
        rows = [by_key[key] for key in sorted(by_key)]
        async with self._database.transaction() as connection:
            noted = await connection.fetch(
                "INSERT INTO unmapped_field (tenant, source, trigger, place, first_at, message_id)"
                " SELECT tenant, source, trigger, place, $6, message_id"
                " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])"
                " t (tenant, source, trigger, place, message_id) ORDER BY 1, 2, 3, 4"
                " ON CONFLICT DO NOTHING RETURNING tenant, source, trigger, place, message_id",
                *(list(column) for column in zip(*rows, strict=True)),
                now,
            )
        return [UnmappedField(*row) for row in noted]

    async def fields(self, tenant: str, source: str, limit: int) -> list[SeenField]:
        """Noted fields, the newest first; of all tenants or sources where the name is empty."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT tenant, source, trigger, place, message_id, first_at FROM unmapped_field"
                " WHERE ($1 = '' OR tenant = $1) AND ($2 = '' OR source = $2)"
                " ORDER BY first_at DESC, tenant, source, trigger, place LIMIT $3",
                tenant,
                source,
                limit,
            )
        return [SeenField(UnmappedField(*row[:5]), row[5]) for row in rows]

    async def purge(self, before: datetime.datetime) -> None:
        """Forget the codes that were last seen before that time."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM unmapped_code WHERE last_at < $1", before)
