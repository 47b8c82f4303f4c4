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
_SAVE_WRITER = (
    "UPDATE writer SET relayed = $3, settled = $4, incarnation = $5 WHERE name = $1 AND epoch = $2"
)
# Looks up what came before, judges duplicates and conflicts, inserts and counts. Fenced: where the
# writer was replaced there are no rows. The bytes of a duplicate are those of the first receipt; they
# are not kept twice. "known" is no EXISTS: its plan may read every accepted receipt to hash them.
_INSERT = (
    f"WITH fence AS ({_SAVE_WRITER} RETURNING 1),"
    " n AS MATERIALIZED (SELECT u.*, CASE WHEN u.outcome = 1 THEN coalesce("
    "  (SELECT message_id FROM receipt r WHERE r.fingerprint = u.fingerprint AND r.outcome = 1),"
    "  nullif(u.repeated, '')::uuid) END AS first_id,"
    "  u.outcome = 1 AND (u.within OR (SELECT true FROM receipt r WHERE r.control = u.control"
    "   AND r.outcome = 1 LIMIT 1) IS NOT NULL) AS known"
    " FROM fence, unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],"
    " $12::bytea[], $13::bytea[], $14::smallint[], $15::text[], $16::text[], $17::text[],"
    " $18::timestamptz[], $19::text[], $20::bytea[], $21::bytea[], $22::text[], $23::boolean[])"
    " WITH ORDINALITY AS u (message_id, tenant, feed, source, control_id, message_type,"
    " fingerprint, control, outcome, ack_code, key, charset, received_at, traceparent, issues,"
    " content, repeated, within, place)),"
    " judged AS MATERIALIZED (SELECT n.*,"
    f" CASE WHEN first_id IS NULL THEN outcome ELSE {_DUPLICATE} END AS judgement FROM n),"
    " counted AS (INSERT INTO feed_count (tenant, feed, outcome, messages, last_at)"
    " SELECT tenant, feed, judgement, count(*), max(received_at) FROM judged"
    " GROUP BY tenant, feed, judgement ORDER BY tenant, feed, judgement"
    " ON CONFLICT (tenant, feed, outcome) DO UPDATE SET"
    " messages = feed_count.messages + excluded.messages,"
    " last_at = greatest(feed_count.last_at, excluded.last_at))"
    " INSERT INTO receipt (message_id, first_id, writer, tenant, feed, source, control_id,"
    " message_type, fingerprint, control, outcome, ack_code, conflict, key, charset, received_at,"
    " traceparent, issues, content)"
    " SELECT message_id, first_id, $1, tenant, feed, source, control_id, message_type,"
    " fingerprint, control, judgement, ack_code, known AND first_id IS NULL, key, charset,"
    " received_at, traceparent, issues, CASE WHEN first_id IS NULL THEN content ELSE '' END"
    " FROM judged ORDER BY place RETURNING origin, message_id, first_id, outcome, conflict"
)
_REPLACED = "another replica of ingest runs under this instance name"


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


@dataclasses.dataclass(slots=True)  # frozen would cost a microsecond for each message
class Stored:
    """A receipt as it was stored; nobody changes it.

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
    issues: tuple[Issue, ...]
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
        receipt.issues.extend(self.issues)
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
        async with self._database.connection() as connection:
            return await _insert(connection, drafts, writer)

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
    status = await connection.execute(_SAVE_WRITER, *_writer_columns(writer))
    if status != "UPDATE 1":
        raise Fenced(_REPLACED)


def _writer_columns(writer: Writer) -> tuple[str, int, int, int, str]:
    return writer.name, writer.epoch, writer.relayed, writer.settled, writer.incarnation


def _within(drafts: Sequence[Draft]) -> tuple[list[str], list[bool]]:
    """What a batch repeats of itself: the first message with the same bytes, and used control ids."""
    firsts: dict[bytes, str] = {}
    controls: set[bytes] = set()
    repeated: list[str] = []
    known: list[bool] = []
    for draft in drafts:
        accepted = draft.outcome == _ACCEPTED
        repeated.append(firsts.get(draft.fingerprint, "") if accepted else "")
        known.append(accepted and draft.control in controls)
        if accepted:
            firsts.setdefault(draft.fingerprint, draft.message_id)
            controls.add(draft.control)
    return repeated, known


async def _insert(connection: Connection, drafts: Sequence[Draft], writer: Writer) -> list[Stored]:
    """One statement, which is one transaction and one round trip: senders wait for it."""
    repeated, known = _within(drafts)
    names = [uuid.UUID(draft.message_id) for draft in drafts]
    rows = await connection.fetch(
        _INSERT,
        *_writer_columns(writer),
        names,
        [draft.tenant for draft in drafts],
        [draft.feed for draft in drafts],
        [draft.source for draft in drafts],
        [draft.control_id for draft in drafts],
        [draft.message_type for draft in drafts],
        [draft.fingerprint for draft in drafts],
        [draft.control for draft in drafts],
        [draft.outcome for draft in drafts],
        [draft.ack_code for draft in drafts],
        [draft.key for draft in drafts],
        [draft.charset for draft in drafts],
        [draft.received_at for draft in drafts],
        [draft.traceparent for draft in drafts],
        [
            Receipt(issues=draft.issues).SerializeToString() if draft.issues else b""
            for draft in drafts
        ],
        [draft.content for draft in drafts],
        repeated,
        known,
    )
    if len(rows) != len(drafts):
        raise Fenced(_REPLACED)
    found = {row["message_id"]: row for row in rows}
    return [_made(draft, found[name]) for draft, name in zip(drafts, names, strict=True)]


def _made(draft: Draft, row: Record) -> Stored:
    is_duplicate = row["outcome"] == _DUPLICATE
    return Stored(
        origin=row["origin"],
        message_id=draft.message_id,
        first_id=str(row["first_id"] or ""),
        attempt=1,
        tenant=draft.tenant,
        feed=draft.feed,
        source=draft.source,
        control_id=draft.control_id,
        message_type=draft.message_type,
        outcome=row["outcome"],
        ack_code=draft.ack_code,
        conflict=row["conflict"],
        key=draft.key,
        charset=draft.charset,
        received_at=draft.received_at,
        traceparent=draft.traceparent,
        issues=draft.issues,
        content=b"" if is_duplicate else draft.content,
        size_bytes=len(draft.content),
    )


def _stored(row: Record) -> Stored:
    fields = dict(row)
    content = fields.pop("content", b"")
    size = fields.pop("size", len(content))
    fields["message_id"] = str(fields["message_id"])
    fields["first_id"] = str(fields["first_id"] or "")
    fields["issues"] = tuple(Receipt.FromString(fields["issues"]).issues)
    return Stored(**fields, content=content, size_bytes=size)
