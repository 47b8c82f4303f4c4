"""The audit log: written once, found by who, what and when."""

import uuid
from collections.abc import Iterable

from plexus.api.audit.v1.audit_pb2 import AuditEvent
from plexus.store import Connection
from services.audit.domain import canonical, moment_of
from services.audit.store.conditions import Conditions

__all__ = ["find_events", "write_events"]


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
                event.SerializeToString(deterministic=True),
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


async def find_events(
    connection: Connection, *, tenant: str, message_id: str, person_id: str, kind: str, limit: int
) -> list[AuditEvent]:
    """Audit events, the newest first; empty arguments do not restrict."""
    conditions = Conditions()
    conditions.add("tenant = {}", tenant)
    conditions.add("message_id = {}", uuid.UUID(message_id) if message_id else None)
    conditions.add("person_id <> '' AND person_id = {}", person_id)
    conditions.add("type = {}", kind)
    rows = await connection.fetch(
        conditions.within(
            "SELECT body FROM audit_event{} ORDER BY at DESC, event_id DESC LIMIT {}"
        ),
        *conditions.values,
        limit,
    )
    return [AuditEvent.FromString(row["body"]) for row in rows]
