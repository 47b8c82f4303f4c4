"""Whom an event is about: that it names one person, or two where it has to."""

from typing import Final

from plexus.api.canonical.v1.event_pb2 import (
    EVENT_KIND_LINK,
    EVENT_KIND_MERGE,
    EVENT_KIND_MOVE,
    EVENT_KIND_UNLINK,
    EVENT_KIND_UPSERT,
    SEVERITY_ERROR,
    SEVERITY_WARNING,
    CanonicalEvent,
    EventKind,
)
from plexus.codecs.hl7v2 import Message
from plexus.errors import InvalidMessage, Reason
from services.transform.domain.structures import Structure

__all__ = ["check_person"]

# What events about two persons do, where it is no merge (HL7 v2.5.1 3.3.24, 3.3.37, 3.3.43 to 3.3.45).
_KINDS: Final = {
    "A24": EVENT_KIND_LINK,
    "A37": EVENT_KIND_UNLINK,
    "A43": EVENT_KIND_MOVE,
    "A44": EVENT_KIND_MOVE,
    "A45": EVENT_KIND_MOVE,
}


def _kind_of(message: Message, structure: Structure) -> EventKind.ValueType:
    if message.code == "ADT" and message.trigger in _KINDS:
        return _KINDS[message.trigger]
    return EVENT_KIND_MERGE if structure.is_paired else EVENT_KIND_UPSERT


def check_person(
    event: CanonicalEvent, message: Message, structure: Structure, *, needs_person: bool
) -> None:
    """Say what the event does, and see that it is about as many persons as it must be.

    Raises:
        InvalidMessage: REASON_MAPPING_FAILED if it is not; REASON_UNSUPPORTED_MESSAGE_TYPE if it is about
            nobody and `needs_person`.
    """
    if structure.is_about_nobody:
        if needs_person:
            raise InvalidMessage(
                "Messages of this type are about no person; they are converted to be looked at only.",
                reason=Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
                location="MSH-9",
            )
        event.kind = EVENT_KIND_UPSERT
        return
    event.kind = _kind_of(message, structure)
    is_merge = event.kind != EVENT_KIND_UPSERT
    persons = message.all("PID")
    most = 2 if structure.is_about_two else 1
    if len(persons) > most and (is_merge or len({pid.raw(3) for pid in persons}) > 1):
        raise InvalidMessage(
            "The message is about several persons; the sender must send one message for each.",
            reason=Reason.REASON_MAPPING_FAILED,
            location=f"PID[{persons[most].index}]-3",
        )
    if is_merge and not event.prior:
        raise InvalidMessage(
            "The message is about two persons and names one.",
            reason=Reason.REASON_MAPPING_FAILED,
            location="PID[2]-3" if structure.is_about_two else "MRG[1]-1",
        )
    if event.subject:
        return
    if is_merge or not persons:
        nobody = "The message names no person."
        if needs_person or is_merge:
            raise InvalidMessage(nobody, reason=Reason.REASON_MAPPING_FAILED, location="PID[1]-3")
        event.issues.add(
            severity=SEVERITY_ERROR,
            reason=Reason.REASON_MAPPING_FAILED,
            location="PID[1]-3",
            detail=nobody,
        )
        return
    event.issues.add(
        severity=SEVERITY_WARNING,
        reason=Reason.REASON_NO_IDENTIFIER,
        location="PID[1]-3",
        detail="The message names no identifier of the person.",
    )
