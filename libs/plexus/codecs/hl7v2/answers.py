"""A peer's acknowledgement, as whoever sends messages reads it (HL7 v2.5.1 2.15.5, 2.15.8).

Only codes and places are taken from ERR segments into `Ack.errors`, so that they may be logged: a
peer's words may repeat a patient's data. `acknowledge` writes our own answers.
"""

import re
from dataclasses import dataclass

from plexus.codecs.hl7v2.message import Segment
from plexus.codecs.hl7v2.reader import read
from plexus.codecs.hl7v2.value import NULL, Value
from plexus.errors import InvalidMessage, Reason

__all__ = ["Ack", "read_ack"]

# Tables 0357 and 0533: too narrow for a name or a number of a person.
_CODE = re.compile(r"[A-Z]{0,4}[0-9]{1,4}")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Ack:
    """A peer's answer.

    Attributes:
        code: MSA-1: AA, AE, AR, CA, CE or CR.
        control_id: MSA-2, the control id of the message that is answered.
        text: MSA-3, else ERR-8: the peer's own words, which may hold patient data. Never log it.
        errors: "code place" of each ERR, such as "101 PID[1]-3[1].1"; codes and places only.
    """

    code: str
    control_id: str
    text: str
    errors: list[str]


def read_ack(content: bytes) -> Ack:
    """Read an acknowledgement of any message type that carries an MSA segment.

    Raises:
        InvalidMessage: no MSH or MSA segment, or a code that is not in HL7 table 0008.
    """
    message = read(content)
    msa = message.first("MSA")
    if msa is None:
        raise InvalidMessage(
            "The answer has no MSA segment.", reason=Reason.REASON_SEGMENT_SEQUENCE, location="MSA"
        )
    code = msa.get(1).strip()
    if code not in {"AA", "AE", "AR", "CA", "CE", "CR"}:
        raise InvalidMessage(
            "The answer has no code of HL7 table 0008.",
            reason=Reason.REASON_TABLE_VALUE,
            location="MSA-1",
        )
    segments = message.all("ERR")
    words = (segment.get(8) for segment in segments)
    text = msa.whole(3) or next((word for word in words if word not in {"", NULL}), "")
    errors = [error for segment in segments for error in _told(segment)]
    return Ack(code, msa.get(2).strip(), text, errors)


def _told(segment: Segment) -> list[str]:
    told: list[str] = []
    if code := _code(segment.get(3)):
        places = [_place(value) for value in segment.repetitions(2)] or [""]
        told.extend(f"{code} {place}".strip() for place in places)
    for value in segment.repetitions(1):
        told.extend(
            f"{code} {_place(value, components=3)}".strip()
            for code in (_code(value.get(4)),)
            if code
        )
    return told


def _code(text: str) -> str:
    return text if _CODE.fullmatch(text) else ""


def _place(value: Value, components: int = 6) -> str:
    """ERL as a location; parts that are no names or numbers are left out."""
    name, *numbers = [value.get(n) for n in range(1, components + 1)]
    if not _NAME.fullmatch(name):
        return ""
    sequence, field, repetition, component, subcomponent = (
        number if _NUMBER.fullmatch(number) else "" for number in (*numbers, "", "", "")[:5]
    )
    place = f"{name}[{sequence}]" if sequence else name
    if field:
        place += f"-{field}" + (f"[{repetition}]" if repetition else "")
        if component:
            place += f".{component}" + (f".{subcomponent}" if subcomponent else "")
    return place
