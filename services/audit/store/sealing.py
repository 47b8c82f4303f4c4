"""Sealing: events that are stored become leaves, in one transaction with their checkpoint.

An event is in the queue or it is a leaf, never both and never neither: it is queued by the transaction that
stores it, and taken from the queue by the one that seals it. One sealer works at a time: it holds an
advisory lock, which is a lease that ends with its transaction, and locks the row of each tree that it adds
to. So a sealer that dies, or another one beside it, leaves no gap and no double.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.errors import PlexusError
from plexus.ids import IdSource
from plexus.store import Connection, Database, Record
from plexus.store.copying import (
    bytes_field,
    copy_rows,
    int_field,
    text_field,
    time_field,
    uuid_field,
)
from services.audit.domain.leaves import leaf_of, told_of
from services.audit.domain.notes import Checkpoint
from services.audit.domain.tree import EMPTY_ROOT, TILE_WIDTH, Edge, edge_lengths, leaf_hash
from services.audit.store.events import write_events

__all__ = ["Round", "Sealed", "Sealing", "Sign"]

Sign = Callable[[str, int, bytes], str]
"""Makes the note of a tenant's tree, from its size and root."""

_LOCK: Final = 7305808869235
_COLUMNS: Final = ("tree", "sequence", "event_id", "hash", "at", "agent", "destination")


@dataclasses.dataclass(frozen=True, slots=True)
class Sealed:
    """A tree that grew, and its new checkpoint."""

    tenant: str
    size: int
    note: str


@dataclasses.dataclass(frozen=True, slots=True)
class Round:
    """What one transaction sealed.

    Attributes:
        trees: that grew.
        events: how many events became leaves.
        missing: how many were queued and are not stored any more.
        is_full: more may wait.
    """

    trees: tuple[Sealed, ...] = ()
    events: int = 0
    missing: int = 0
    is_full: bool = False


_ROUNDS_APART: Final = 60
"""So many rounds a broken log is left alone before it is tried again."""


class _BrokenLogError(PlexusError):
    """The stored tree of a tenant is not what was signed."""

    def __init__(self, tenant: str, detail: str) -> None:
        super().__init__(detail)
        self.tenant = tenant


class Sealing:
    """Adds leaves. Keeps the right edges of trees at hand, and checks them against the store."""

    def __init__(self, database: Database, sign: Sign, ids: IdSource) -> None:
        self._database = database
        self._sign = sign
        self._ids = ids
        self._edges: dict[str, Edge] = {}
        self._broken: set[str] = set()
        self._rounds = 0

    async def seal(self, limit: int) -> Round:
        """Seal at most `limit` of what waits, the oldest first; nothing where another one seals.

        Raises:
            PlexusError: a stored tree does not lead to its last checkpoint. Nothing was sealed; from the
                next round on the other tenants are, and this one is tried again now and then.
        """
        self._rounds += 1
        if self._rounds % _ROUNDS_APART == 0:
            self._broken.clear()
        try:
            async with self._database.transaction() as connection:
                return await self._seal(connection, limit)
        except BaseException as exc:
            if isinstance(exc, _BrokenLogError):
                self._broken.add(exc.tenant)
            # What was not committed must not be at hand.
            self._edges.clear()
            raise

    async def _seal(self, connection: Connection, limit: int) -> Round:
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return Round()
        rows = await connection.fetch(
            "SELECT u.number, u.tenant, u.event_id, e.body, e.at FROM unsealed u"
            " LEFT JOIN audit_event e USING (event_id) WHERE u.tenant <> ALL($2::text[])"
            " ORDER BY u.number LIMIT $1",
            limit,
            sorted(self._broken),
        )
        if not rows:
            return Round()
        present = [row for row in rows if row["body"] is not None]
        missing = [row for row in rows if row["body"] is None]
        if missing:
            await write_events(connection, [_missing_event(row, self._ids) for row in missing])
        by_tenant: dict[str, list[Record]] = {}
        for row in present:
            by_tenant.setdefault(row["tenant"], []).append(row)
        trees = [
            await self._grow(connection, tenant, by_tenant[tenant]) for tenant in sorted(by_tenant)
        ]
        await connection.execute(
            "DELETE FROM unsealed WHERE number = ANY($1::bigint[])", [row["number"] for row in rows]
        )
        return Round(tuple(trees), len(present), len(missing), is_full=len(rows) == limit)

    async def _grow(self, connection: Connection, tenant: str, rows: Sequence[Record]) -> Sealed:
        await connection.execute(
            "INSERT INTO tree (tenant) VALUES ($1) ON CONFLICT DO NOTHING", tenant
        )
        found = await connection.fetchrow(
            "SELECT tree, size FROM tree WHERE tenant = $1 FOR UPDATE", tenant
        )
        assert found is not None
        tree, size = found["tree"], found["size"]
        edge = self._edges.get(tenant)
        if edge is None or edge.size != size:
            edge = await self._take_up(connection, tenant, tree, size)
            self._edges[tenant] = edge
        leaves: list[bytes] = []
        content: list[bytes] = []
        tree_field = int_field(tree, 4)
        for sequence, row in enumerate(rows, size):
            hashed = leaf_hash(leaf_of(row["body"]))
            agent, destination = told_of(row["body"])
            leaves.append(hashed)
            content.append(
                tree_field
                + int_field(sequence, 8)
                + uuid_field(str(row["event_id"]))
                + bytes_field(hashed)
                + time_field(row["at"])
                + text_field(agent)
                + text_field(destination)
            )
        tiles = edge.append(leaves)
        await copy_rows(connection, "leaf", _COLUMNS, content)
        if tiles:
            await connection.executemany(
                "INSERT INTO tile (tree, level, number, hashes, root) VALUES ($1, $2, $3, $4, $5)",
                [(tree, one.level, one.index, one.hashes, one.root) for one in tiles],
            )
        note = self._sign(tenant, edge.size, edge.root)
        await connection.execute(
            "INSERT INTO checkpoint (tree, size, note) VALUES ($1, $2, $3)", tree, edge.size, note
        )
        await connection.execute("UPDATE tree SET size = $2 WHERE tree = $1", tree, edge.size)
        return Sealed(tenant, edge.size, note)

    async def _take_up(self, connection: Connection, tenant: str, tree: int, size: int) -> Edge:
        levels: list[list[bytes]] = []
        for level, length in enumerate(edge_lengths(size)):
            end = size // TILE_WIDTH**level
            if level == 0:
                rows = await connection.fetch(
                    "SELECT hash FROM leaf WHERE tree = $1 AND sequence >= $2 ORDER BY sequence",
                    tree,
                    end - length,
                )
            else:
                rows = await connection.fetch(
                    "SELECT root FROM tile WHERE tree = $1 AND level = $2 AND number >= $3"
                    " ORDER BY number",
                    tree,
                    level - 1,
                    end - length,
                )
            levels.append([row[0] for row in rows])
        note = await connection.fetchval(
            "SELECT note FROM checkpoint WHERE tree = $1 ORDER BY size DESC LIMIT 1", tree
        )
        text = note.rpartition("\n\n")[0] + "\n" if note else ""
        root = Checkpoint.from_text(text).root if note else EMPTY_ROOT
        try:
            edge = Edge(size, levels)
        except ValueError as exc:
            raise _BrokenLogError(tenant, "leaves or tiles of the audit log are missing") from exc
        if edge.root != root:
            raise _BrokenLogError(
                tenant, "the stored audit log does not lead to its last checkpoint"
            )
        return edge


def _missing_event(row: Record, ids: IdSource) -> AuditEvent:
    """Says that an event was taken away before it was sealed. The log keeps that."""
    event = AuditEvent(
        event_id=ids.message_id(),
        tenant=row["tenant"],
        type="event-missing",
        action="D",
        agent="audit",
        outcome="failure",
        query=f"event {row['event_id']}",
    )
    event.at.GetCurrentTime()
    return event
