"""Audit events as syslog messages (RFC 5424): a header, and the event as structured data.

Facility 13 is that of audit logs (RFC 5424 6.2.1); what was denied or failed is a warning, the rest a notice.
The message is the leaf itself: so a line can be hashed and held against a checkpoint.
"""

from typing import Final

from plexus.api.audit.v1.audit_pb2 import AuditEvent

__all__ = ["ENTERPRISE", "syslog_line"]

ENTERPRISE: Final = "plexus@32473"
"""Names our structured data. 32473 is the number that is set aside for documentation (RFC 5612): whoever
has one of their own renames it in the collector."""

_AUDIT: Final = 13
_WARNING: Final = 4
_NOTICE: Final = 5
_MOST_MESSAGE_ID: Final = 32
_MOST_HOST: Final = 255


def syslog_line(event: AuditEvent, sequence: int, leaf: bytes, hashed: bytes, host: str) -> str:
    """One message, without a line feed.

    Args:
        event: that was sealed.
        sequence: of its leaf.
        leaf: the data of its leaf.
        hashed: the hash of its leaf.
        host: who reports.
    """
    severity = _WARNING if event.outcome in {"deny", "failure"} else _NOTICE
    seconds, _, fraction = event.at.ToJsonString().removesuffix("Z").partition(".")
    # RFC 5424 6.2.3: six digits at most.
    moment = f"{seconds}.{fraction[:6]}Z" if fraction else f"{seconds}Z"
    fields = {
        "sequence": str(sequence),
        "leaf": hashed.hex(),
        "event": event.event_id,
        "tenant": event.tenant,
        "agent": event.agent,
        "outcome": event.outcome,
        "destination": event.destination,
        "decision": event.decision_id,
    }
    data = " ".join(f'{name}="{_escaped(value)}"' for name, value in fields.items() if value)
    header = f"<{_AUDIT * 8 + severity}>1 {moment} {_printable(host)[:_MOST_HOST]} plexus-audit -"
    # The byte order mark says that the message is UTF-8 (RFC 5424 6.4).
    text = leaf.decode("utf-8", "replace")
    return (
        f"{header} {_printable(event.type)[:_MOST_MESSAGE_ID]} [{ENTERPRISE} {data}] \ufeff{text}"
    )


def _escaped(value: str) -> str:
    """RFC 5424 6.3.3."""
    plain = "".join(one if one.isprintable() else "?" for one in value)
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _printable(value: str) -> str:
    """PRINTUSASCII, which is what header fields may hold; a hyphen where nothing is left."""
    return "".join(one for one in value if "!" <= one <= "~") or "-"
