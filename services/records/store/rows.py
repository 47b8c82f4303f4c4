"""How a resource lies in a row of the tables `resource` and `history`."""

import functools
import hashlib
from collections.abc import Iterable
from typing import Final

from plexus.store import Record as Row
from services.records.domain import Slot, Version

__all__ = ["COLUMNS", "HISTORY_COLUMNS", "as_columns", "key_digest", "version_of"]

_SHARED: Final = (
    "r.tenant, r.person_id, r.type, r.key, r.told_by, r.version, r.source, r.source_time,"
    " r.message_id, r.receipt, r.attempt, r.part, r.content"
)
COLUMNS: Final = _SHARED + ", r.milestones"
"""What `version_of` reads, of the table `resource` called r."""
HISTORY_COLUMNS: Final = _SHARED + ", ''::bytea AS milestones"
"""Likewise of `history`, which holds what was said."""


def version_of(row: Row) -> tuple[Slot, Version]:
    """The resource of a row, and its version."""
    slot = Slot(row["type"], row["key"], row["told_by"])
    return slot, Version(
        row["content"],
        row["source"],
        row["source_time"],
        str(row["message_id"]),
        row["receipt"],
        row["attempt"],
        row["part"],
        row["version"],
        row["milestones"],
    )


@functools.lru_cache(maxsize=16_384)
def key_digest(tenant: str, key: str) -> str:
    """The digest of a key within its tenant, as a UUID without hyphens."""
    return hashlib.blake2b(f"{tenant}\0{key}".encode(), digest_size=16).hexdigest()


def as_columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as `count` columns, also where there are no rows."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(count)]
