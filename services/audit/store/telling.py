"""Takes custody entries in: keeps them, and brings the standings of their messages up to date.

The standings that a set of entries touches are locked in the order of their ids, told in memory by the
rules of `domain`, and written back. So replicas that work side by side lose nothing that the other told.
"""

import asyncio
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from plexus.api.audit.v1.audit_pb2 import Custody, Outcome
from plexus.store import Connection, Record
from services.audit.domain import Standing, canonical
from services.audit.store.packing import Row, pack, pack_entries, unpack
from services.audit.store.tallies import Changes
from services.audit.store.trails import read_standings

__all__ = ["tell"]

_YIELD_EVERY: Final = 500
_HELD: Final = Outcome.OUTCOME_HELD

_Told = dict[str, list[Custody]]


async def tell(connection: Connection, custody: Sequence[Custody], changes: Changes) -> None:
    """Keep entries that were checked; add up in `changes` what they change in the counts."""
    told: _Told = {}
    for entry in custody:
        told.setdefault(entry.message_id, []).append(entry)
    for spelled in [name for name in told if name != canonical(name)]:
        told.setdefault(canonical(spelled), []).extend(told.pop(spelled))
    pending: Collection[str] = sorted(told)
    while pending:
        # Those that another replica has made in the same moment are looked up again.
        pending = await _tell_once(connection, pending, told, changes)
    await connection.copy_records_to_table(
        "custody",
        columns=("message_id", "entries"),
        records=[(message_id, pack_entries(entries)) for message_id, entries in told.items()],
    )


async def _tell_once(
    connection: Connection, ids: Collection[str], told: _Told, changes: Changes
) -> list[str]:
    """Tell messages of what is new. Returns those that were not there before and are there now."""
    rows = await connection.fetch(
        "SELECT * FROM message WHERE message_id = ANY($1::uuid[])"
        " ORDER BY message_id FOR NO KEY UPDATE",
        ids,
    )
    known = {str(row["message_id"]): row for row in rows}
    reread = await read_standings(connection, held) if (held := _newly_held(known, told)) else {}
    made: dict[str, tuple[Row, Standing]] = {}
    changed: list[Row] = []
    legs: list[tuple[str, str]] = []
    for place, message_id in enumerate(ids, 1):
        row = known.get(message_id)
        if row is None:
            standing = Standing()
            for entry in told[message_id]:
                standing.tell(entry)
            made[message_id] = pack(message_id, standing), standing
        else:
            standing = reread.get(message_id) or unpack(row)
            states = standing.destinations
            for entry in told[message_id]:
                standing.tell(entry)
            before: Row = (message_id, *itertools.islice(row.values(), 1, None))
            after = pack(message_id, standing)
            if after != before:
                changed.append(after)
                towards = standing.destinations
                changes.add(before, states, after, towards)
                legs.extend((name, message_id) for name in towards if name not in states)
        if not place % _YIELD_EVERY:
            await asyncio.sleep(0)
    missed = await _insert(connection, made)
    for message_id, (after, standing) in made.items():
        if message_id not in missed:
            towards = standing.destinations
            changes.add(None, {}, after, towards)
            legs.extend((name, message_id) for name in towards)
    await _update(connection, changed)
    if legs:
        await connection.execute(
            "INSERT INTO leg SELECT * FROM unnest($1::leg[]) ON CONFLICT DO NOTHING", sorted(legs)
        )
    return sorted(missed)


def _newly_held(known: Mapping[str, Record], told: _Told) -> list[str]:
    """Known messages that a stage holds now: how far they had come is asked of custody."""
    return [
        message_id
        for message_id in known
        if any(entry.outcome == _HELD and not entry.destination for entry in told[message_id])
    ]


async def _insert(connection: Connection, made: Mapping[str, tuple[Row, Standing]]) -> set[str]:
    """Add rows; returns the ids of those that another replica has added first."""
    if not made:
        return set()
    added = await connection.fetch(
        "INSERT INTO message SELECT * FROM unnest($1::message[])"
        " ON CONFLICT (message_id) DO NOTHING RETURNING message_id",
        [row for row, _ in made.values()],
    )
    if len(added) == len(made):
        return set()
    return made.keys() - {str(row["message_id"]) for row in added}


async def _update(connection: Connection, rows: Sequence[Row]) -> None:
    if rows:
        await connection.execute(
            "UPDATE message m SET tenant = n.tenant, feed = n.feed, message_type = n.message_type,"
            " received_at = n.received_at, disposition = n.disposition, reason = n.reason,"
            " standing = n.standing FROM unnest($1::message[]) n"
            " WHERE m.message_id = n.message_id",
            rows,
        )
