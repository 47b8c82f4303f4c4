"""The audit log: written once, found by who, what and when."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.store import Connection
from services.audit.domain import canonical, moment_of
from services.audit.domain.leaves import decode_leaf, encode_leaf
from services.audit.store.conditions import Conditions

__all__ = ["Found", "Place", "Question", "find_events", "write_events"]

# What the form of bodies begins with that can be searched; older ones are protobuf.
_BRACE: Final = ord("{")


Place = tuple[datetime.datetime, uuid.UUID]
"""Where a page ends: time and id of its last event."""


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """Which events are wanted. What is empty does not restrict.

    Attributes:
        since, until: not before, and before.
        before: after which place of an earlier page to go on.
    """

    tenant: str = ""
    message_id: str = ""
    person_id: str = ""
    kind: str = ""
    agent: str = ""
    destination: str = ""
    outcome: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    before: Place | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A page of events; `last` is where the next one begins, None on the last page."""

    events: list[AuditEvent]
    last: Place | None


async def write_events(connection: Connection, events: Iterable[AuditEvent]) -> int:
    """Keep events that were checked; returns how many were new."""
    # Sorted, so that two writers of the same events wait for each other in one order only.
    rows = sorted(
        (
            (
                canonical(event.event_id),
                moment_of(event.at),
                event.tenant,
                event.type,
                event.person_id,
                canonical(message_id) if (message_id := event.message_id) else None,
                encode_leaf(event),
            )
            for event in events
        ),
        key=lambda row: row[0],
    )
    status = await connection.execute(
        "INSERT INTO audit_event SELECT * FROM unnest($1::audit_event[]) ON CONFLICT DO NOTHING",
        rows,
    )
    return int(status.rsplit(" ", 1)[1])


async def find_events(connection: Connection, question: Question, limit: int) -> Found:
    """Audit events that fit, the newest first; empty fields of the question do not restrict."""
    conditions = Conditions()
    conditions.add("e.tenant = {}", question.tenant)
    conditions.add(
        "e.message_id = {}", uuid.UUID(question.message_id) if question.message_id else None
    )
    conditions.add("e.person_id <> '' AND e.person_id = {}", question.person_id)
    conditions.add("e.type = {}", question.kind)
    conditions.add(f"CASE WHEN get_byte(e.body, 0) = {_BRACE} THEN"
                   " convert_from(e.body, 'UTF8')::json ->> 'outcome' = {} ELSE false END",
                   question.outcome)  # fmt: skip
    # Who did it and who got it stand in the log, which events enter when they are sealed.
    by_log = bool(question.agent or question.destination)
    conditions.add("l.agent = {}", question.agent)
    conditions.add("l.destination <> '' AND l.destination = {}", question.destination)
    at = "l.at" if by_log else "e.at"
    conditions.add(at + " >= {}", question.since)
    conditions.add(at + " < {}", question.until)
    if question.before is not None:
        moment, event_id = question.before
        conditions.add(at + " <= {}", moment)
        conditions.add("(" + at + ", e.event_id) < (" + f"${len(conditions.values)}" + ", {})",
                       event_id)  # fmt: skip
    source = "leaf l JOIN audit_event e USING (event_id)" if by_log else "audit_event e"
    rows = await connection.fetch(
        conditions.within(
            "SELECT e.body, e.at, e.event_id FROM " + source + "{}"
            " ORDER BY " + at + " DESC, e.event_id DESC LIMIT {}"
        ),
        *conditions.values,
        limit + 1,
    )
    events = [decode_leaf(row["body"]) for row in rows[:limit]]
    if len(rows) <= limit:
        return Found(events, None)
    last = rows[limit - 1]
    return Found(events, (last["at"], last["event_id"]))
