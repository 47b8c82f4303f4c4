"""The index in PostgreSQL: persons, identifiers, the events that linked them, and conflicts.

All statements are set-based: a batch takes one to three reads and one to five writes.
"""

import collections
import hashlib
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from plexus.errors import Unavailable
from plexus.store import Connection, Record
from services.identity.domain import Conflict, Index, Link, Name, Relation
from services.identity.store.assertions import AssertionStore

__all__ = ["IndexStore", "LinkedName", "lock_number"]


class LinkedName(NamedTuple):
    """An identifier of a person, with who brought it first."""

    authority: str
    value: str
    source: str
    message_id: str


def lock_number(parts: Iterable[str]) -> int:
    """The advisory lock that stands for a name or a person: 64 bits, signed."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


class KnownPerson(NamedTuple):
    """A person that stands.

    Attributes:
        person_id: who.
        names: the identifiers.
        merged: persons that went under it, sorted.
        linked: other persons that are the same human being, sorted.
    """

    person_id: str
    names: list[LinkedName]
    merged: list[str]
    linked: list[str]


class IndexStore:
    """The index in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, contested: Collection[tuple[str, ...]]) -> None:
        """Lock names and persons until the transaction ends.

        In one order, so that no two transactions wait for each other. Call at most once in a
        transaction.
        """
        numbers = sorted({lock_number(parts) for parts in contested})
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) n", numbers
        )

    async def load(
        self, names: Collection[Name], members_of: Collection[tuple[str, str]] = ()
    ) -> Index:
        """The committed links of some names, and all links of some persons (tenant, person)."""
        rows: list[Record] = await self._connection.fetch(
            "SELECT i.tenant, i.authority, i.value, i.person_id, i.universal_id, i.came_with"
            " FROM unnest($1::text[], $2::text[], $3::text[]) n (tenant, authority, value)"
            " JOIN identifier i USING (tenant, authority, value)",
            [name.tenant for name in names],
            [name.authority for name in names],
            [name.value for name in names],
        )
        if members_of:
            rows += await self._connection.fetch(
                "SELECT i.tenant, i.authority, i.value, i.person_id, i.universal_id, i.came_with"
                " FROM unnest($1::text[], $2::uuid[]) p (tenant, person_id)"
                " JOIN identifier i USING (tenant, person_id)",
                [tenant for tenant, _ in members_of],
                [person_id for _, person_id in members_of],
            )
        return Index({
            Name(tenant, authority, value): Link(str(person_id), universal_id, str(came_with or ""))
            for tenant, authority, value, person_id, universal_id, came_with in rows
        })  # fmt: skip

    async def unlinks_among(self, message_ids: Collection[str]) -> frozenset[str]:
        """Those of some messages that have unlinked persons before."""
        rows = await self._connection.fetch(
            "SELECT DISTINCT message_id::text FROM link_event"
            " WHERE message_id = ANY($1::uuid[]) AND kind = 'unlink'",
            list(message_ids),
        )
        return frozenset(row["message_id"] for row in rows)

    async def save(self, index: Index) -> None:
        """Write what a batch has changed.

        Raises:
            Unavailable: another transaction linked one of the names first; try the batch again.
        """
        if index.new_persons:
            await self._add_persons(index)
        if index.merged:
            await self._merge_persons(index)
        if index.restored:
            await self._restore_persons(index)
        if index.added:
            await self._add_identifiers(index)
        if index.changed:
            await self._change_identifiers(index)
        if index.events:
            await self._add_events(index)
        if index.conflicts:
            await self._add_conflicts(index.conflicts)
        for relation in index.relations:
            await self._relate(relation)

    async def person(self, tenant: str, person_id: uuid.UUID) -> KnownPerson | None:
        """The surviving person; None where unknown."""
        root = await self.root(tenant, person_id)
        if root is None:
            return None
        names = await self._connection.fetch(
            "SELECT authority, value, source, message_id FROM identifier"
            " WHERE tenant = $1 AND person_id = $2 ORDER BY authority, value",
            tenant,
            root,
        )
        merged = await self._connection.fetch(
            "WITH RECURSIVE down AS ("
            " SELECT person_id FROM person WHERE tenant = $1 AND merged_into = $2"
            " UNION SELECT p.person_id FROM down"
            " JOIN person p ON p.tenant = $1 AND p.merged_into = down.person_id)"
            " SELECT person_id FROM down ORDER BY person_id",
            tenant,
            root,
        )
        linked = [
            LinkedName(row["authority"], row["value"], row["source"], str(row["message_id"]))
            for row in names
        ]
        under = [row["person_id"] for row in merged]
        related = await self._connection.fetch(
            "SELECT CASE WHEN person_id = ANY($2::uuid[]) THEN other_person ELSE person_id END AS other"
            " FROM relation WHERE tenant = $1 AND is_same"
            " AND (person_id = ANY($2::uuid[])) <> (other_person = ANY($2::uuid[]))",
            tenant,
            [root, *under],
        )
        others = {await self.root(tenant, row["other"]) for row in related}
        return KnownPerson(
            str(root), linked, list(map(str, under)), sorted(str(each) for each in others if each)
        )

    async def survivor(self, tenant: str, person_id: uuid.UUID) -> uuid.UUID | None:
        """Whom a person went under; None where it stands or is unknown."""
        found: uuid.UUID | None = await self._connection.fetchval(
            "SELECT merged_into FROM person WHERE tenant = $1 AND person_id = $2",
            tenant,
            person_id,
        )
        return found

    async def since_merge(
        self, tenant: str, person_id: uuid.UUID, survivor: uuid.UUID
    ) -> tuple[set[Name], set[Name]]:
        """What the last merge of two persons has moved, and what has come to the survivor since."""
        rows = await self._connection.fetch(
            "WITH m AS (SELECT message_id, min(seq) AS seq FROM link_event WHERE tenant = $1"
            " AND kind = 'merge' AND from_person = $2 AND to_person = $3"
            " GROUP BY message_id ORDER BY min(seq) DESC LIMIT 1)"
            " SELECT e.authority, e.value, e.kind = 'merge' AS is_moved FROM link_event e, m"
            " WHERE e.tenant = $1 AND e.to_person = $3 AND e.seq >= m.seq"
            " AND ((e.kind = 'merge' AND e.from_person = $2 AND e.message_id = m.message_id)"
            " OR e.kind IN ('identifier_added', 'auto_link'))",
            tenant,
            person_id,
            survivor,
        )
        moved: set[Name] = set()
        newer: set[Name] = set()
        for authority, value, is_moved in rows:
            (moved if is_moved else newer).add(Name(tenant, authority, value))
        return moved, newer

    async def root(self, tenant: str, person_id: uuid.UUID) -> uuid.UUID | None:
        """Who stands for a person now; None where unknown."""
        root: uuid.UUID | None = await self._connection.fetchval(
            "WITH RECURSIVE up AS ("
            " SELECT person_id, merged_into FROM person WHERE tenant = $1 AND person_id = $2"
            " UNION SELECT p.person_id, p.merged_into FROM up"
            " JOIN person p ON p.tenant = $1 AND p.person_id = up.merged_into)"
            " SELECT person_id FROM up WHERE merged_into IS NULL",
            tenant,
            person_id,
        )
        return root

    async def _add_persons(self, index: Index) -> None:
        people = index.new_persons.values()
        await self._connection.execute(
            "INSERT INTO person (tenant, person_id, message_id, at)"
            " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::timestamptz[])",
            [each.told.tenant for each in people],
            [each.person_id for each in people],
            [each.told.message_id for each in people],
            [each.told.at for each in people],
        )

    async def _merge_persons(self, index: Index) -> None:
        await self._connection.execute(
            "UPDATE person p SET merged_into = n.survivor"
            " FROM unnest($1::text[], $2::uuid[], $3::uuid[]) n (tenant, person_id, survivor)"
            " WHERE p.tenant = n.tenant AND p.person_id = n.person_id",
            [tenant for tenant, _ in index.merged],
            [person_id for _, person_id in index.merged],
            list(index.merged.values()),
        )
        # Whoever was asked about the two need not look any more.
        await self._connection.execute(
            "UPDATE review r SET status = 'same'"
            " FROM unnest($1::text[], $2::uuid[], $3::uuid[]) n (tenant, person_id, survivor)"
            " WHERE r.tenant = n.tenant AND r.status IN ('open', 'proposed')"
            " AND (r.person_id, r.other_person)"
            " IN ((n.person_id, n.survivor), (n.survivor, n.person_id))",
            [tenant for tenant, _ in index.merged],
            [person_id for _, person_id in index.merged],
            list(index.merged.values()),
        )

    async def _restore_persons(self, index: Index) -> None:
        await self._connection.execute(
            "UPDATE person p SET merged_into = NULL"
            " FROM unnest($1::text[], $2::uuid[]) n (tenant, person_id)"
            " WHERE p.tenant = n.tenant AND p.person_id = n.person_id",
            [tenant for tenant, _ in index.restored],
            [person_id for _, person_id in index.restored],
        )

    async def _add_identifiers(self, index: Index) -> None:
        names = list(index.added)
        links = [index[name] for name in names]
        status = await self._connection.execute(
            "INSERT INTO identifier"
            " (tenant, authority, value, person_id, universal_id, source, message_id)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[],"
            " $6::text[], $7::uuid[]) ON CONFLICT (tenant, authority, value) DO NOTHING",
            [name.tenant for name in names],
            [name.authority for name in names],
            [name.value for name in names],
            [link.person_id for link in links],
            [link.universal_id for link in links],
            [told.source for told in index.added.values()],
            [told.message_id for told in index.added.values()],
        )
        if int(status.rsplit(" ", 1)[1]) != len(names):
            raise Unavailable("another transaction has linked an identifier of this batch")

    async def _change_identifiers(self, index: Index) -> None:
        names = sorted(index.changed)
        links = [index[name] for name in names]
        await self._connection.execute(
            "UPDATE identifier i SET person_id = n.person_id, universal_id = n.universal_id,"
            " came_with = n.came_with"
            " FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::uuid[])"
            " n (tenant, authority, value, person_id, universal_id, came_with)"
            " WHERE i.tenant = n.tenant AND i.authority = n.authority AND i.value = n.value",
            [name.tenant for name in names],
            [name.authority for name in names],
            [name.value for name in names],
            [link.person_id for link in links],
            [link.universal_id for link in links],
            [link.came_with or None for link in links],
        )
        if index.restored:
            # With whom a name had come before: the last that brought it to the person that stands again.
            await self._connection.execute(
                "UPDATE identifier i SET came_with = (SELECT e.from_person FROM link_event e"
                " JOIN person p ON p.tenant = e.tenant AND p.person_id = e.from_person"
                " AND p.merged_into = i.person_id WHERE e.tenant = i.tenant"
                " AND e.to_person = i.person_id AND e.authority = i.authority AND e.value = i.value"
                " AND e.kind = 'merge' ORDER BY e.seq DESC LIMIT 1)"
                " FROM unnest($1::text[], $2::uuid[]) n (tenant, person_id)"
                " WHERE i.tenant = n.tenant AND i.person_id = n.person_id",
                [tenant for tenant, _ in index.restored],
                [person_id for _, person_id in index.restored],
            )

    async def _add_events(self, index: Index) -> None:
        events = index.events
        await self._connection.execute(
            "INSERT INTO link_event"
            " (tenant, at, message_id, kind, authority, value, from_person, to_person, explanation)"
            " SELECT tenant, at, message_id, kind, authority, value, from_person, to_person,"
            " explanation FROM unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::text[],"
            " $5::text[], $6::text[], $7::uuid[], $8::uuid[], $9::jsonb[]) WITH ORDINALITY"
            " n (tenant, at, message_id, kind, authority, value, from_person, to_person,"
            " explanation, place)"
            " ORDER BY place",
            [event.told.tenant for event in events],
            [event.told.at for event in events],
            [event.told.message_id for event in events],
            [event.kind for event in events],
            [event.name.authority for event in events],
            [event.name.value for event in events],
            [event.from_person or None for event in events],
            [event.to_person for event in events],
            [event.explanation or None for event in events],
        )

    async def _relate(self, relation: Relation) -> None:
        """Note it, and close the review that asked for it. There are few of these."""
        one, other = sorted((relation.person_id, relation.other_person))
        await self._connection.execute(
            "INSERT INTO relation (tenant, person_id, other_person, is_same, source, message_id, at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)"
            " ON CONFLICT (tenant, person_id, other_person) DO UPDATE SET"
            " is_same = excluded.is_same, source = excluded.source,"
            " message_id = excluded.message_id, at = excluded.at",
            relation.told.tenant,
            one,
            other,
            relation.is_same,
            relation.told.source,
            relation.told.message_id,
            relation.told.at,
        )
        assertions = AssertionStore(self._connection)
        if relation.is_same:
            await assertions.withdraw(relation.names, relation.other_names)
        else:
            await assertions.keep_apart(
                relation.names,
                relation.other_names,
                relation.told.at,
                message_id=relation.told.message_id,
            )
        await self._connection.execute(
            "UPDATE review SET status = $4 WHERE tenant = $1 AND status <> $4"
            " AND (person_id, other_person) IN (($2::uuid, $3::uuid), ($3::uuid, $2::uuid))",
            relation.told.tenant,
            one,
            other,
            "same" if relation.is_same else "different",
        )

    async def _add_conflicts(self, conflicts: Sequence[Conflict]) -> None:
        told: dict[tuple[str, ...], list[Conflict]] = collections.defaultdict(list)
        for conflict in conflicts:
            told[(*conflict.name, conflict.person_id, conflict.other_person)].append(conflict)
        # Sorted: the rows are no one's own, and transactions that meet in them must not deadlock.
        keys = sorted(told)
        await self._connection.execute(
            "INSERT INTO conflict AS c (tenant, authority, value, person_id, other_person,"
            " first_message_id, last_message_id, last_at, count)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[],"
            " $6::uuid[], $7::uuid[], $8::timestamptz[], $9::bigint[])"
            " ON CONFLICT (tenant, person_id, other_person, authority, value) DO UPDATE SET"
            " last_message_id = excluded.last_message_id, last_at = excluded.last_at,"
            " count = c.count + excluded.count",
            *(list(column) for column in zip(*keys, strict=True)),
            [told[key][0].told.message_id for key in keys],
            [told[key][-1].told.message_id for key in keys],
            [told[key][-1].told.at for key in keys],
            [len({each.told.message_id for each in told[key]}) for key in keys],
        )
