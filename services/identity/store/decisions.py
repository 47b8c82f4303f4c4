"""What stewards have decided: the log, and the messages that carry it through the mesh."""

import datetime
import uuid
from collections.abc import Collection, Sequence
from typing import NamedTuple

from plexus.store import Connection

__all__ = ["Decided", "Decision", "DecisionStore", "Logged", "Unpublished"]


class Decision(NamedTuple):
    """Something that a steward does.

    Attributes:
        tenant: whose persons.
        at: when.
        kind: see the table.
        review_id: the question that it answers, or None.
        person_id: of a merge, the person that stays.
        other_person: the other one; empty where it is about one person.
        steward: who.
        reason: why.
        message_id: carries it through the mesh; empty where nothing changes for others.
        event: canonical event of that message.
    """

    tenant: str
    at: datetime.datetime
    kind: str
    review_id: int | None
    person_id: str
    other_person: str
    steward: str
    reason: str
    message_id: str = ""
    event: bytes = b""


class Decided(NamedTuple):
    """A decision whose message has come."""

    person_id: str
    other_person: str
    is_applied: bool


class Logged(NamedTuple):
    """A decision as the log tells it."""

    decision_id: int
    kind: str
    steward: str
    reason: str
    at: datetime.datetime
    message_id: str
    is_applied: bool


class Unpublished(NamedTuple):
    """A decision that has to be put on the stream."""

    decision_id: int
    tenant: str
    at: datetime.datetime
    message_id: str
    person_id: str
    event: bytes


class DecisionStore:
    """Decisions in one transaction or connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, decision: Decision) -> int:
        """Write one; returns its number."""
        number: int = await self._connection.fetchval(
            "INSERT INTO decision (tenant, at, kind, review_id, person_id, other_person, steward,"
            " reason, message_id, event) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            " RETURNING decision_id",
            decision.tenant,
            decision.at,
            decision.kind,
            decision.review_id,
            decision.person_id,
            decision.other_person or None,
            decision.steward,
            decision.reason,
            decision.message_id or None,
            decision.event or None,
        )
        return number

    async def is_pending(self, tenant: str, persons: Collection[uuid.UUID]) -> bool:
        """Whether a decision about one of some persons has not taken place yet."""
        found: bool = await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM decision WHERE message_id IS NOT NULL AND applied_at IS NULL"
            " AND tenant = $1 AND (person_id = ANY($2::uuid[]) OR other_person = ANY($2::uuid[])))",
            tenant,
            list(persons),
        )
        return found

    async def of(self, message_ids: Collection[str]) -> dict[str, Decided]:
        """The decisions that some messages carry."""
        rows = await self._connection.fetch(
            "SELECT message_id::text, person_id::text, coalesce(other_person::text, ''),"
            " applied_at IS NOT NULL FROM decision WHERE message_id = ANY($1::uuid[])",
            list(message_ids),
        )
        return {row[0]: Decided(*tuple(row)[1:]) for row in rows}

    async def note_applied(self, message_ids: Collection[str], at: datetime.datetime) -> None:
        """They have taken place."""
        await self._connection.execute(
            "UPDATE decision SET applied_at = $2 WHERE message_id = ANY($1::uuid[])",
            list(message_ids),
            at,
        )

    async def unpublished(
        self, again: datetime.datetime, oldest: datetime.datetime, limit: int
    ) -> list[Unpublished]:
        """What is to be put on the stream, in order.

        Args:
            again: what was published before, and has not taken place, is published again.
            oldest: what is older is left alone: somebody has to look at it.
            limit: most.
        """
        rows = await self._connection.fetch(
            "SELECT decision_id, tenant, at, message_id::text, person_id::text, event FROM decision"
            " WHERE message_id IS NOT NULL AND applied_at IS NULL AND at >= $2"
            " AND (published_at IS NULL OR published_at < $1) ORDER BY decision_id LIMIT $3",
            again,
            oldest,
            limit,
        )
        return [Unpublished(*row) for row in rows]

    async def note_published(self, decision_ids: Sequence[int], at: datetime.datetime) -> None:
        """They are on the stream."""
        await self._connection.execute(
            "UPDATE decision SET published_at = $2 WHERE decision_id = ANY($1::bigint[])",
            list(decision_ids),
            at,
        )

    async def history(self, review_id: int) -> list[Logged]:
        """What was done with a review, the oldest first, at most a hundred entries."""
        rows = await self._connection.fetch(
            "SELECT decision_id, kind, steward, reason, at, coalesce(message_id::text, ''),"
            " message_id IS NULL OR applied_at IS NOT NULL FROM decision"
            " WHERE review_id = $1 ORDER BY decision_id LIMIT 100",
            review_id,
        )
        return [Logged(*row) for row in rows]
