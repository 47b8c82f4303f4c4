"""The log, read back: checkpoints, leaves, tiles, and the proofs that follow from them."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.errors import InvalidRequest, NotFound
from plexus.store import Connection, Database, Record
from services.audit.domain import canonical, moment_of
from services.audit.domain.leaves import decode_leaf, leaf_of
from services.audit.domain.tree import (
    TILE_WIDTH,
    TileNodes,
    TilePlace,
    WantedTiles,
    consistency_proof,
    inclusion_proof,
)

__all__ = ["Entry", "Log", "Proven", "Signed"]

_SIGNED: Final = "SELECT c.size, c.note, c.sealed_at FROM checkpoint c JOIN tree t USING (tree)"
_LEAVES: Final = (
    "SELECT hash FROM leaf WHERE tree = $1 AND sequence >= $2 AND sequence < $3 ORDER BY sequence"
)
_ROOTS: Final = (
    "SELECT root FROM tile WHERE tree = $1 AND number >= $2 AND number < $3 AND level = $4"
    " ORDER BY number"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as it is stored."""

    size: int
    note: str
    sealed_at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A leaf as it is stored.

    Attributes:
        data: of the leaf; empty where its event is not stored any more.
        unlike: columns that say something else than the event.
    """

    sequence: int
    event_id: str
    data: bytes
    hash: bytes
    unlike: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Proven:
    """An event with its proof."""

    tenant: str
    sequence: int
    data: bytes
    proof: list[bytes]
    signed: Signed


class Log:
    """The logs of all tenants, for who reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def checkpoint(self, tenant: str, at_least: int = 0) -> Signed:
        """The smallest checkpoint with that many leaves, the latest for 0. Raises NotFound."""
        async with self._database.connection() as connection:
            return await _checkpoint(connection, tenant, at_least)

    async def checkpoints(self, tenant: str, after: int, limit: int) -> list[Signed]:
        """Checkpoints of more leaves than `after`, the smallest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"{_SIGNED} WHERE t.tenant = $1 AND c.size > $2 ORDER BY c.size LIMIT $3",
                tenant,
                after,
                limit,
            )
        return [Signed(**dict(row)) for row in rows]

    async def latest(self) -> list[tuple[str, Signed]]:
        """The latest checkpoint of every tenant."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT t.tenant, c.size, c.note, c.sealed_at FROM tree t"
                " JOIN checkpoint c ON c.tree = t.tree AND c.size = t.size ORDER BY t.tenant"
            )
        return [(row["tenant"], Signed(row["size"], row["note"], row["sealed_at"])) for row in rows]

    async def entries(self, tenant: str, start: int, limit: int) -> tuple[list[Entry], int]:
        """Leaves from `start` on, in order, and how many the log has."""
        async with self._database.connection() as connection:
            tree = await connection.fetchrow(
                "SELECT tree, size FROM tree WHERE tenant = $1", tenant
            )
            if tree is None:
                return [], 0
            rows = await connection.fetch(
                "SELECT l.sequence, l.event_id, l.hash, l.at AS leaf_at, l.agent, l.destination,"
                " e.body, e.at, e.tenant, e.type, e.person_id, e.message_id"
                " FROM leaf l LEFT JOIN audit_event e USING (event_id)"
                " WHERE l.tree = $1 AND l.sequence >= $2 AND l.sequence < $2 + $3"
                " ORDER BY l.sequence",
                tree["tree"],
                start,
                limit,
            )
        return [_entry(row, tenant) for row in rows], tree["size"]

    async def tiles(
        self, tenant: str, level: int, start: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Full tiles of a level from `start` on, in order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT number, hashes FROM tile JOIN tree USING (tree)"
                " WHERE tenant = $1 AND level = $2 AND number >= $3 ORDER BY number LIMIT $4",
                tenant,
                level,
                start,
                limit,
            )
        return [(row["number"], row["hashes"]) for row in rows]

    async def prove(self, event_id: str) -> Proven:
        """An event with its place and a proof that leads to the latest checkpoint.

        Raises:
            NotFound: there is no such event, or it is not sealed yet.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT t.tenant, l.tree, l.sequence, e.body FROM leaf l JOIN tree t USING (tree)"
                " JOIN audit_event e USING (event_id) WHERE event_id = $1",
                uuid.UUID(event_id),
            )
            if row is None:
                raise NotFound("no sealed event has this id; a new one is sealed within a second")
            signed = await _checkpoint(connection, row["tenant"], 0)
            wanted = WantedTiles()
            inclusion_proof(wanted, row["sequence"], signed.size)
            nodes = await _nodes(connection, row["tree"], wanted.places)
        try:
            proof = inclusion_proof(nodes, row["sequence"], signed.size)
        except KeyError as exc:
            raise NotFound("tiles of the log are missing: verify the log") from exc
        return Proven(row["tenant"], row["sequence"], leaf_of(row["body"]), proof, signed)

    async def prove_growth(self, tenant: str, first: int, second: int) -> list[bytes]:
        """That the first `first` leaves are the same in the tree of `second`.

        Raises:
            NotFound: the log has not so many leaves.
            InvalidRequest: the first is the greater one.
        """
        if first > second:
            raise InvalidRequest("the first tree cannot be the greater one", location="first")
        async with self._database.connection() as connection:
            tree = await connection.fetchrow(
                "SELECT tree, size FROM tree WHERE tenant = $1", tenant
            )
            if tree is None or second > tree["size"]:
                raise NotFound("the log has not so many leaves")
            wanted = WantedTiles()
            consistency_proof(wanted, first, second)
            nodes = await _nodes(connection, tree["tree"], wanted.places)
        try:
            return consistency_proof(nodes, first, second)
        except KeyError as exc:
            raise NotFound("tiles of the log are missing: verify the log") from exc


async def _checkpoint(connection: Connection, tenant: str, at_least: int) -> Signed:
    order = "c.size" if at_least else "c.size DESC"
    row = await connection.fetchrow(
        f"{_SIGNED} WHERE t.tenant = $1 AND c.size >= $2 ORDER BY {order} LIMIT 1", tenant, at_least
    )
    if row is None:
        raise NotFound("this tenant has no such checkpoint")
    return Signed(**dict(row))


async def _nodes(connection: Connection, tree: int, places: Iterable[TilePlace]) -> TileNodes:
    """The tiles that a proof reads; those that are not full yet are put together."""
    found: dict[TilePlace, bytes] = {}
    for place in sorted(places):
        hashes = await connection.fetchval(
            "SELECT hashes FROM tile WHERE tree = $1 AND level = $2 AND number = $3",
            tree,
            place.level,
            place.number,
        )
        if hashes is None:
            first = place.number * TILE_WIDTH
            entries, values = _LEAVES, list[int]()
            if place.level:
                entries, values = _ROOTS, [place.level - 1]
            rows = await connection.fetch(entries, tree, first, first + TILE_WIDTH, *values)
            hashes = b"".join(row[0] for row in rows)
        found[place] = hashes
    return TileNodes(found)


def _entry(row: Record, tenant: str) -> Entry:
    body = row["body"]
    return Entry(
        sequence=row["sequence"],
        event_id=str(row["event_id"]),
        data=b"" if body is None else leaf_of(body),
        hash=row["hash"],
        unlike=() if body is None else _unlike(row, tenant),
    )


def _unlike(row: Record, tenant: str) -> tuple[str, ...]:
    """The columns that questions are answered by and that do not say what the event says."""
    try:
        event = decode_leaf(row["body"])
        at, event_id = moment_of(event.at), canonical(event.event_id)
    except (ValueError, OverflowError):
        return ("body",)
    told: list[tuple[str, object, object]] = [
        ("event_id", str(row["event_id"]), event_id),
        ("tenant", (row["tenant"], tenant), (event.tenant, event.tenant)),
        ("at", (row["at"], row["leaf_at"]), (at, at)),
        ("type", row["type"], event.type),
        ("person_id", row["person_id"], event.person_id),
        ("message_id", row["message_id"], _id_of(event)),
        ("agent", row["agent"], event.agent),
        ("destination", row["destination"], event.destination),
    ]
    return tuple(name for name, column, said in told if column != said)


def _id_of(event: AuditEvent) -> uuid.UUID | None:
    return uuid.UUID(event.message_id) if event.message_id else None
