"""Acknowledgements: which code answers, and how the answer is written.

HL7 v2.5.1 2.9.2 (original mode), 2.9.3 (enhanced mode), 2.15.5 (ERR), 2.15.8 (MSA). In enhanced
mode only the accept acknowledgement is ours to give; an application acknowledgement (MSH-16) would
be a message of its own. An answer repeats the header of the message and places of errors, never a
value of the body. A peer's answer is read by `answers`.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    SEVERITY_INFORMATION,
    SEVERITY_WARNING,
    Issue,
    Severity,
)
from plexus.codecs.hl7v2.charsets import is_wide
from plexus.codecs.hl7v2.escapes import DEFAULT_SEPARATORS, Separators
from plexus.codecs.hl7v2.message import Message
from plexus.codecs.hl7v2.reader import read
from plexus.codecs.hl7v2.spans import LOCATION
from plexus.codecs.hl7v2.value import NULL
from plexus.codecs.hl7v2.writing import SegmentWriter
from plexus.errors import InvalidMessage, Reason

__all__ = [
    "AckMode",
    "ack_mode",
    "acknowledge",
    "answer_code",
    "error_code_of",
    "is_rejection",
]

_DEFAULT_VERSION = "2.5.1"

# HL7 table 0357.
_TABLE_0357 = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
_CODE_OF_REASON = {
    Reason.REASON_SEGMENT_SEQUENCE: "100",
    Reason.REASON_UNREADABLE: "100",
    Reason.REASON_REQUIRED_FIELD_MISSING: "101",
    Reason.REASON_NO_IDENTIFIER: "101",
    Reason.REASON_DATA_TYPE: "102",
    Reason.REASON_UNDECODABLE: "102",
    Reason.REASON_BATCH_TOTAL: "102",
    Reason.REASON_TABLE_VALUE: "103",
    Reason.REASON_UNKNOWN_CHARSET: "103",
    Reason.REASON_UNSUPPORTED_MESSAGE_TYPE: "200",
    Reason.REASON_UNSUPPORTED_EVENT: "201",
    Reason.REASON_UNSUPPORTED_PROCESSING_ID: "202",
    Reason.REASON_UNSUPPORTED_VERSION: "203",
    Reason.REASON_INVALID_MERGE: "204",
    Reason.REASON_CONTROL_ID_CONFLICT: "205",
    Reason.REASON_DUPLICATE: "205",
}
# What is not the content's fault, or makes the content not ours to judge, is a reject (2.9.2.2).
_REJECTIONS = frozenset(
    {
        Reason.REASON_UNREADABLE,
        Reason.REASON_INVALID_FRAME,
        Reason.REASON_TOO_LARGE,
        Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
        Reason.REASON_UNSUPPORTED_EVENT,
        Reason.REASON_UNSUPPORTED_PROCESSING_ID,
        Reason.REASON_UNSUPPORTED_VERSION,
        Reason.REASON_PERMISSION_DENIED,
        Reason.REASON_CONFIGURATION,
        Reason.REASON_DEADLINE_EXCEEDED,
        Reason.REASON_OVERLOADED,
        Reason.REASON_UNAVAILABLE,
        Reason.REASON_FENCED,
        Reason.REASON_INTERNAL,
    }
)

_VERSION = re.compile(r"2\.(\d)(?:\.(\d+))?")
_CONTROL = dict.fromkeys((*range(0x20), 0x7F))


class AckMode(Enum):
    """Who answers what (2.9.1)."""

    ORIGINAL = "original"
    """MSH-15 and MSH-16 are empty: one answer, AA, AE or AR."""
    ENHANCED = "enhanced"
    """MSH-15 or MSH-16 is valued: CA, CE or CR, on the condition that MSH-15 names."""


def ack_mode(message: Message) -> AckMode:
    """Give the mode that the header asks for."""
    msh = message.msh
    if msh.get(15) in {"", NULL} and msh.get(16) in {"", NULL}:
        return AckMode.ORIGINAL
    return AckMode.ENHANCED


def is_rejection(issues: Sequence[Issue]) -> bool:
    """Tell whether the issues call for a reject (AR, CR) rather than an error (AE, CE)."""
    return any(issue.reason in _REJECTIONS for issue in issues)


def answer_code(message: Message | None, accepted: bool, unsupported: bool = False) -> str | None:
    """Give MSA-1, or None where the sender wants no answer.

    Args:
        message: None where it could not be read; it is answered in original mode.
        accepted: it is stored.
        unsupported: if not accepted: for its type, event, version or processing id, or for a
            failure on our side (`is_rejection`); otherwise its content is in error.
    """
    code = "A" if accepted else "R" if unsupported else "E"
    if message is None or ack_mode(message) is AckMode.ORIGINAL:
        return f"A{code}"
    # HL7 table 0155. MSH-15 may be empty where MSH-16 is not; silence would be the worse guess.
    condition = message.msh.get(15).strip().upper()
    if condition in {"NE", "ER" if accepted else "SU"}:
        return None
    return f"C{code}"


def error_code_of(reason: Reason.ValueType) -> str:
    """Give the code of HL7 table 0357; 207 for what it has no code for."""
    return _CODE_OF_REASON.get(reason, "207")


def acknowledge(
    message: Message | None,
    code: str,
    issues: Sequence[Issue],
    *,
    control_id: str,
    now: datetime,
    head: bytes = b"",
    text: str = "",
) -> bytes:
    """Write the acknowledgement, without MLLP framing, in the message's separators and charset.

    Args:
        message: what is answered; None where it could not be read.
        code: MSA-1, from `answer_code`.
        issues: become ERR segments: all of them from v2.5 on, before that the errors only, since
            ELD has no severity.
        control_id: MSH-10 of the answer.
        now: MSH-7, with its zone.
        head: first bytes of what could not be read; if they hold an MSH segment, it is answered.
        text: MSA-3, which v2.7 withdrew: from then on it is told in an ERR segment if the code is
            not a positive one. Must be free of patient data, like the details of the issues.
    """
    if message is None and head:
        try:
            message = read(head)
        except InvalidMessage:
            message = None
    writer = _Writer(message)
    positive = code in {"AA", "CA"}
    withdrawn = writer.version >= (7, 0)
    told = [
        writer.err(issue.location, issue.reason, issue.severity, issue.detail) for issue in issues
    ]
    if writer.version < (5, 0):
        told = writer.err_before_v25(issues)
    elif withdrawn and text and not issues and not positive:
        told = [writer.err("", Reason.REASON_INTERNAL, SEVERITY_ERROR, text)]
    segments = [
        writer.msh(control_id, now),
        writer.segment("MSA", code, writer.header(10), "" if withdrawn else writer.text(text)),
        *told,
    ]
    return writer.encoded(segments)


class _Writer(SegmentWriter):
    """The header of the message that is answered, and how to write in its manner."""

    def __init__(self, message: Message | None) -> None:
        super().__init__()
        self._message = message
        self._encoding_characters = DEFAULT_SEPARATORS.encoding_characters
        # A message without a component separator cannot name ACK^A01 or a place of an error.
        if message is not None and message.separators.component:
            self.separators = message.separators
            self._encoding_characters = _encoding_characters(message.msh.get(2), self.separators)
        self.version = _version_of("" if message is None else message.version)

    def header(self, field: int) -> str:
        """A field of the message's MSH, first line only: text lines after it are not header."""
        if self._message is None:
            return ""
        msh = self._message.msh
        if self.separators is self._message.separators:
            written = msh.raw(field)
        else:
            written = self.text(msh.whole(field))
        if written.isprintable():
            return "" if written == NULL else written
        written = re.split("[\r\n]", written, maxsplit=1)[0].translate(_CONTROL)
        return "" if written == NULL else written

    def msh(self, control_id: str, now: datetime) -> str:
        trigger = self._message.trigger if self._message is not None else ""
        # MSH-9 has its event since v2.3 and its structure since v2.3.1.
        if not trigger or self.version < (3, 0):
            kind = self.parts("ACK")
        elif self.version < (3, 1):
            kind = self.parts("ACK", trigger)
        else:
            kind = self.parts("ACK", trigger, "ACK")
        return self.segment(
            "MSH",
            self._encoding_characters,
            self.header(5),
            self.header(6),
            self.header(3),
            self.header(4),
            now.strftime("%Y%m%d%H%M%S%z"),
            "",
            kind,
            self.text(control_id),
            self.header(11) or "P",
            self.header(12) or _DEFAULT_VERSION,
            *([""] * 5),
            self._charset_name(),
        )

    def err(
        self,
        location: str,
        reason: Reason.ValueType,
        severity: Severity.ValueType,
        detail: str,
    ) -> str:
        """ERR of v2.5 and later: ERR-2 where, ERR-3 what, ERR-4 how bad, ERR-8 in words."""
        code = error_code_of(reason)
        letter = {SEVERITY_WARNING: "W", SEVERITY_INFORMATION: "I"}.get(severity, "E")
        place = self.parts(*_erl(location))
        what = self.parts(code, _TABLE_0357[code], "HL70357")
        return self.segment("ERR", "", place, what, letter, "", "", "", self.text(detail))

    def err_before_v25(self, issues: Sequence[Issue]) -> list[str]:
        """One ERR whose ERR-1 (ELD) repeats: segment, sequence, field, coded error."""
        told: list[str] = []
        below = self.separators.subcomponent
        for issue in issues:
            if issue.severity in {SEVERITY_WARNING, SEVERITY_INFORMATION}:
                continue
            code = error_code_of(issue.reason)
            what = below.join((code, _TABLE_0357[code], "HL70357")) if below else code
            places = [self.text(part) for part in (*_erl(issue.location), "", "", "")[:3]]
            told.append(self.separators.component.join((*places, what)))
        if not told:
            return []
        repetition = self.separators.repetition
        return [self.segment("ERR", repetition.join(told) if repetition else told[0])]

    def encoded(self, segments: Iterable[str]) -> bytes:
        if self._message is None:
            return self.message(segments, "ascii")
        charset = self._message.charset
        return self.message(segments, charset, self._message.bom if is_wide(charset) else b"")

    def _charset_name(self) -> str:
        """MSH-18 as the message has it, unless the answer is not in that character set."""
        if self._message is None or any(
            issue.location == "MSH-18" and issue.severity == SEVERITY_ERROR
            for issue in self._message.issues
        ):
            return ""
        return self.header(18)


@lru_cache(maxsize=256)
def _encoding_characters(written: str, separators: Separators) -> str:
    """MSH-2 as written, where it is sound: a repeated character has a place but no role."""
    if 0 < len(written) <= 5 and not any(map(str.isalnum, written)):
        return written.translate(_CONTROL)
    return separators.encoding_characters


@lru_cache(maxsize=64)
def _version_of(text: str) -> tuple[int, int]:
    """Minor version and what follows it, 2.5.1 where it is none."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2] or 0)) if found else (5, 1)


def _erl(location: str) -> tuple[str, ...]:
    """ERL: segment, sequence, field, repetition, component, subcomponent; () if no such place."""
    found = LOCATION.fullmatch(location)
    if found is None:
        return ()
    field = found["field"] or ""
    repetition = found["repetition"] or ("1" if field else "")
    return (
        found["segment"],
        found["index"] or "1",
        field,
        repetition,
        found["component"] or "",
        found["subcomponent"] or "",
    )
