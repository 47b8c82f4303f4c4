"""What consent persists: directives in all their versions, and each person's consent epoch.

A change and its epoch are one transaction; what decides reads the epoch with every decision. Nothing
is ever deleted.
"""

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from plexus.store import Connection, Record

__all__ = ["DirectiveStore", "PersonKey", "Stored"]

PersonKey = tuple[str, str]
"""Tenant and person id."""

_MOST_VERSIONS: Final = 1000
_LONGEST_CHAIN: Final = 100


class Stored(NamedTuple):
    """One version of a directive.

    Attributes:
        source: that said so in a message; empty where it was filed.
        message_id: that message.
    """

    consent_id: str
    version: int
    status: str
    content: bytes
    filed_at: datetime.datetime
    is_current: bool
    source: str = ""
    message_id: str = ""


def _stored(row: Record, *, is_current: bool) -> Stored:
    return Stored(
        row["consent_id"],
        row["version"],
        row["status"],
        row["content"],
        row["filed_at"],
        is_current,
        row["source"],
        row["message_id"],
    )


class DirectiveStore:
    """The directives in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def epochs(self, persons: Collection[PersonKey]) -> dict[PersonKey, int]:
        """The epoch of each person about whom something was said; the others are left out."""
        rows = await self._connection.fetch(
            "SELECT p.tenant, p.person_id, p.epoch"
            " FROM unnest($1::text[], $2::text[]) n (tenant, person_id)"
            " JOIN person p USING (tenant, person_id) WHERE p.epoch > 0",
            [tenant for tenant, _ in persons],
            [person_id for _, person_id in persons],
        )
        return {(tenant, person_id): epoch for tenant, person_id, epoch in rows}

    async def current(
        self, persons: Collection[PersonKey]
    ) -> Mapping[PersonKey, tuple[int, list[Stored]]]:
        """Epoch and newest versions of each person's directives, as of one moment."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT ON (p.tenant, p.person_id, d.consent_id)"
            " p.tenant, p.person_id, p.epoch,"
            " d.consent_id, d.version, d.status, d.content, d.filed_at, d.source, d.message_id"
            " FROM unnest($1::text[], $2::text[]) n (tenant, person_id)"
            " JOIN person p USING (tenant, person_id)"
            " LEFT JOIN directive d USING (tenant, person_id)"
            " ORDER BY p.tenant, p.person_id, d.consent_id, d.version DESC",
            [tenant for tenant, _ in persons],
            [person_id for _, person_id in persons],
        )
        found: dict[PersonKey, tuple[int, list[Stored]]] = {}
        for row in rows:
            person = (row["tenant"], row["person_id"])
            _, held = found.setdefault(person, (row["epoch"], []))
            if row["consent_id"] is not None:
                held.append(_stored(row, is_current=True))
        return found

    async def survivor(self, person: PersonKey) -> PersonKey:
        """Who holds this person's directives now: the one they were merged into, or themselves."""
        tenant, person_id = person
        for _ in range(_LONGEST_CHAIN):
            after = await self._connection.fetchval(
                "SELECT merged_into FROM person WHERE tenant = $1 AND person_id = $2",
                tenant,
                person_id,
            )
            if after is None:
                break
            person_id = after
        return tenant, person_id

    async def versions(self, person: PersonKey) -> tuple[int, list[Stored]]:
        """The epoch, and all versions of all directives, the oldest first."""
        epoch = await self._connection.fetchval(
            "SELECT epoch FROM person WHERE tenant = $1 AND person_id = $2", *person
        )
        rows = await self._connection.fetch(
            "SELECT consent_id, version, status, content, filed_at, source, message_id,"
            " version = max(version) OVER (PARTITION BY consent_id) AS is_current"
            " FROM directive WHERE tenant = $1 AND person_id = $2"
            f" ORDER BY filed_at, consent_id, version LIMIT {_MOST_VERSIONS}",
            *person,
        )
        return epoch or 0, [_stored(row, is_current=row["is_current"]) for row in rows]

    async def bump(self, person: PersonKey) -> int:
        """Raise the epoch. Holds off all other changes until the transaction ends: call it first."""
        epoch: int = await self._connection.fetchval(
            "WITH c AS (UPDATE change SET total = total + 1 RETURNING total)"
            " INSERT INTO person AS p (tenant, person_id, epoch, changed)"
            " SELECT $1, $2, 1, total FROM c ON CONFLICT (tenant, person_id)"
            " DO UPDATE SET epoch = p.epoch + 1, changed = excluded.changed RETURNING epoch",
            *person,
        )
        return epoch

    async def hold_changes(self) -> None:
        """Hold off all other changes until the transaction ends."""
        await self._connection.execute("SELECT total FROM change FOR UPDATE")

    async def total(self) -> int:
        """How many changes there were."""
        total: int = await self._connection.fetchval("SELECT total FROM change")
        return total

    async def changed(self, after: int, most: int) -> list[tuple[PersonKey, int]]:
        """Persons who were changed after a number of changes, with their last one, in its order."""
        rows = await self._connection.fetch(
            "SELECT tenant, person_id, changed FROM person WHERE changed > $1"
            " ORDER BY changed LIMIT $2",
            after,
            most,
        )
        return [((tenant, person_id), changed) for tenant, person_id, changed in rows]

    async def held(self, person: PersonKey) -> list[str]:
        """The ids of a person's directives."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT consent_id FROM directive WHERE tenant = $1 AND person_id = $2",
            *person,
        )
        return [row["consent_id"] for row in rows]

    async def newest(
        self, person: PersonKey, consent_id: str, *, is_told: bool = False
    ) -> Stored | None:
        """The newest version of one directive; with `is_told` the newest that a source has said."""
        row = await self._connection.fetchrow(
            "SELECT consent_id, version, status, content, filed_at, source, message_id FROM directive"
            " WHERE tenant = $1 AND person_id = $2 AND consent_id = $3"
            " AND (message_id <> '' OR NOT $4) ORDER BY version DESC LIMIT 1",
            *person,
            consent_id,
            is_told,
        )
        return None if row is None else _stored(row, is_current=True)

    async def has(self, person: PersonKey, consent_id: str, message_id: str) -> bool:
        """Whether a message has said something of a directive before."""
        found: bool = await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM directive WHERE tenant = $1 AND person_id = $2"
            " AND consent_id = $3 AND message_id = $4)",
            *person,
            consent_id,
            message_id,
        )
        return found

    async def add(self, person: PersonKey, stored: Stored) -> None:
        """Store one version."""
        await self._connection.execute(
            "INSERT INTO directive"
            " (tenant, person_id, consent_id, version, status, content, filed_at, source, message_id)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *person,
            *stored[:5],
            stored.source,
            stored.message_id,
        )

    async def release(self, person: PersonKey, survivor: str) -> None:
        """Take back what the survivor was given of a person who had gone under, and stands again.

        Doing it again changes nothing. What was filed for the person meanwhile was filed for the survivor,
        and stays there.
        """
        await self._connection.execute("SELECT total FROM change FOR UPDATE")
        tenant, person_id = person
        status = await self._connection.execute(
            "UPDATE person SET merged_into = NULL"
            " WHERE tenant = $1 AND person_id = $2 AND merged_into = $3",
            tenant,
            person_id,
            survivor,
        )
        if status.endswith(" 0"):
            return
        status = await self._connection.execute(
            "DELETE FROM directive d USING directive own WHERE d.tenant = $1 AND d.person_id = $3"
            " AND own.tenant = $1 AND own.person_id = $2 AND own.consent_id = d.consent_id"
            " AND own.version = d.version AND own.content = d.content AND own.filed_at = d.filed_at",
            tenant,
            person_id,
            survivor,
        )
        if not status.endswith(" 0"):
            await self.bump((tenant, survivor))
            await self.bump(person)

    async def adopt(self, survivor: PersonKey, absorbed: Sequence[str]) -> None:
        """Give the survivor a copy of all directives of those who were merged into them.

        Doing it again changes nothing. What is filed for an absorbed person goes to the survivor
        afterwards.
        """
        await self.hold_changes()
        tenant, person_id = survivor
        others = sorted(set(absorbed) - {person_id})
        taken = await self._connection.fetch(
            "INSERT INTO person AS p (tenant, person_id, epoch, changed, merged_into)"
            " SELECT $1, n, 0, 0, $2 FROM unnest($3::text[]) n"
            " ON CONFLICT (tenant, person_id) DO UPDATE SET merged_into = $2"
            " WHERE p.merged_into IS DISTINCT FROM $2 RETURNING person_id",
            tenant,
            person_id,
            others,
        )
        if not taken:
            return
        names = [row["person_id"] for row in taken]
        count = await self._connection.fetchval(
            "SELECT count(*) FROM directive WHERE tenant = $1 AND person_id = any($2::text[])",
            tenant,
            names,
        )
        if not count:
            return
        await self.bump(survivor)
        await self._connection.execute(
            "INSERT INTO directive"
            " SELECT tenant, $2, consent_id, version, status, content, filed_at, source, message_id"
            " FROM directive"
            " WHERE tenant = $1 AND person_id = any($3::text[]) ON CONFLICT DO NOTHING",
            tenant,
            person_id,
            names,
        )
