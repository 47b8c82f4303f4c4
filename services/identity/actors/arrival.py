"""An event as it arrives at identity: whom it is about, and what it says of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.identity.v1.identity_pb2 import ResolvedEvent
from plexus.errors import InvalidMessage, Reason
from services.identity.domain import Evidence, PersonIdentifier, RecordKey, identifying

__all__ = ["Arrival"]

_REGISTRATION: Final = "ADT"
"""HL7 v2 triggers that tell demographics for their own sake begin so."""


class Arrival(NamedTuple):
    """An event that has arrived.

    Attributes:
        resolved: the message that will carry it on; its event is set.
        kind: of the event, as the message has it.
        subject: the identifiers of the event's subject that name a person.
        prior: those of the other person, where the event is about two.
        evidence: what it says of the subject's demographics; None where nothing or of nobody.
    """

    resolved: ResolvedEvent
    kind: EventKind.ValueType
    subject: list[PersonIdentifier]
    prior: list[PersonIdentifier]
    evidence: Evidence | None

    @classmethod
    def read(cls, envelope: Envelope) -> "Arrival":
        """Read the payload of a message of the canonical stream. Raises InvalidMessage."""
        if envelope.kind != PayloadKind.PAYLOAD_KIND_CANONICAL:
            raise InvalidMessage(
                "the canonical stream carries canonical events only", reason=Reason.REASON_INTERNAL
            )
        resolved = ResolvedEvent()
        event = resolved.event
        try:
            event.MergeFromString(envelope.payload)
        except DecodeError as exc:
            raise InvalidMessage(
                "the payload is no canonical event", reason=Reason.REASON_INTERNAL
            ) from exc
        subject = identifying(envelope.tenant, event.subject)
        return cls(
            resolved,
            event.kind,
            subject,
            identifying(envelope.tenant, event.prior),
            _evidence(event, subject, envelope.source) if subject else None,
        )


def _evidence(
    event: CanonicalEvent, subject: Sequence[PersonIdentifier], source: str
) -> Evidence | None:
    for resource in event.resources:
        if resource.WhichOneof("content") == "person":
            return Evidence(
                RecordKey(subject[0].names[0], source),
                resource.person,
                is_registered=event.trigger.startswith(_REGISTRATION),
            )
    return None
