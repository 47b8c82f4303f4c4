"""Judges one FHIR message at the door, like `assessment` does one of HL7 v2.

Refused is what no later stage could mend: what is no FHIR R4 in JSON, is too large, or is not about
one person. That a resource breaks a rule of R4 is told by transform, which takes what it can of it.
"""

import hashlib

from plexus.api.canonical.v1.event_pb2 import Issue, Severity
from plexus.codecs.fhir.reading import Document, Subject, read_document, subject_of
from plexus.errors import InvalidMessage
from plexus.ids import KeyDigest
from services.ingest.domain.assessment import Assessment

__all__ = ["assess_fhir"]


def assess_fhir(content: bytes, *, tenant: str, source: str, digest: KeyDigest) -> Assessment:
    """Judge one resource or Bundle. Its sender reads the receipt; there is no acknowledgement code."""
    document: Document | None = None
    subject: Subject | None = None
    issues: tuple[Issue, ...] = ()
    try:
        document = read_document(content)
        subject = subject_of(document)
    except InvalidMessage as exc:
        issues = (
            Issue(
                severity=Severity.SEVERITY_ERROR,
                reason=exc.reason,
                location=exc.location,
                detail=exc.detail,
            ),
        )
    control_id = document.control_id if document is not None else ""
    # What has no name is named by what it says, so that it conflicts with nothing.
    name = control_id.encode() or hashlib.sha256(content).digest()
    control = hashlib.sha256(f"{tenant}\x1f{source}\x1f".encode() + name).digest()[:16]
    return Assessment(
        message=None,
        accepted=not issues,
        answer=None,
        issues=issues,
        control_id=control_id,
        message_type=document.type if document is not None else "",
        charset="utf-8",
        key=_key(subject, tenant, source, digest),
        fingerprint=hashlib.sha256(control + content).digest()[:16],
        control=control,
    )


def _key(subject: Subject | None, tenant: str, source: str, digest: KeyDigest) -> str:
    """The same as for an HL7 v2 message that names the person by the same number first."""
    if subject is None:
        return digest.key(tenant, "source", source)
    for identifier in subject.identifiers:
        authority = identifier.authority
        name = authority.universal_id or authority.namespace or f"source:{source}"
        return digest.key(tenant, "patient", name.casefold(), identifier.value)
    return digest.key(tenant, "patient", f"source:{source}/patient", subject.ids[0])
