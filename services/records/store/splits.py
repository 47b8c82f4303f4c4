"""What a merge that is taken back needs to know, and changes. Rare: it reads two whole records."""

import collections
import uuid
from collections.abc import Collection, Sequence

from plexus.store import Connection
from services.records.domain import SHARED, Legacy, Record, Slot, Version
from services.records.store.rows import COLUMNS, HISTORY_COLUMNS, as_columns, key_digest, version_of

__all__ = ["load_legacy", "load_whole", "save_splits"]

_BELOW = (
    "WITH RECURSIVE s AS (SELECT $2::uuid AS person_id UNION SELECT a.from_person FROM s"
    " JOIN absorbed a ON a.tenant = $1 AND a.person_id = s.person_id AND NOT a.released)"
    " SELECT person_id FROM s"
)


async def load_legacy(connection: Connection, record: Record, person_id: str) -> Legacy:
    """What a person whom the record had taken over has left and brought since; loads what meets it."""
    tenant = record.tenant
    group = [row[0] for row in await connection.fetch(_BELOW, tenant, uuid.UUID(person_id))]
    everybody = [
        row[0] for row in await connection.fetch(_BELOW, tenant, uuid.UUID(record.person_id))
    ]
    estate = dict(
        version_of(row)
        for row in await connection.fetch(
            f"SELECT {COLUMNS} FROM resource r WHERE r.tenant = $1 AND r.person_id = $2",
            tenant,
            uuid.UUID(person_id),
        )
    )
    brought: dict[Slot, set[str]] = collections.defaultdict(set)
    for row in await connection.fetch(
        "SELECT type, key, told_by, message_id FROM brought"
        " WHERE tenant = $1 AND person_id = $2 AND home = $3",
        tenant,
        uuid.UUID(record.person_id),
        uuid.UUID(person_id),
    ):
        brought[Slot(row["type"], row["key"], row["told_by"])].add(str(row["message_id"]))
    slots = estate.keys() | brought.keys()
    for row in await connection.fetch(
        f"SELECT {COLUMNS} FROM resource r WHERE r.tenant = $1 AND r.person_id = $2"
        " AND r.key_digest = ANY($3::uuid[])",
        tenant,
        uuid.UUID(record.person_id),
        _digests(tenant, slots),
    ):
        slot, version = version_of(row)
        if slot in slots:
            record.restore(slot, version)
    kept = dict(
        version_of(row)
        for row in await connection.fetch(
            f"SELECT {COLUMNS} FROM kept r WHERE r.tenant = $1 AND r.person_id = $2 AND r.home = $3",
            tenant,
            uuid.UUID(record.person_id),
            uuid.UUID(person_id),
        )
    )
    told: dict[Slot, list[tuple[str, Version]]] = collections.defaultdict(list)
    for row in await connection.fetch(
        f"SELECT {HISTORY_COLUMNS} FROM history r WHERE r.tenant = $1"
        " AND r.key_digest = ANY($2::uuid[]) AND r.person_id = ANY($3::uuid[]) ORDER BY r.seq",
        tenant,
        _digests(tenant, [slot for slot in slots if slot.type not in SHARED]),
        [*everybody, *group],
    ):
        slot, version = version_of(row)
        if slot in slots and not version.is_moved:
            told[slot].append((str(row["person_id"]), version))
    return Legacy(
        estate,
        {slot: frozenset(messages) for slot, messages in brought.items()},
        frozenset(map(str, group)),
        kept,
        told,
    )


async def load_whole(connection: Connection, record: Record) -> None:
    """Load all that a record holds."""
    for row in await connection.fetch(
        f"SELECT {COLUMNS} FROM resource r WHERE r.tenant = $1 AND r.person_id = $2",
        record.tenant,
        uuid.UUID(record.person_id),
    ):
        record.restore(*version_of(row))
    record.knows_accounts = record.is_whole = True


async def save_splits(connection: Connection, records: Sequence[Record]) -> None:
    """Write what came by identifiers of others, and what was given back."""
    brought = [
        (record.tenant, record.person_id, home, *slot, message_id)
        for record in records
        for home, slot, message_id in record.brought
    ]
    if brought:
        await connection.execute(
            "INSERT INTO brought (tenant, person_id, home, type, key, told_by, message_id)"
            " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],"
            " $6::text[], $7::uuid[]) ON CONFLICT DO NOTHING",
            *as_columns(brought, 7),
        )
    kept = [
        (
            *(record.tenant, record.person_id, home, *slot, version.number, version.source),
            *(version.time, version.message_id, version.receipt, version.attempt, version.part),
            *(version.content, version.milestones),
        )
        for record in records
        for home, slot, version in record.kept
    ]
    if kept:
        await connection.execute(
            "INSERT INTO kept (tenant, person_id, home, type, key, told_by, version, source,"
            " source_time, message_id, receipt, attempt, part, content, milestones)"
            " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],"
            " $6::text[], $7::bigint[], $8::text[], $9::text[], $10::uuid[], $11::bigint[],"
            " $12::integer[], $13::smallint[], $14::bytea[], $15::bytea[]) ON CONFLICT DO NOTHING",
            *as_columns(kept, 15),
        )
    for record in records:
        if record.dropped:
            await _drop(connection, record)
        for person_id in sorted(record.newly_released):
            await _release(connection, record, person_id)


async def _drop(connection: Connection, record: Record) -> None:
    dropped = [
        (key_digest(record.tenant, slot.key), slot.type, slot.told_by)
        for slot in sorted(record.dropped)
    ]
    await connection.execute(
        "DELETE FROM resource r USING unnest($2::text[], $3::text[], $4::text[])"
        " n (key_digest, type, told_by) WHERE r.person_id = $1"
        " AND r.key_digest = n.key_digest::uuid AND r.type = n.type AND r.told_by = n.told_by",
        uuid.UUID(record.person_id),
        *as_columns(dropped, 3),
    )


async def _release(connection: Connection, record: Record, person_id: str) -> None:
    names = record.tenant, uuid.UUID(record.person_id), uuid.UUID(person_id)
    await connection.execute(
        "UPDATE absorbed SET released = true"
        " WHERE tenant = $1 AND person_id = $2 AND from_person = $3",
        *names,
    )
    for table in ("brought", "kept"):
        await connection.execute(
            f"DELETE FROM {table} WHERE tenant = $1 AND person_id = $2 AND home = $3",
            *names,
        )


def _digests(tenant: str, slots: Collection[Slot]) -> list[str]:
    return sorted({key_digest(tenant, slot.key) for slot in slots})
