"""Records that were worked on lately, kept as they are committed, so that they need not be read again.

A record has one writer: the owner of its unit. Another owner can write only after a claim, which raises
the unit's epoch; then nothing can be committed at the old one any more. So what was committed at an
epoch is right for every batch that commits at that epoch. Whoever takes a record out and does not
commit, does not put it back.
"""

from collections.abc import Mapping
from typing import Final

from services.records.domain.record import Record

__all__ = ["Owner", "RestingRecords"]

Owner = tuple[str, int]
"""A unit and the epoch at which it was claimed."""

_MOST_BYTES: Final = 32 * 1024 * 1024
# About what a version takes with its content, and a record beside its versions.
_VERSION_BYTES: Final = 1200
_RECORD_BYTES: Final = 4000


class RestingRecords:
    """Bounded: those that have rested longest go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """`most_bytes`: of memory, estimated."""
        self._most_bytes = most_bytes
        self._bytes = 0
        # From the one that has rested longest to the latest.
        self._records: dict[tuple[str, str], tuple[Owner, Record, int]] = {}

    def take(self, owners: Mapping[tuple[str, str], Owner]) -> dict[tuple[str, str], Record]:
        """Take out those that rest here at the epoch of their owner, by tenant and person."""
        taken: dict[tuple[str, str], Record] = {}
        for key, owner in owners.items():
            found = self._records.pop(key, None)
            if found is not None:
                self._bytes -= found[2]
                if found[0] == owner:
                    taken[key] = found[1]
        return taken

    def put(
        self,
        owners: Mapping[tuple[str, str], Owner],
        records: Mapping[tuple[str, str], Record],
    ) -> None:
        """Lay records to rest whose changes are committed; nobody else may hold them any more."""
        for key, record in records.items():
            record.come_to_rest()
            size = _RECORD_BYTES + _VERSION_BYTES * len(record.held)
            self._records[key] = owners[key], record, size
            self._bytes += size
        while self._bytes > self._most_bytes:
            oldest = next(iter(self._records))
            self._bytes -= self._records.pop(oldest)[2]
