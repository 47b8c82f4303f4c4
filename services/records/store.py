"""What records persists: records, their resources, and the history of both.

All statements are set-based: a batch takes two reads, or four where records are taken over, and one to
three writes. A record is loaded only as far as the batch touches it.
"""

import dataclasses
import datetime
import functools
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import RecordedResource
from plexus.store import Connection
from plexus.store import Record as Row
from services.records.domain import (
    PERSON,
    Record,
    Slot,
    Version,
    origin_of,
    place_of,
    references_of,
)

__all__ = ["Need", "RecordKey", "RecordStore"]

RecordKey = tuple[str, str]
"""Tenant and person id."""

_COLUMNS: Final = (
    "r.tenant, r.person_id, r.type, r.key, r.told_by, r.version, r.source, r.source_time,"
    " r.message_id, r.receipt, r.attempt, r.content"
)
_MOST_VERSIONS: Final = 1000
# Below the 16 MB that a gRPC message may have.
_MOST_BYTES: Final = 12 * 1024 * 1024


@dataclasses.dataclass(slots=True)
class Need:
    """What a batch needs of one record.

    Attributes:
        slots: resources that events touch, those of the person aside.
        accounts: True where the person is touched: then all accounts of it are needed.
        estates: records that may have to be taken over.
    """

    slots: set[Slot] = dataclasses.field(default_factory=set)
    accounts: bool = False
    estates: set[str] = dataclasses.field(default_factory=set)


class _Told(NamedTuple):
    """What all rows share that one message writes to one record in the same way."""

    tenant: str
    person_id: str
    source: str
    time: str
    message_id: str
    receipt: int
    attempt: int
    number: int
    disposition: int  # 0 for what is no news to the history
    is_held: bool
    is_new: bool  # no row of the resource is stored yet


class _Written(NamedTuple):
    """A row for resource, history or both."""

    told: str  # place of its _Told, from 1
    digest: str
    type: str
    key: str
    told_by: str
    content: bytes | None  # None where the stored one stands


class RecordStore:
    """The records in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self, needs: Mapping[RecordKey, Need]) -> dict[RecordKey, Record]:
        """The committed state of records, as far as needed. One that is unknown is empty.

        What the golden persons point at is needed too, and added to `needs`.
        """
        records = {key: Record(*key) for key in needs}
        people = await self._connection.fetch(
            "SELECT p.tenant, p.person_id, p.merged_into, p.golden, p.golden_version"
            " FROM unnest($1::text[], $2::uuid[]) n (tenant, person_id)"
            " JOIN person p USING (tenant, person_id)",
            *_columns(needs, 2),
        )
        for tenant, person_id, merged_into, golden, version in people:
            record = records[tenant, str(person_id)]
            record.merged_into = str(merged_into) if merged_into else ""
            record.golden = None if golden is None else Resource.FromString(golden)
            record.golden_version = version
            record.is_changed = False
            if record.golden is not None:
                needs[tenant, str(person_id)].slots.update(references_of(record.golden))
        wanted = [
            (str(place), slot.type, _digest(tenant, slot.key))
            for place, ((tenant, _), need) in enumerate(needs.items(), 1)
            for slot in need.slots
        ]
        with_accounts = [key for key, need in needs.items() if need.accounts or need.estates]
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS} FROM unnest(string_to_array($3, ',')::integer[],"
            " string_to_array($4, ','), string_to_array($5, ',')::uuid[])"
            " s (place, type, key_digest) JOIN unnest($1::text[], $2::uuid[]) WITH ORDINALITY"
            " n (tenant, person_id, place) USING (place)"
            " JOIN resource r USING (tenant, person_id, type, key_digest)"
            f" UNION ALL SELECT {_COLUMNS} FROM unnest($6::text[], $7::uuid[]) n (tenant, person_id)"
            f" JOIN resource r USING (tenant, person_id) WHERE r.type = '{PERSON}'",
            *_columns(needs, 2),
            *map(_joined, _columns(wanted, 3)),
            *_columns(with_accounts, 2),
        )
        for row in rows:
            records[row["tenant"], str(row["person_id"])].restore(*_version(row))
        heirs = [(*key, each) for key, need in needs.items() for each in sorted(need.estates)]
        if heirs:
            await self._load_estates(heirs, records)
        return records

    async def _load_estates(
        self, heirs: Sequence[tuple[str, str, str]], records: Mapping[RecordKey, Record]
    ) -> None:
        """Load what is left to the heirs (tenant, person, who went under), and what meets it there."""
        known = await self._connection.fetch(
            "SELECT a.tenant, a.person_id, a.from_person"
            " FROM unnest($1::text[], $2::uuid[], $3::uuid[]) n (tenant, person_id, from_person)"
            " JOIN absorbed a USING (tenant, person_id, from_person)",
            *_columns(heirs, 3),
        )
        for tenant, person_id, from_person in known:
            records[tenant, str(person_id)].absorbed.add(str(from_person))
        fresh = [
            (tenant, heir, left)
            for tenant, heir, left in heirs
            if left not in records[tenant, heir].absorbed
        ]
        if not fresh:
            return
        rows = await self._connection.fetch(
            f"SELECT n.heir, {_COLUMNS} FROM unnest($1::text[], $2::uuid[], $3::uuid[])"
            " n (tenant, heir, person_id) JOIN resource r USING (tenant, person_id)"
            f" UNION ALL SELECT NULL, {_COLUMNS} FROM unnest($1::text[], $2::uuid[], $3::uuid[])"
            " n (tenant, heir, left_by)"
            " JOIN resource l ON l.tenant = n.tenant AND l.person_id = n.left_by"
            " JOIN resource r ON r.tenant = n.tenant AND r.person_id = n.heir"
            " AND r.key_digest = l.key_digest AND r.type = l.type AND r.told_by = l.told_by",
            *_columns(fresh, 3),
        )
        for row in rows:
            slot, version = _version(row)
            tenant, owner = row["tenant"], str(row["person_id"])
            if row["heir"] is None:
                records[tenant, owner].restore(slot, version)
            else:
                records[tenant, str(row["heir"])].estates.setdefault(owner, {})[slot] = version

    async def save(self, records: Iterable[Record], at: datetime.datetime) -> None:
        """Write what a batch has changed."""
        changed = list(records)
        told: dict[_Told, int] = {}
        rows = [row for record in changed for row in _written(record, told)]
        if rows:
            columns = _columns(rows, 6)
            numbers_digests_types, others = columns[:3], columns[3:]
            # What the rows of a message share goes over once, and the content of a version too.
            await self._connection.execute(
                "WITH told AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[],"
                " $4::text[], $5::uuid[], $6::bigint[], $7::integer[], $8::bigint[], $9::smallint[],"
                " $10::boolean[], $11::boolean[]) WITH ORDINALITY AS t"
                " (tenant, person_id, source, source_time, message_id, receipt, attempt, version,"
                " disposition, is_held, is_new, told)),"
                " n AS MATERIALIZED (SELECT * FROM unnest(string_to_array($12, ',')::integer[],"
                " string_to_array($13, ',')::uuid[], string_to_array($14, ','), $15::text[],"
                " $16::text[], $17::bytea[]) WITH ORDINALITY AS r"
                " (told, key_digest, type, key, told_by, content, place) JOIN told USING (told)),"
                " past AS (INSERT INTO history (key_digest, tenant, person_id, type, key, told_by,"
                " version, disposition, source, source_time, message_id, receipt, attempt, content,"
                " at) SELECT key_digest, tenant, person_id, type, key, told_by, version, disposition,"
                " source, source_time, message_id, receipt, attempt, content, $18::timestamptz"
                " FROM n WHERE disposition <> 0 ORDER BY place),"
                # A record has one writer, so what it did not find when it loaded is not there.
                " fresh AS (INSERT INTO resource (person_id, key_digest, tenant, type, key, told_by,"
                " version, source, source_time, message_id, receipt, attempt, content)"
                " SELECT person_id, key_digest, tenant, type, key, told_by, version, source,"
                " source_time, message_id, receipt, attempt, content FROM n WHERE is_held AND is_new)"
                " UPDATE resource r SET version = n.version, source = n.source,"
                " source_time = n.source_time, message_id = n.message_id, receipt = n.receipt,"
                " attempt = n.attempt, content = coalesce(n.content, r.content)"
                " FROM n WHERE n.is_held AND NOT n.is_new AND r.person_id = n.person_id"
                " AND r.key_digest = n.key_digest AND r.type = n.type AND r.told_by = n.told_by",
                *_columns(told, 11),
                *map(_joined, numbers_digests_types),
                *others,
                at,
            )
        people = [record for record in changed if record.is_changed]
        if people:
            await self._connection.execute(
                "INSERT INTO person (tenant, person_id, merged_into, golden, golden_version)"
                " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::bytea[], $5::bigint[])"
                " ON CONFLICT (tenant, person_id) DO UPDATE SET"
                " merged_into = excluded.merged_into, golden = excluded.golden,"
                " golden_version = excluded.golden_version",
                [record.tenant for record in people],
                [record.person_id for record in people],
                [record.merged_into or None for record in people],
                [
                    None if record.golden is None else record.golden.SerializeToString()
                    for record in people
                ],
                [record.golden_version for record in people],
            )
        absorbed = [
            (record.tenant, record.person_id, from_person, message_id)
            for record in changed
            for from_person, message_id in record.newly_absorbed.items()
        ]
        if absorbed:
            await self._connection.execute(
                "INSERT INTO absorbed (tenant, person_id, from_person, message_id, at)"
                " SELECT *, $5 FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[])",
                *_columns(absorbed, 4),
                at,
            )

    async def standing(
        self, tenant: str, person_id: uuid.UUID
    ) -> tuple[uuid.UUID, bytes, int] | None:
        """The record that answers for a person, its golden person and version; None where unknown."""
        row = await self._connection.fetchrow(
            "WITH RECURSIVE up AS ("
            " SELECT person_id, merged_into, golden, golden_version FROM person"
            " WHERE tenant = $1 AND person_id = $2"
            " UNION ALL SELECT coalesce(p.person_id, up.merged_into), p.merged_into, p.golden,"
            " coalesce(p.golden_version, 0) FROM up"
            " LEFT JOIN person p ON p.tenant = $1 AND p.person_id = up.merged_into"
            " WHERE up.merged_into IS NOT NULL)"
            " SELECT person_id, golden, golden_version FROM up WHERE merged_into IS NULL",
            tenant,
            person_id,
        )
        if row is None:
            return None
        return row["person_id"], row["golden"] or b"", row["golden_version"]

    async def resources(
        self, tenant: str, person_id: uuid.UUID, kind: str, limit: int
    ) -> tuple[list[RecordedResource], bool]:
        """Resources by type and key, accounts of the person aside, and if there are more."""
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS}, 0 AS disposition FROM resource r"
            " WHERE tenant = $1 AND person_id = $2"
            f" AND type <> '{PERSON}' AND ($3 = '' OR type = $3) ORDER BY type, key LIMIT $4",
            tenant,
            person_id,
            kind,
            limit + 1,
        )
        return _recorded(rows, limit)

    async def history(self, tenant: str, key: str) -> list[RecordedResource]:
        """The versions of a resource, the newest first."""
        place = place_of(key)
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS}, r.disposition FROM history r"
            " WHERE key_digest = $1 AND tenant = $2 AND key = $3 ORDER BY seq DESC LIMIT $4",
            _digest(tenant, place),
            tenant,
            place,
            _MOST_VERSIONS,
        )
        return _recorded(rows, _MOST_VERSIONS)[0]


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as `count` columns, also where there are no rows."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(count)]


def _joined(column: list[object]) -> str:
    """A column of names and numbers as one text: the driver takes its time over each of an array."""
    return ",".join(map(str, column))


def _version(row: Row) -> tuple[Slot, Version]:
    slot = Slot(row["type"], row["key"], row["told_by"])
    return slot, Version(
        row["content"],
        row["source"],
        row["source_time"],
        str(row["message_id"]),
        row["receipt"],
        row["attempt"],
        row["version"],
    )


@functools.lru_cache(maxsize=16_384)
def _digest(tenant: str, key: str) -> str:
    """The digest of a key within its tenant, as a UUID without hyphens."""
    return hashlib.blake2b(f"{tenant}\0{key}".encode(), digest_size=16).hexdigest()


def _written(record: Record, told: dict[_Told, int]) -> Iterator[_Written]:
    """One row for each new version; a version that is in the history and holds needs only one."""
    tenant, stored = record.tenant, record.stored
    pending = set(record.touched)
    for past in record.history:
        slot, version = past.slot, past.version
        is_held = record.held[slot] is version
        if is_held:
            pending.discard(slot)
        place = _place(record, past.number, version, past.disposition, is_held, slot, told)
        yield _Written(place, _digest(tenant, slot.key), *slot, version.content)
    for slot in sorted(pending):
        held = record.held[slot]
        place = _place(record, held.number, held, 0, True, slot, told)
        content = None if stored.get(slot) == held.content else held.content
        yield _Written(place, _digest(tenant, slot.key), *slot, content)


def _place(
    record: Record,
    number: int,
    version: Version,
    disposition: int,
    is_held: bool,
    slot: Slot,
    told: dict[_Told, int],
) -> str:
    shared = _Told(
        record.tenant,
        record.person_id,
        version.source,
        version.time,
        version.message_id,
        version.receipt,
        version.attempt,
        number,
        disposition,
        is_held,
        slot not in record.stored,
    )
    return str(told.setdefault(shared, len(told) + 1))


def _recorded(rows: Sequence[Row], limit: int) -> tuple[list[RecordedResource], bool]:
    found: list[RecordedResource] = []
    room = _MOST_BYTES
    for row in rows[:limit]:
        _, version = _version(row)
        room -= len(version.content)
        if room < 0 and found:
            return found, True
        recorded = RecordedResource(version=version.number, disposition=row["disposition"])
        recorded.resource.MergeFromString(version.content)
        recorded.resource.origin.CopyFrom(origin_of(version))
        found.append(recorded)
    return found, len(rows) > limit
