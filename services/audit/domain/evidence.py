"""Which custody entries and audit events can be kept. One that cannot must not stop the others.

What is checked is what the ledger's columns demand, and no more: evidence of a newer service, with
outcomes that this one does not know, is kept too. Nearly all evidence is sound, so that is asked first
and at once; what is wrong is looked for only where something is.
"""

import datetime
import re
import uuid
from collections.abc import Iterable
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1.audit_pb2 import AuditEvent, Custody
from plexus.errors import InvalidMessage

__all__ = ["canonical", "check_custody", "check_event", "flaw_of", "moment_of"]

_MOST_SMALL: Final = 2**15 - 1
_MOST_ATTEMPT: Final = 2**31 - 1
# More than any message has; a standing keeps something of each.
_MOST_PARTS: Final = 1000
_MOST_ORIGIN: Final = 2**63 - 1
# What is searched by has to fit an index, together with what stands beside it there.
_MOST_NAME: Final = 200
_MOST_NANOS: Final = 999_999_999
# 9999-12-31, the last day that a Timestamp may name.
_LAST_SECOND: Final = 253402300799
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# As this house writes a UUID (RFC 9562 4).
_is_canonical: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def check_custody(entry: Custody) -> None:
    """Raise InvalidMessage where an entry cannot be kept; names the field."""
    at = entry.at
    if (
        _is_canonical(entry.message_id)
        and 0 <= entry.stage <= _MOST_SMALL
        and 0 <= entry.outcome <= _MOST_SMALL
        and 0 <= entry.reason <= _MOST_SMALL
        and entry.attempt <= _MOST_ATTEMPT
        and entry.origin <= _MOST_ORIGIN
        and entry.part <= _MOST_PARTS
        and entry.parts <= _MOST_PARTS
        and 0 <= at.seconds <= _LAST_SECOND
        and 0 <= at.nanos <= _MOST_NANOS
        and "\0" not in (tenant := entry.tenant)
        and "\0" not in (feed := entry.feed)
        and "\0" not in (destination := entry.destination)
        and len(tenant) <= _MOST_NAME
        and len(feed) <= _MOST_NAME
        and len(destination) <= _MOST_NAME
        and "\0" not in entry.message_type
        and not _unreadable(destinations := entry.destinations)
        and not _overlong(destinations)
    ):
        return
    flaw = (
        flaw_of(entry.message_id, "message_id")
        or _unfit(entry.stage, _MOST_SMALL, "stage")
        or _unfit(entry.outcome, _MOST_SMALL, "outcome")
        or _unfit(entry.reason, _MOST_SMALL, "reason")
        or _unfit(entry.attempt, _MOST_ATTEMPT, "attempt")
        or _unfit(entry.origin, _MOST_ORIGIN, "origin")
        or _unfit(entry.part, _MOST_PARTS, "part")
        or _unfit(entry.parts, _MOST_PARTS, "parts")
        or _unfit(at.seconds, _LAST_SECOND, "at")
        or _unfit(at.nanos, _MOST_NANOS, "at")
        or _unreadable(
            (entry.tenant, entry.feed, entry.message_type, entry.destination, *entry.destinations)
        )
        or _overlong((entry.tenant, entry.feed, entry.destination, *entry.destinations))
    )
    if flaw:
        raise InvalidMessage(f"a custody entry cannot be kept: {flaw}")


def check_event(event: AuditEvent) -> None:
    """Raise InvalidMessage where an audit event cannot be kept; names the field."""
    at = event.at
    flaw = (
        flaw_of(event.event_id, "event_id")
        or (flaw_of(event.message_id, "message_id") if event.message_id else "")
        or ("" if event.type else "type is missing")
        or ("" if event.HasField("at") else "at is missing")
        or _unfit(at.seconds, _LAST_SECOND, "at")
        or _unfit(at.nanos, _MOST_NANOS, "at")
        or _unreadable((event.tenant, event.type, event.person_id))
    )
    if flaw:
        raise InvalidMessage(f"an audit event cannot be kept: {flaw}")


def flaw_of(name: str, field: str) -> str:
    """What is wrong with an id that has to be a UUID; empty where nothing is."""
    try:
        canonical(name)
    except ValueError:
        return f"{field} is no UUID"
    return ""


def canonical(name: str) -> str:
    """A UUID as this house writes it, however it was written: one spelling for one message.

    Raises:
        ValueError: it is no UUID.
    """
    return name if _is_canonical(name) else str(uuid.UUID(name))


def moment_of(at: Timestamp) -> datetime.datetime:
    """A time that was checked, cut off after the microseconds."""
    return _EPOCH + datetime.timedelta(seconds=at.seconds, microseconds=at.nanos // 1000)


def _unfit(value: int, most: int, field: str) -> str:
    return "" if 0 <= value <= most else f"{field} is out of range"


def _unreadable(texts: Iterable[str]) -> str:
    for text in texts:
        if "\0" in text:
            return "a text holds a NUL"
    return ""


def _overlong(names: Iterable[str]) -> str:
    for name in names:
        if len(name) > _MOST_NAME:
            return f"a name is longer than {_MOST_NAME} characters"
    return ""
