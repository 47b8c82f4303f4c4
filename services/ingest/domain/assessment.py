"""Judges one message at the door: readable, supported, complete enough to be someone's.

A message that is refused is kept all the same, with its issues. What orders a message is its
patient: tenant, assigning authority and local id, as a keyed digest; the source where none is known.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Final

from plexus.api.canonical.v1.event_pb2 import Issue, Severity
from plexus.api.errors.v1.errors_pb2 import Reason
from plexus.codecs.hl7v2 import Message, answer_code, check, is_rejection, ordering_name, read
from plexus.errors import InvalidMessage
from plexus.ids import KeyDigest

__all__ = ["SUPPORTED", "Assessment", "Refusal", "assess", "refuse"]

SUPPORTED: Final = {
    code: frozenset(triggers.split())
    for code, triggers in {
        "ADT": "A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A13 A14 A15 A16 A17 A18 "
        "A21 A22 A23 A24 A25 A26 A27 A28 A29 A30 A31 A32 A33 A34 A35 A36 A37 A38 A39 A40 A41 "
        "A42 A43 A44 A45 A46 A47 A48 A49 A50 A51 A52 A53 A54 A55 A60 A61 A62",
        "BAR": "P01 P02 P05 P06 P10 P12",
        "DFT": "P03 P11",
        "MDM": "T01 T02 T03 T04 T05 T06 T07 T08 T09 T10 T11",
        "OMG": "O19",
        "OMI": "O23",
        "OML": "O21 O33 O35",
        "OMP": "O09",
        "ORM": "O01",
        "ORU": "R01 R30",
        "OUL": "R22 R23 R24",
        "PGL": "PC6 PC7 PC8",
        "PPG": "PCG PCH PCJ",
        "PPP": "PCB PCC PCD",
        "PPR": "PC1 PC2 PC3",
        "PTR": "PCF",
        "RAS": "O17",
        "RDE": "O11 O25",
        "RDS": "O13",
        "REF": "I12 I13 I14 I15",
        "RGV": "O15",
        "RRI": "I12 I13 I14 I15",
        "SIU": "S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S26",
        "VXU": "V04",
    }.items()
}
"""Message codes and events that transform has maps for; a test holds the two together."""


@dataclasses.dataclass(slots=True)  # frozen would cost a microsecond for each message
class Assessment:
    """What is known of a message at the door; nobody changes it.

    Attributes:
        message: as read; None where the bytes are no message of HL7 v2.
        accepted: it may come in.
        answer: acknowledgement code (HL7 table 0008), or None where the sender wants no answer.
        issues: why it may not, and what is to be told besides; no errors for an accepted one.
        key: what orders it, 16 hexadecimal digits.
        fingerprint: the same for the same bytes under the same control id of the same source.
        control: the same for the same control id of the same source.
    """

    message: Message | None
    accepted: bool
    answer: str | None
    issues: tuple[Issue, ...]
    control_id: str
    message_type: str
    charset: str
    key: str
    fingerprint: bytes
    control: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why bytes never became a message: a broken or oversized frame."""

    reason: Reason.ValueType
    detail: str


def assess(
    content: bytes,
    *,
    tenant: str,
    source: str,
    digest: KeyDigest,
    default_charset: str = "",
    keep_unsupported: bool = False,
    noted: Sequence[Issue] = (),
) -> Assessment:
    """Judge one message. `noted` are warnings about where it was found: they refuse nothing."""
    try:
        message = read(content, default_charset=default_charset)
    except InvalidMessage as exc:
        issue = Issue(
            severity=Severity.SEVERITY_ERROR,
            reason=exc.reason,
            location=exc.location,
            detail=exc.detail,
        )
        return _assessed(None, content, [issue], tenant, source, digest, noted)
    issues = check(message, SUPPORTED, keep_unsupported=keep_unsupported)
    return _assessed(message, content, issues, tenant, source, digest, noted)


def refuse(
    refusal: Refusal, head: bytes, *, tenant: str, source: str, digest: KeyDigest
) -> Assessment:
    """Judge what was kept of a frame that never became a message; reads its header if it can."""
    issue = Issue(severity=Severity.SEVERITY_ERROR, reason=refusal.reason, detail=refusal.detail)
    try:
        message: Message | None = read(head)
    except InvalidMessage:
        message = None
    return _assessed(message, head, [issue], tenant, source, digest)


def _assessed(
    message: Message | None,
    content: bytes,
    issues: Sequence[Issue],
    tenant: str,
    source: str,
    digest: KeyDigest,
    noted: Sequence[Issue] = (),
) -> Assessment:
    accepted = not issues
    control_id = message.control_id if message is not None else ""
    control = hashlib.sha256(f"{tenant}\x1f{source}\x1f{control_id}".encode()).digest()[:16]
    return Assessment(
        message=message,
        accepted=accepted,
        answer=answer_code(message, accepted, not accepted and is_rejection(issues)),
        issues=(*issues, *noted),
        control_id=control_id,
        message_type=message.type if message is not None else "",
        charset=message.charset if message is not None else "",
        key=_key(message, tenant, source, digest),
        fingerprint=hashlib.sha256(control + content).digest()[:16],
        control=control,
    )


def _key(message: Message | None, tenant: str, source: str, digest: KeyDigest) -> str:
    patient = message.first("PID") if message is not None else None
    return digest.key(tenant, *ordering_name(patient, source))
