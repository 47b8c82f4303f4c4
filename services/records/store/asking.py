"""Questions about what is committed."""

import uuid
from collections.abc import Sequence
from typing import Final

from plexus.api.records.v1.records_pb2 import RecordedResource
from plexus.store import Connection
from plexus.store import Record as Row
from services.records.domain import PERSON, origin_of, place_of
from services.records.store.rows import COLUMNS, HISTORY_COLUMNS, key_digest, version_of

__all__ = ["RecordReader"]

_MOST_VERSIONS: Final = 1000
# Below the 16 MB that a gRPC message may have.
_MOST_BYTES: Final = 12 * 1024 * 1024


class RecordReader:
    """The records as they are committed, over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
            f"SELECT {COLUMNS}, 0 AS disposition FROM resource r"
            " WHERE tenant = $1 AND person_id = $2"
            f" AND type <> '{PERSON}' AND told_by = '' AND ($3 = '' OR type = $3) ORDER BY type, key LIMIT $4",
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
            f"SELECT {HISTORY_COLUMNS}, r.disposition FROM history r"
            " WHERE key_digest = $1 AND tenant = $2 AND key = $3 ORDER BY seq DESC LIMIT $4",
            key_digest(tenant, place),
            tenant,
            place,
            _MOST_VERSIONS,
        )
        return _recorded(rows, _MOST_VERSIONS)[0]


def _recorded(rows: Sequence[Row], limit: int) -> tuple[list[RecordedResource], bool]:
    found: list[RecordedResource] = []
    room = _MOST_BYTES
    for row in rows[:limit]:
        _, version = version_of(row)
        room -= len(version.content)
        if room < 0 and found:
            return found, True
        recorded = RecordedResource(version=version.number, disposition=row["disposition"])
        recorded.resource.MergeFromString(version.shown)
        recorded.resource.origin.CopyFrom(origin_of(version))
        found.append(recorded)
    return found, len(rows) > limit
