"""Receipts in PostgreSQL: stored in batches, before anybody is answered.

A batch is one transaction: look up what came before, insert, count, and note how far the relay has
got. The writer's epoch fences it, so a replica that was replaced cannot write any more.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Mapping, Sequence

from plexus.api.canonical.v1.event_pb2 import Issue
from plexus.api.ingest.v1.ingest_pb2 import Receipt, ReceiptOutcome
from plexus.errors import Fenced, NotFound
from plexus.store import Connection, Database, Record
from plexus.telemetry.tracing import trace_id_of

__all__ = ["Draft", "ReceiptStore", "Stored", "Writer"]

_ACCEPTED = ReceiptOutcome.RECEIPT_OUTCOME_ACCEPTED
_DUPLICATE = ReceiptOutcome.RECEIPT_OUTCOME_DUPLICATE
_COLUMNS = (
    "origin, message_id, first_id, attempt, tenant, feed, source, control_id, message_type,"
    " outcome, ack_code, conflict, key, charset, received_at, traceparent, issues"
)


@dataclasses.dataclass(slots=True)
class Draft:
    """A message that asks for a receipt."""

    message_id: str
    tenant: str
    feed: str
    source: str
    control_id: str
    message_type: str
    fingerprint: bytes
    control: bytes
    outcome: ReceiptOutcome.ValueType
    ack_code: str
    key: str
    charset: str
    received_at: datetime.datetime
    traceparent: str
    issues: tuple[Issue, ...]
    content: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A receipt as it was stored.

    Attributes:
        first_id: for a duplicate, the message that it repeats; else empty.
        attempt: 1, and one more for each replay.
    """

    origin: int
    message_id: str
    first_id: str
    attempt: int
    tenant: str
    feed: str
    source: str
    control_id: str
    message_type: str
    outcome: ReceiptOutcome.ValueType
    ack_code: str
    conflict: bool
    key: str
    charset: str
    received_at: datetime.datetime
    traceparent: str
    issues: tuple[bytes, ...]
    content: bytes
    size_bytes: int

    def receipt(self) -> Receipt:
        """For the API. A duplicate answers with the first receipt's message id."""
        receipt = Receipt(
            message_id=self.first_id or self.message_id,
            origin=self.origin,
            outcome=self.outcome,
            ack_code=self.ack_code,
            tenant=self.tenant,
            feed=self.feed,
            source=self.source,
            control_id=self.control_id,
            message_type=self.message_type,
            control_id_conflict=self.conflict,
            trace_id=trace_id_of(self.traceparent),
            size_bytes=self.size_bytes,
        )
        receipt.received_at.FromDatetime(self.received_at)
        receipt.issues.extend(Issue.FromString(issue) for issue in self.issues)
        return receipt


@dataclasses.dataclass(frozen=True, slots=True)
class Writer:
    """One replica that writes receipts, and how far its relay has got.

    Attributes:
        relayed: receipts up to here were handed to the mesh.
        settled: accepted receipts up to here have come to their end.
        incarnation: of the raw stream that `relayed` speaks of.
    """

    name: str
    epoch: int
    relayed: int
    settled: int
    incarnation: str


class ReceiptStore:
    """All receipts of a mesh; one writer per replica of ingest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, name: str) -> Writer:
        """Become the writer of that name; an earlier one can write no more."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "INSERT INTO writer (name, epoch) VALUES ($1, 1)"
                " ON CONFLICT (name) DO UPDATE SET epoch = writer.epoch + 1"
                " RETURNING name, epoch, relayed, settled, incarnation",
                name,
            )
        assert row is not None
        return Writer(**dict(row))

    async def add(self, drafts: Sequence[Draft], writer: Writer) -> list[Stored]:
        """Store a batch. Returns the receipts in the order of the drafts.

        Raises:
            Fenced: another replica of the same name has taken over.
            Unavailable: nothing is known to be stored.
        """
        async with self._database.transaction() as connection:
            await _save_writer(connection, writer)
            stored = await _insert(connection, drafts, writer.name)
            await _count(connection, stored)
        return stored

    async def save(self, writer: Writer) -> None:
        """Note how far the relay has got. Raises Fenced."""
        async with self._database.transaction() as connection:
            await _save_writer(connection, writer)

    async def page(self, writer: str, after: int, limit: int) -> list[Stored]:
        """Receipts of a writer with their content, by number, past `after`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS}, content FROM receipt WHERE writer = $1 AND origin > $2"
                " ORDER BY origin LIMIT $3",
                writer,
                after,
                limit,
            )
        return [_stored(row) for row in rows]

    async def accepted_between(
        self, writer: str, after: int, until: int, limit: int
    ) -> list[tuple[int, str, datetime.datetime]]:
        """Number, message id and time of accepted receipts, by number."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT origin, message_id, received_at FROM receipt WHERE writer = $1"
                " AND origin > $2 AND origin <= $3 AND outcome = 1 ORDER BY origin LIMIT $4",
                writer,
                after,
                until,
                limit,
            )
        return [(row["origin"], str(row["message_id"]), row["received_at"]) for row in rows]

    async def by_ids(self, message_ids: Sequence[str], *, content: bool) -> list[Stored]:
        """Receipts by message id, in the order of receipt."""
        columns = f"{_COLUMNS}, content" if content else f"{_COLUMNS}, length(content) AS size"
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {columns} FROM receipt WHERE message_id = ANY($1::uuid[]) ORDER BY origin",
                [uuid.UUID(message_id) for message_id in message_ids],
            )
        return [_stored(row) for row in rows]

    async def next_attempt(self, message_ids: Sequence[str]) -> list[Stored]:
        """Begin another passage of accepted messages; in the order of receipt.

        Raises:
            NotFound: one of them was never accepted.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                "UPDATE receipt SET attempt = attempt + 1"
                " WHERE message_id = ANY($1::uuid[]) AND outcome = 1"
                f" RETURNING {_COLUMNS}, content",
                [uuid.UUID(message_id) for message_id in message_ids],
            )
            if len(rows) != len(set(message_ids)):
                raise NotFound("only accepted messages can be replayed; one was not found")
        return sorted((_stored(row) for row in rows), key=lambda stored: stored.origin)

    async def find(
        self,
        *,
        feed: str,
        control_id: str,
        outcome: ReceiptOutcome.ValueType,
        limit: int,
    ) -> list[Stored]:
        """Receipts, the newest first; empty arguments do not restrict."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS}, length(content) AS size FROM receipt"
                " WHERE ($1 = '' OR feed = $1) AND ($2 = '' OR control_id = $2)"
                " AND ($3 = 0 OR outcome = $3) ORDER BY origin DESC LIMIT $4",
                feed,
                control_id,
                outcome,
                limit,
            )
        return [_stored(row) for row in rows]

    async def counts(self) -> Mapping[tuple[str, str], Mapping[int, tuple[int, datetime.datetime]]]:
        """Messages and last time by tenant and feed, and by outcome."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM feed_count")
        found: dict[tuple[str, str], dict[int, tuple[int, datetime.datetime]]] = {}
        for row in rows:
            by_outcome = found.setdefault((row["tenant"], row["feed"]), {})
            by_outcome[row["outcome"]] = (row["messages"], row["last_at"])
        return found


async def _save_writer(connection: Connection, writer: Writer) -> None:
    status = await connection.execute(
        "UPDATE writer SET relayed = $3, settled = $4, incarnation = $5"
        " WHERE name = $1 AND epoch = $2",
        writer.name,
        writer.epoch,
        writer.relayed,
        writer.settled,
        writer.incarnation,
    )
    if status != "UPDATE 1":
        raise Fenced("another replica of ingest runs under this instance name")


async def _insert(connection: Connection, drafts: Sequence[Draft], writer: str) -> list[Stored]:
    found = await connection.fetch(
        "SELECT (SELECT message_id FROM receipt r"
        "  WHERE r.fingerprint = n.fingerprint AND r.outcome = 1) AS first_id,"
        # Not EXISTS: its plan may read every accepted receipt to hash them.
        " (SELECT true FROM receipt r WHERE r.control = n.control AND r.outcome = 1 LIMIT 1)"
        "  IS NOT NULL AS known"
        " FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY"
        "  AS n (fingerprint, control, place) ORDER BY n.place",
        [draft.fingerprint for draft in drafts],
        [draft.control for draft in drafts],
    )
    firsts: dict[bytes, str] = {}
    controls: set[bytes] = set()
    rows = []
    for draft, before in zip(drafts, found, strict=True):
        outcome, first_id, conflict, content = draft.outcome, "", False, draft.content
        if outcome == _ACCEPTED:
            first_id = str(before["first_id"] or "") or firsts.get(draft.fingerprint, "")
            if first_id:
                # The bytes are those of the first receipt; they need not be kept twice.
                outcome, content = _DUPLICATE, b""
            else:
                conflict = before["known"] or draft.control in controls
                firsts[draft.fingerprint] = draft.message_id
                controls.add(draft.control)
        rows.append((draft, outcome, first_id, conflict, content))
    origins = await connection.fetch(
        "INSERT INTO receipt (message_id, first_id, writer, tenant, feed, source, control_id,"
        " message_type, fingerprint, control, outcome, ack_code, conflict, key, charset,"
        " received_at, traceparent, issues, content)"
        " SELECT message_id, nullif(first_id, '')::uuid, $1, tenant, feed, source, control_id,"
        " message_type, fingerprint, control, outcome, ack_code, conflict, key, charset,"
        " received_at, traceparent, '{}', content"
        " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::text[], $9::bytea[], $10::smallint[], $11::text[], $12::boolean[], $13::text[],"
        " $14::text[], $15::timestamptz[], $16::text[], $17::bytea[], $18::bytea[])"
        " WITH ORDINALITY"
        " AS n (message_id, first_id, tenant, feed, source, control_id, message_type,"
        " fingerprint, outcome, ack_code, conflict, key, charset, received_at, traceparent,"
        " content, control, place) ORDER BY place RETURNING origin, message_id",
        writer,
        [uuid.UUID(draft.message_id) for draft, *_ in rows],
        [first_id for _, _, first_id, _, _ in rows],
        [draft.tenant for draft, *_ in rows],
        [draft.feed for draft, *_ in rows],
        [draft.source for draft, *_ in rows],
        [draft.control_id for draft, *_ in rows],
        [draft.message_type for draft, *_ in rows],
        [draft.fingerprint for draft, *_ in rows],
        [outcome for _, outcome, _, _, _ in rows],
        [draft.ack_code for draft, *_ in rows],
        [conflict for _, _, _, conflict, _ in rows],
        [draft.key for draft, *_ in rows],
        [draft.charset for draft, *_ in rows],
        [draft.received_at for draft, *_ in rows],
        [draft.traceparent for draft, *_ in rows],
        [content for *_, content in rows],
        [draft.control for draft, *_ in rows],
    )
    # Arrays of arrays cannot be unnested row by row, and few messages have issues.
    with_issues = [draft for draft, *_ in rows if draft.issues]
    if with_issues:
        await connection.executemany(
            "UPDATE receipt SET issues = $2 WHERE message_id = $1",
            [
                (uuid.UUID(draft.message_id), [i.SerializeToString() for i in draft.issues])
                for draft in with_issues
            ],
        )
    numbers = {str(row["message_id"]): row["origin"] for row in origins}
    return [
        Stored(
            origin=numbers[draft.message_id],
            message_id=draft.message_id,
            first_id=first_id,
            attempt=1,
            tenant=draft.tenant,
            feed=draft.feed,
            source=draft.source,
            control_id=draft.control_id,
            message_type=draft.message_type,
            outcome=outcome,
            ack_code=draft.ack_code,
            conflict=conflict,
            key=draft.key,
            charset=draft.charset,
            received_at=draft.received_at,
            traceparent=draft.traceparent,
            issues=tuple(issue.SerializeToString() for issue in draft.issues),
            content=content,
            size_bytes=len(draft.content),
        )
        for draft, outcome, first_id, conflict, content in rows
    ]


async def _count(connection: Connection, stored: Sequence[Stored]) -> None:
    counts: dict[tuple[str, str, int], tuple[int, datetime.datetime]] = {}
    for one in stored:
        name = (one.tenant, one.feed, int(one.outcome))
        count, last = counts.get(name, (0, one.received_at))
        counts[name] = (count + 1, max(last, one.received_at))
    await connection.executemany(
        "INSERT INTO feed_count (tenant, feed, outcome, messages, last_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, feed, outcome) DO UPDATE SET"
        " messages = feed_count.messages + excluded.messages,"
        " last_at = greatest(feed_count.last_at, excluded.last_at)",
        [(*name, *counts[name]) for name in sorted(counts)],
    )


def _stored(row: Record) -> Stored:
    fields = dict(row)
    content = fields.pop("content", b"")
    size = fields.pop("size", len(content))
    fields["message_id"] = str(fields["message_id"])
    fields["first_id"] = str(fields["first_id"] or "")
    fields["issues"] = tuple(fields["issues"])
    return Stored(**fields, content=content, size_bytes=size)
