"""Writes what a batch has changed.

What is new goes over by COPY, and what is said again by one UPDATE. What the rows of a message share is
written once: most rows of a batch differ in little else than key and content.
"""

import datetime
import functools
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from plexus.api.records.v1.records_pb2 import Disposition
from plexus.store import Connection
from plexus.store.copying import (
    bytes_field,
    copy_rows,
    int_field,
    text_field,
    time_field,
    uuid_field,
)
from services.records.domain import Record, Slot, Version
from services.records.store.rows import as_columns, key_digest
from services.records.store.splits import save_splits

__all__ = ["save"]

_RESOURCE: Final = (
    *("tenant", "person_id", "source", "source_time", "message_id", "receipt", "attempt", "part"),
    *("version", "key_digest", "type", "key", "told_by", "content", "milestones"),
)
_HISTORY: Final = (
    *(
        "at",
        "tenant",
        "person_id",
        "source",
        "source_time",
        "message_id",
        "receipt",
        "attempt",
        "part",
    ),
    *("version", "key_digest", "type", "key", "told_by", "content", "disposition"),
)


async def save(connection: Connection, records: Iterable[Record], at: datetime.datetime) -> None:
    """Write what a batch has changed.

    A record has one writer, so what it did not find when it loaded is not there.
    """
    changed = list(records)
    rows = _Rows(at)
    for record in changed:
        rows.add(record)
    if rows.history:
        await copy_rows(connection, "history", _HISTORY, rows.history)
    if rows.fresh:
        await copy_rows(connection, "resource", _RESOURCE, rows.fresh)
    if rows.again:
        await _say_again(connection, rows)
    people = [record for record in changed if record.is_changed]
    if people:
        await _save_people(connection, people)
    absorbed = [
        (record.tenant, record.person_id, from_person, message_id)
        for record in changed
        for from_person, message_id in record.newly_absorbed.items()
    ]
    if absorbed:
        await connection.execute(
            "INSERT INTO absorbed (tenant, person_id, from_person, message_id, at)"
            " SELECT *, $5 FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[])"
            " ON CONFLICT (tenant, person_id, from_person) DO UPDATE SET"
            " message_id = excluded.message_id, at = excluded.at, released = false",
            *as_columns(absorbed, 4),
            at,
        )
    await save_splits(connection, changed)


_Word = tuple[str, str, str, str, int, int, int]
"""Person, source, time, message, receipt, attempt, part."""


class _Again(NamedTuple):
    """Stored rows that have a new version, or the same one from a later message. Texts hold lists."""

    word: _Word
    versions: list[str]
    digests: list[str]
    types: list[str]
    tellers: list[str]  # places in _Rows.tellers, from 1
    contents: list[str]  # places in _Rows.contents, from 1; empty where the stored one stands
    milestones: list[str]  # likewise


class _Rows:
    """The rows of a batch.

    Attributes:
        history: for COPY into `history`, in the order in which it happened.
        fresh: for COPY into `resource`.
        again: rows of `resource` that are there already.
        tellers: values of `told_by` that `again` names by their place.
        contents: those that `again` names by their place, milestones too.
    """

    def __init__(self, at: datetime.datetime) -> None:
        self._at = time_field(at)
        self._owner = b""
        # Message, source and time of the row before, and the fields that follow from them.
        self._word: tuple[str, str, str, int] | None = None
        self._fields = b""
        self._again: _Again | None = None
        self.history: list[bytes] = []
        self.fresh: list[bytes] = []
        self.again: list[_Again] = []
        self.tellers: dict[str, str] = {}
        self.contents: list[bytes] = []

    def add(self, record: Record) -> None:
        """Take in what is new in a record."""
        tenant, held, stored = record.tenant, record.held, record.stored
        self._owner = text_field(tenant) + uuid_field(record.person_id)
        self._word = self._again = None
        pending = dict(record.touched)
        for slot, version, number, disposition in record.history:
            row = self._row(tenant, slot, version, number)
            self.history.append(b"".join((self._at, row, _disposition_field(disposition))))
            if held.get(slot) is version:
                del pending[slot]
                if slot in stored:
                    self._say_again(record, slot, version)
                else:
                    self.fresh.append(row + _milestones_field(version.milestones))
        for slot in pending:
            version = held[slot]
            if slot in stored:
                self._say_again(record, slot, version)
            else:
                row = self._row(tenant, slot, version, version.number)
                self.fresh.append(row + _milestones_field(version.milestones))

    def _row(self, tenant: str, slot: Slot, version: Version, number: int) -> bytes:
        word = version.message_id, version.source, version.time, version.part
        if word != self._word:
            self._word = word
            self._fields = b"".join((
                self._owner,
                text_field(version.source),
                text_field(version.time),
                uuid_field(version.message_id),
                int_field(version.receipt, 8),
                int_field(version.attempt, 4),
                int_field(version.part, 2),
            ))  # fmt: skip
        key = slot.key
        return b"".join((
            self._fields,
            _number_field(number),
            uuid_field(key_digest(tenant, key)),
            _name_field(slot.type),
            text_field(key),
            _name_field(slot.told_by),
            bytes_field(version.content),
        ))  # fmt: skip

    def _say_again(self, record: Record, slot: Slot, version: Version) -> None:
        rows = self._again
        if (
            rows is None
            or rows.word[3] != version.message_id
            or rows.word[6] != version.part
            or rows.word[1:3] != (version.source, version.time)
        ):
            rows = self._again = _Again(_word(record, version), [], [], [], [], [], [])
            self.again.append(rows)
        content, milestones = record.stored[slot]
        rows.versions.append(str(version.number))
        rows.digests.append(key_digest(record.tenant, slot.key))
        rows.types.append(slot.type)
        teller = self.tellers.get(slot.told_by)
        if teller is None:
            teller = self.tellers[slot.told_by] = str(len(self.tellers) + 1)
        rows.tellers.append(teller)
        rows.contents.append(self._place(content, version.content))
        rows.milestones.append(self._place(milestones, version.milestones))

    def _place(self, stored: bytes, value: bytes) -> str:
        """The place of a value in `contents`; empty where it is the stored one."""
        if stored == value:
            return ""
        self.contents.append(value)
        return str(len(self.contents))


def _word(record: Record, version: Version) -> _Word:
    return (
        record.person_id,
        version.source,
        version.time,
        version.message_id,
        version.receipt,
        version.attempt,
        version.part,
    )


@functools.lru_cache(maxsize=1024)
def _number_field(number: int) -> bytes:
    return int_field(number, 8)


@functools.lru_cache(maxsize=1024)
def _milestones_field(value: bytes) -> bytes:
    return bytes_field(value)


@functools.lru_cache(maxsize=16)
def _disposition_field(disposition: Disposition.ValueType) -> bytes:
    return int_field(disposition, 2)


@functools.lru_cache(maxsize=1024)
def _name_field(name: str) -> bytes:
    """The field of a type or a source: there are few."""
    return text_field(name)


async def _say_again(connection: Connection, rows: _Rows) -> None:
    await connection.execute(
        "UPDATE resource r SET version = n.version, source = t.source,"
        " source_time = t.source_time, message_id = t.message_id, receipt = t.receipt,"
        " attempt = t.attempt, part = t.part,"
        " content = coalesce(($15::bytea[])[n.content], r.content),"
        " milestones = coalesce(($15::bytea[])[n.milestones], r.milestones)"
        # See `loading` on OFFSET 0.
        " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[],"
        " $6::integer[], $7::smallint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],"
        " $13::text[]) AS t"
        " (person_id, source, source_time, message_id, receipt, attempt, part, versions, digests,"
        " types, tellers, contents, milestones), LATERAL unnest(string_to_array(t.versions, ',')::bigint[],"
        " string_to_array(t.digests, ',')::uuid[], string_to_array(t.types, ','),"
        " string_to_array(t.tellers, ',')::integer[],"
        " string_to_array(t.contents, ',', '')::integer[],"
        " string_to_array(t.milestones, ',', '')::integer[]) AS n"
        " (version, key_digest, type, teller, content, milestones), LATERAL (SELECT x.ctid AS place"
        " FROM resource x WHERE x.person_id = t.person_id AND x.key_digest = n.key_digest"
        " AND x.type = n.type AND x.told_by = ($14::text[])[n.teller] OFFSET 0) f"
        " WHERE r.ctid = f.place",
        *as_columns((each.word for each in rows.again), 7),
        *as_columns((tuple(map(",".join, each[1:])) for each in rows.again), 6),
        list(rows.tellers),
        rows.contents,
    )


async def _save_people(connection: Connection, people: Collection[Record]) -> None:
    await connection.execute(
        "INSERT INTO person (tenant, person_id, merged_into, golden, golden_version, linked)"
        " SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::bytea[], $5::bigint[],"
        " $6::text[])"
        " ON CONFLICT (tenant, person_id) DO UPDATE SET"
        " merged_into = excluded.merged_into, golden = excluded.golden,"
        " golden_version = excluded.golden_version, linked = excluded.linked",
        [record.tenant for record in people],
        [record.person_id for record in people],
        [record.merged_into or None for record in people],
        [None if record.golden is None else record.golden.resource for record in people],
        [record.golden_version for record in people],
        [",".join(sorted(record.linked)) for record in people],
    )
