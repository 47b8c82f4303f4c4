"""The journal in PostgreSQL. Neighbour: `journal`, which says what is promised."""

import contextlib
import datetime
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from plexus.api.envelope.v1.envelope_pb2 import Outputs
from plexus.errors import Fenced, Unavailable
from plexus.store.database import Connection, Database, Record, translated
from plexus.store.journal import Done, Entry, Journal, Mark, Transaction

__all__ = ["PostgresJournal"]

_PURGED_AT_ONCE = 10_000
# In no key: those are digests, and names of destinations.
_PART_MARK = "#"
# Planning takes about as long as running a statement on a batch of some tens. A kept plan knows no
# sizes, so it may only do what is right for all: nested loops over indexes.
_BEGIN_WITH_PLANS = (
    "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;"
    " SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL enable_memoize = off"
)


class PostgresJournal(Journal):
    """The journal in a service's schema."""

    def __init__(self, database: Database, *, keeps_plans: bool = False) -> None:
        """Keep it in `database`.

        Args:
            database: of the service.
            keeps_plans: the statements of a batch are planned once for each connection, not each
                time. For a stage whose statements look up rows by keys that a list of parameters
                gives, with no join that an index does not serve: those are all that plans may do.
        """
        self._database = database
        self._keeps_plans = keeps_plans

    async def claim(self, units: Collection[str]) -> dict[str, int]:
        if not units:
            return {}
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                "INSERT INTO fence (unit, epoch) SELECT u, 1 FROM unnest($1::text[]) u ORDER BY u"
                " ON CONFLICT (unit) DO UPDATE SET epoch = fence.epoch + 1"
                " RETURNING unit, epoch",
                sorted(units),
            )
        return {row["unit"]: row["epoch"] for row in rows}

    async def marks(self, units: Collection[str]) -> dict[str, Mark]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT unit, incarnation, sequence, published FROM fence"
                " WHERE unit = ANY($1::text[])",
                list(units),
            )
        return {
            row["unit"]: Mark(row["incarnation"], row["sequence"], row["published"]) for row in rows
        }

    async def unpublished(self, units: Collection[str], limit: int) -> list[Entry]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT j.* FROM fence f JOIN journal j ON j.unit = f.unit"
                " WHERE j.unit = ANY($1::text[]) AND j.era = f.era AND j.sequence > f.published"
                " ORDER BY j.sequence LIMIT $2",
                list(units),
                limit,
            )
        return [_entry(row) for row in rows]

    @contextlib.asynccontextmanager
    async def transaction(self, epochs: Mapping[str, int]) -> AsyncIterator[Transaction]:
        async with self._database.connection() as connection:
            transaction = _PostgresTransaction(connection, epochs)
            try:
                await connection.execute(_BEGIN_WITH_PLANS if self._keeps_plans else "BEGIN")
                yield transaction
            except BaseException:
                # Nothing to undo where the connection has gone: then PostgreSQL has undone it.
                with contextlib.suppress(Unavailable), translated():
                    await connection.execute("ROLLBACK")
                raise
            if transaction.committed:
                await connection.execute("COMMIT")
                transaction.tell_committed()
            else:
                await connection.execute("ROLLBACK")

    async def purge(self, before: datetime.datetime) -> int:
        async with self._database.connection() as connection:
            count = 0
            while True:
                # In pieces, so that no statement outlasts its time, however much has gathered.
                status = await connection.execute(
                    "DELETE FROM journal WHERE ctid = ANY(ARRAY("
                    "SELECT j.ctid FROM journal j JOIN fence f ON f.unit = j.unit"
                    " WHERE j.at < $1 AND (j.era <> f.era OR j.sequence <= f.published)"
                    " LIMIT $2))",
                    before,
                    _PURGED_AT_ONCE,
                )
                deleted = int(status.rsplit(" ", 1)[1])
                count += deleted
                if deleted < _PURGED_AT_ONCE:
                    return count


class _PostgresTransaction(Transaction):
    def __init__(self, connection: Connection, epochs: Mapping[str, int]) -> None:
        self._connection = connection
        self._epochs = epochs
        self._waiting: list[Callable[[], None]] = []
        self.committed = False

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def epochs(self) -> Mapping[str, int]:
        return self._epochs

    def after_commit(self, call: Callable[[], None]) -> None:
        self._waiting.append(call)

    def tell_committed(self) -> None:
        """Call those who wait for the commit."""
        for call in self._waiting:
            call()

    async def seen(self, messages: Collection[Done]) -> dict[Done, Entry]:
        if not messages:
            return {}
        rows = await self._connection.fetch(
            "SELECT * FROM journal WHERE message_id = ANY($1::uuid[])",
            [done.message_id for done in messages],
        )
        entries = (_entry(row) for row in rows)
        wanted = set(messages)
        return {entry.done: entry for entry in entries if entry.done in wanted}

    async def commit(self, entries: Sequence[Entry], marks: Mapping[str, Mark]) -> None:
        if entries:
            await self._connection.execute(
                "INSERT INTO journal"
                " (message_id, kind, key, attempt, unit, era, sequence, outputs, custody)"
                " SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::integer[],"
                " $5::text[], $6::integer[], $7::bigint[], $8::bytea[], $9::bytea[])"
                " ON CONFLICT (message_id, kind, key) DO UPDATE SET attempt = excluded.attempt,"
                " unit = excluded.unit, era = excluded.era, sequence = excluded.sequence,"
                " at = now(), outputs = excluded.outputs, custody = excluded.custody",
                [entry.done.message_id for entry in entries],
                [entry.done.kind for entry in entries],
                [_key_of(entry.done) for entry in entries],
                [entry.attempt for entry in entries],
                [entry.unit for entry in entries],
                [_era(marks[entry.unit].incarnation) for entry in entries],
                [entry.sequence for entry in entries],
                [_packed(entry.outputs) for entry in entries],
                [entry.custody for entry in entries],
            )
        units = sorted(self._epochs)
        # Sorted, so that two owners who fight over units cannot deadlock; a higher epoch in any
        # row means that this owner has been replaced.
        rows = await self._connection.fetch(
            "UPDATE fence f SET incarnation = n.incarnation, era = n.era, sequence = n.sequence,"
            " published = n.published"
            " FROM (SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::integer[],"
            " $5::bigint[], $6::bigint[])"
            " AS t (unit, epoch, incarnation, era, sequence, published)) n"
            " WHERE f.unit = n.unit AND f.epoch = n.epoch RETURNING f.unit",
            units,
            [self._epochs[unit] for unit in units],
            [marks[unit].incarnation for unit in units],
            [_era(marks[unit].incarnation) for unit in units],
            [marks[unit].sequence for unit in units],
            [marks[unit].published for unit in units],
        )
        if len(rows) != len(units):
            raise Fenced("another owner has claimed a shard of this batch")
        self.committed = True


def _key_of(done: Done) -> str:
    """Key and part are one column: nearly all messages are of one part, and its key is the key."""
    return f"{done.key}{_PART_MARK}{done.part}" if done.part else done.key


def _era(incarnation: str) -> int:
    return zlib.crc32(incarnation.encode()) >> 1


def _packed(outputs: Sequence[tuple[str, bytes]]) -> bytes:
    packed = Outputs()
    for stream, envelope in outputs:
        packed.outputs.add(stream=stream, envelope=envelope)
    return packed.SerializeToString()


def _entry(row: Record) -> Entry:
    key, _, part = row["key"].partition(_PART_MARK)
    done = Done(str(row["message_id"]), row["kind"], key, int(part or 0))
    packed = Outputs.FromString(row["outputs"])
    outputs = tuple((output.stream, output.envelope) for output in packed.outputs)
    return Entry(done, row["attempt"], row["unit"], row["sequence"], outputs, row["custody"])
