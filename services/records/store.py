"""What records persists: records, their resources, and the history of both.

All statements are set-based: a batch takes two reads, or four where records are taken over, and one to
three writes. A record is loaded only as far as the batch touches it.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import RecordedResource
from plexus.store import Connection
from plexus.store import Record as Row
from services.records.domain import PERSON, Record, Slot, Version, origin_of, place_of

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
    """What all rows that one message writes to one record share."""

    tenant: str
    person_id: str
    source: str
    time: str
    message_id: str
    receipt: int
    attempt: int


class _Written(NamedTuple):
    """A row for resource, history or both."""

    told: int  # place of its _Told, from 1
    type: str
    key: str
    told_by: str
    number: int
    content: bytes
    disposition: int  # 0 for what is no news to the history
    is_held: bool


class RecordStore:
    """The records in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def load(self, needs: Mapping[RecordKey, Need]) -> dict[RecordKey, Record]:
        """The committed state of records, as far as needed. One that is unknown is empty."""
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
        wanted = [
            (place, slot.type, slot.key)
            for place, need in enumerate(needs.values(), 1)
            for slot in need.slots
        ]
        with_accounts = [key for key, need in needs.items() if need.accounts or need.estates]
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS} FROM unnest($3::integer[], $4::text[], $5::text[])"
            " s (place, type, key) JOIN unnest($1::text[], $2::uuid[]) WITH ORDINALITY"
            " n (tenant, person_id, place) USING (place)"
            " JOIN resource r USING (tenant, person_id, type, key)"
            f" UNION ALL SELECT {_COLUMNS} FROM unnest($6::text[], $7::uuid[]) n (tenant, person_id)"
            f" JOIN resource r USING (tenant, person_id) WHERE r.type = '{PERSON}'",
            *_columns(needs, 2),
            *_columns(wanted, 3),
            *_columns(with_accounts, 2),
        )
        for row in rows:
            slot, version = _version(row)
            records[row["tenant"], str(row["person_id"])].held[slot] = version
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
            " AND r.type = l.type AND r.key = l.key AND r.told_by = l.told_by",
            *_columns(fresh, 3),
        )
        for row in rows:
            slot, version = _version(row)
            tenant, owner = row["tenant"], str(row["person_id"])
            if row["heir"] is None:
                records[tenant, owner].held[slot] = version
            else:
                records[tenant, str(row["heir"])].estates.setdefault(owner, {})[slot] = version

    async def save(self, records: Iterable[Record], at: datetime.datetime) -> None:
        """Write what a batch has changed."""
        changed = list(records)
        told: dict[_Told, int] = {}
        rows = [row for record in changed for row in _written(record, told)]
        if rows:
            # What the rows of a message share goes over once, and the content of a version too.
            await self._connection.execute(
                "WITH told AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[],"
                " $4::text[], $5::uuid[], $6::bigint[], $7::integer[]) WITH ORDINALITY AS t"
                " (tenant, person_id, source, source_time, message_id, receipt, attempt, told)),"
                " n AS MATERIALIZED (SELECT * FROM unnest($8::integer[], $9::text[], $10::text[],"
                " $11::text[], $12::bigint[], $13::bytea[], $14::smallint[], $15::boolean[])"
                " WITH ORDINALITY AS r"
                " (told, type, key, told_by, version, content, disposition, is_held, place)"
                " JOIN told USING (told)),"
                " past AS (INSERT INTO history (tenant, person_id, type, key, told_by, version,"
                " disposition, source, source_time, message_id, receipt, attempt, content, at)"
                " SELECT tenant, person_id, type, key, told_by, version, disposition, source,"
                " source_time, message_id, receipt, attempt, content, $16::timestamptz"
                " FROM n WHERE disposition <> 0 ORDER BY place)"
                " INSERT INTO resource (tenant, person_id, type, key, told_by, version, source,"
                " source_time, message_id, receipt, attempt, content, updated_at)"
                " SELECT tenant, person_id, type, key, told_by, version, source, source_time,"
                " message_id, receipt, attempt, content, $16 FROM n WHERE is_held"
                " ON CONFLICT (tenant, person_id, type, key, told_by) DO UPDATE SET"
                " version = excluded.version, source = excluded.source,"
                " source_time = excluded.source_time, message_id = excluded.message_id,"
                " receipt = excluded.receipt, attempt = excluded.attempt,"
                " content = excluded.content, updated_at = excluded.updated_at",
                *_columns(told, 7),
                *_columns(rows, 8),
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
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS}, r.disposition FROM history r"
            " WHERE tenant = $1 AND key = $2 ORDER BY seq DESC LIMIT $3",
            tenant,
            place_of(key),
            _MOST_VERSIONS,
        )
        return _recorded(rows, _MOST_VERSIONS)[0]


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as `count` columns, also where there are no rows."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(count)]


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


def _written(record: Record, told: dict[_Told, int]) -> Iterator[_Written]:
    """One row for each new version; a version that is in the history and holds needs only one."""
    pending = set(record.touched)
    for past in record.history:
        is_held = record.held[past.slot] is past.version
        if is_held:
            pending.discard(past.slot)
        place = _place(record, past.version, told)
        yield _Written(
            place, *past.slot, past.number, past.version.content, past.disposition, is_held
        )
    for slot in sorted(pending):
        held = record.held[slot]
        yield _Written(_place(record, held, told), *slot, held.number, held.content, 0, True)


def _place(record: Record, version: Version, told: dict[_Told, int]) -> int:
    shared = _Told(
        record.tenant,
        record.person_id,
        version.source,
        version.time,
        version.message_id,
        version.receipt,
        version.attempt,
    )
    return told.setdefault(shared, len(told) + 1)


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
