"""The queue of stewards: pairs of persons that may be one, and how far each is."""

import datetime
import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

from plexus.store import Connection, Record

__all__ = ["Question", "ReviewRow", "ReviewStore"]

# Who stands for a person now. A person that was merged points at who took over, in any number of steps.
_ROOT: Final = (
    "(WITH RECURSIVE up AS (SELECT p.person_id, p.merged_into FROM person p"
    " WHERE p.tenant = r.tenant AND p.person_id = r.{column}"
    " UNION SELECT p.person_id, p.merged_into FROM up"
    " JOIN person p ON p.tenant = r.tenant AND p.person_id = up.merged_into)"
    " SELECT person_id FROM up WHERE merged_into IS NULL)"
)
_COLUMNS: Final = (
    "r.review_id, r.tenant, r.kind, "
    + _ROOT.format(column="person_id")
    + " AS person, "
    + _ROOT.format(column="other_person")
    + " AS other, r.bits, r.explanation, r.status, r.priority, r.assignee, r.at, r.message_id,"
    " r.proposed_by, r.survivor, r.decided_by, r.decided_at, r.reason"
)


class Question(NamedTuple):
    """Which reviews are wanted; empty values do not restrict."""

    tenant: str
    statuses: Sequence[str]
    assignee: str
    kind: str
    raised_before: datetime.datetime | None
    least_bits: float | None


class ReviewRow(NamedTuple):
    """A review; both persons are who stands for them now."""

    review_id: int
    tenant: str
    kind: str
    person_id: uuid.UUID | None
    other_person: uuid.UUID | None
    bits: float
    explanation: str
    status: str
    priority: int
    assignee: str
    at: datetime.datetime
    message_id: uuid.UUID
    proposed_by: str
    survivor: uuid.UUID | None
    decided_by: str
    decided_at: datetime.datetime | None
    reason: str


class ReviewStore:
    """Reviews in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, question: Question, limit: int) -> tuple[list[ReviewRow], int]:
        """The most urgent, then those not skipped, then the oldest; and how many there are in all."""
        where = (
            " WHERE r.tenant = $1 AND r.status = ANY($2::text[]) AND ($3 = '' OR r.assignee = $3)"
            " AND ($4 = '' OR r.kind = $4) AND ($5::timestamptz IS NULL OR r.at <= $5)"
            " AND ($6::double precision IS NULL OR r.bits >= $6)"
        )
        rows = await self._connection.fetch(
            f"SELECT {_COLUMNS} FROM review r{where} ORDER BY r.priority,"
            " r.deferred_at NULLS FIRST, r.at, r.review_id LIMIT $7",
            *question,
            limit,
        )
        total = await self._connection.fetchval(
            f"SELECT count(*) FROM review r{where}",
            *question,
        )
        return [_read(row) for row in rows], total

    async def get(self, tenant: str, review_id: int, *, locks: bool = False) -> ReviewRow | None:
        """One review; None where there is none. `locks`: nobody else may change it meanwhile."""
        row = await self._connection.fetchrow(
            f"SELECT {_COLUMNS} FROM review r WHERE r.tenant = $1 AND r.review_id = $2"
            + (" FOR UPDATE OF r" if locks else ""),
            tenant,
            review_id,
        )
        return None if row is None else _read(row)

    async def assign(
        self, tenant: str, review_ids: Sequence[int], assignee: str, priority: int
    ) -> list[ReviewRow]:
        """Give undecided reviews to somebody; returns them."""
        rows = await self._connection.fetch(
            "UPDATE review r SET assignee = $3, priority = coalesce(nullif($4::smallint, 0::smallint), r.priority)"
            " WHERE r.tenant = $1 AND r.review_id = ANY($2::bigint[])"
            f" AND r.status IN ('open', 'proposed') RETURNING {_COLUMNS}",
            tenant,
            list(review_ids),
            assignee,
            priority,
        )
        return [_read(row) for row in rows]

    async def settle(
        self, review_id: int, status: str, steward: str, reason: str, at: datetime.datetime
    ) -> None:
        """It is decided."""
        await self._connection.execute(
            "UPDATE review SET status = $2, decided_by = $3, reason = $4, decided_at = $5"
            " WHERE review_id = $1",
            review_id,
            status,
            steward,
            reason,
            at,
        )

    async def settle_pair(
        self,
        tenant: str,
        pair: tuple[uuid.UUID, uuid.UUID],
        status: str,
        by: tuple[str, str, datetime.datetime],
    ) -> None:
        """What was asked about two persons is decided, however it was before; `by` whom, why and when."""
        await self._connection.execute(
            "UPDATE review SET status = $4, decided_by = $5, reason = $6, decided_at = $7"
            " WHERE tenant = $1 AND (person_id, other_person)"
            " IN (($2::uuid, $3::uuid), ($3::uuid, $2::uuid))",
            tenant,
            *pair,
            status,
            *by,
        )

    async def propose(self, review_id: int, survivor: uuid.UUID, steward: str, reason: str) -> None:
        """One steward wants to merge; nobody is assigned any more, since another one has to agree."""
        await self._connection.execute(
            "UPDATE review SET status = 'proposed', proposed_by = $3, survivor = $2, reason = $4,"
            " assignee = CASE assignee WHEN $3 THEN '' ELSE assignee END, deferred_at = NULL"
            " WHERE review_id = $1",
            review_id,
            survivor,
            steward,
            reason,
        )

    async def request(
        self,
        tenant: str,
        one: uuid.UUID,
        other: uuid.UUID,
        message_id: str,
        at: datetime.datetime,
    ) -> int:
        """A review of two persons that a steward asks for; the one that there is, where there is one."""
        known: int | None = await self._connection.fetchval(
            "SELECT review_id FROM review WHERE tenant = $1 AND (person_id, other_person)"
            " IN (($2::uuid, $3::uuid), ($3::uuid, $2::uuid)) ORDER BY review_id LIMIT 1",
            tenant,
            one,
            other,
        )
        if known is not None:
            return known
        number: int = await self._connection.fetchval(
            "INSERT INTO review (tenant, person_id, other_person, kind, bits, explanation,"
            " message_id, at, priority) VALUES ($1, $2, $3, 'requested', 0, '{}', $4, $5, 1)"
            " RETURNING review_id",
            tenant,
            one,
            other,
            message_id,
            at,
        )
        return number

    async def defer(self, review_id: int, reason: str, at: datetime.datetime) -> None:
        """It goes to the end of the queue, and a proposal is off the table."""
        await self._connection.execute(
            "UPDATE review SET status = 'open', proposed_by = '', survivor = NULL, assignee = '',"
            " reason = $2, deferred_at = $3 WHERE review_id = $1",
            review_id,
            reason,
            at,
        )

    async def records_of(self, tenant: str, persons: Sequence[uuid.UUID]) -> int:
        """How many source records some persons have."""
        count: int = await self._connection.fetchval(
            "SELECT count(*) FROM identifier i JOIN source_record r USING (tenant, authority, value)"
            " WHERE i.tenant = $1 AND i.person_id = ANY($2::uuid[])",
            tenant,
            list(persons),
        )
        return count


def _read(row: Record) -> ReviewRow:
    return ReviewRow(*row)
