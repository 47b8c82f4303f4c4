"""Which custody entries and audit events can be kept. One that cannot must not stop the others.

What is checked is what the ledger's columns demand, and no more: evidence of a newer service, with
outcomes that this one does not know, is kept too.
"""

import uuid
from collections.abc import Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody
from plexus.errors import InvalidMessage

__all__ = ["check_custody", "check_event", "flaw_of"]

_MOST_SMALL: Final = 2**15 - 1
_MOST_ATTEMPT: Final = 2**31 - 1
_MOST_ORIGIN: Final = 2**63 - 1
# 9999-12-31, the last day that a Timestamp may name.
_LAST_SECOND: Final = 253402300799


def check_custody(entry: Custody) -> None:
    """Raise InvalidMessage where an entry cannot be kept; names the field."""
    flaw = (
        flaw_of(entry.message_id, "message_id")
        or _unfit(entry.stage, _MOST_SMALL, "stage")
        or _unfit(entry.outcome, _MOST_SMALL, "outcome")
        or _unfit(entry.reason, _MOST_SMALL, "reason")
        or _unfit(entry.attempt, _MOST_ATTEMPT, "attempt")
        or _unfit(entry.origin, _MOST_ORIGIN, "origin")
        or _unfit(entry.at.seconds, _LAST_SECOND, "at")
        or _unfit(entry.at.nanos, 999_999_999, "at")
        or _unreadable(
            (entry.tenant, entry.feed, entry.message_type, entry.destination, *entry.destinations)
        )
    )
    if flaw:
        raise InvalidMessage(f"a custody entry cannot be kept: {flaw}")


def check_event(event: AuditEvent) -> None:
    """Raise InvalidMessage where an audit event cannot be kept; names the field."""
    flaw = (
        flaw_of(event.event_id, "event_id")
        or (flaw_of(event.message_id, "message_id") if event.message_id else "")
        or ("" if event.type else "type is missing")
        or ("" if event.HasField("at") else "at is missing")
        or _unfit(event.at.seconds, _LAST_SECOND, "at")
        or _unfit(event.at.nanos, 999_999_999, "at")
        or _unreadable((event.tenant, event.type, event.person_id))
    )
    if flaw:
        raise InvalidMessage(f"an audit event cannot be kept: {flaw}")


def flaw_of(name: str, field: str) -> str:
    """What is wrong with an id that has to be a UUID; empty where nothing is."""
    try:
        uuid.UUID(name)
    except ValueError:
        return f"{field} is no UUID"
    return ""


def _unfit(value: int, most: int, field: str) -> str:
    return "" if 0 <= value <= most else f"{field} is out of range"


def _unreadable(texts: Iterable[str]) -> str:
    return "a text holds a NUL" if any("\0" in text for text in texts) else ""
