"""The custody entries of messages, read back, and the standings that they tell."""

import asyncio
import uuid
from collections.abc import Collection, Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import Custody
from plexus.store import Connection
from services.audit.domain import Standing
from services.audit.store.packing import unpack_entries

__all__ = ["read_standings", "read_trail", "read_trails"]

_YIELD_EVERY: Final = 500
_MOST_ROWS: Final = 10_000
_ALL: Final = (
    "SELECT message_id, entries FROM custody WHERE message_id = ANY($1::uuid[]) ORDER BY number"
)


async def read_trail(connection: Connection, message_id: str) -> list[Custody]:
    """The trail of one message, each entry in its first wording, the oldest first."""
    rows = await connection.fetch(
        "SELECT entries FROM custody WHERE message_id = $1 ORDER BY number LIMIT $2",
        uuid.UUID(message_id),
        _MOST_ROWS,
    )
    return sorted(_first_wordings(row["entries"] for row in rows), key=_by_time)


async def read_trails(
    connection: Connection, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[Custody]]:
    """The trails of messages, each entry in its first wording, in the order in which they were told."""
    told: dict[uuid.UUID, list[bytes]] = {}
    for row in await connection.fetch(_ALL, ids):
        told.setdefault(row["message_id"], []).append(row["entries"])
    trails: dict[uuid.UUID, list[Custody]] = {}
    for place, (message_id, packed) in enumerate(told.items(), 1):
        trails[message_id] = _first_wordings(packed)
        if not place % _YIELD_EVERY:
            await asyncio.sleep(0)
    return trails


async def read_standings(connection: Connection, ids: Collection[str]) -> dict[str, Standing]:
    """How messages stand by all that was told of them, and how far they have come."""
    standings: dict[str, Standing] = {}
    for place, row in enumerate(await connection.fetch(_ALL, ids), 1):
        standing = standings.setdefault(str(row["message_id"]), Standing())
        for entry in unpack_entries(row["entries"]):
            standing.tell(entry)
        if not place % _YIELD_EVERY:
            await asyncio.sleep(0)
    return standings


def _first_wordings(told: Iterable[bytes]) -> list[Custody]:
    trail: dict[tuple[int, int, int, str, int], Custody] = {}
    for packed in told:
        for entry in unpack_entries(packed):
            name = (entry.attempt, entry.stage, entry.outcome, entry.destination, entry.part)
            trail.setdefault(name, entry)
    return list(trail.values())


def _by_time(entry: Custody) -> tuple[int, int, int, int, int, str, int]:
    at = entry.at
    place = entry.attempt, entry.stage, entry.outcome, entry.destination, entry.part
    return at.seconds, at.nanos, *place
