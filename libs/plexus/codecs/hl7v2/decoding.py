"""From the bytes of a message to its text: MSH-18 (2.15.9.18), byte order marks, and guesses.

What is declared is believed, a byte order mark is believed more, and every decision that was not
the sender's is an issue of the message. No decision loses a byte, except in broken UTF-16 and
UTF-32, where what is no character at all is replaced.
"""

import re

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    SEVERITY_INFORMATION,
    SEVERITY_WARNING,
    Issue,
    Severity,
)
from plexus.codecs.hl7v2.charsets import FALLBACK, codec_of, codec_of_repetitions, is_wide
from plexus.codecs.hl7v2.value import NULL
from plexus.errors import InvalidMessage, Reason

__all__ = ["decode", "decode_wide", "note"]

_MSH = re.compile(r"(?:\A|[\r\n])[ \t\x00\x0b]*(MSH[^A-Za-z0-9\s\x1c])")
_FIRST_LINE = re.compile(rb"[^\r\n]*")
_FIRST_TEXT_LINE = re.compile(r"[^\r\n]*")


def note(
    issues: list[Issue],
    reason: Reason.ValueType,
    location: str,
    detail: str,
    severity: Severity.ValueType = SEVERITY_WARNING,
) -> None:
    """Add an issue about the bytes."""
    issues.append(Issue(severity=severity, reason=reason, location=location, detail=detail))


def _declared(header: str) -> tuple[str, ...]:
    """Repetitions of MSH-18, blanks trimmed; () where it says nothing."""
    fields = header.split(header[3], 18)
    if len(fields) < 18 or not fields[17]:
        return ()
    repetition = fields[1][1:2]
    names = fields[17].split(repetition) if repetition else [fields[17]]
    component = fields[1][:1]
    trimmed = tuple((name.split(component)[0] if component else name).strip() for name in names)
    return trimmed if any(name not in {"", NULL} for name in trimmed) else ()


def decode_wide(content: bytes, mark: int, codec: str, issues: list[Issue]) -> tuple[int, str, str]:
    """Give where the message begins in UTF-16 or UTF-32 bytes, its text and the declared name."""
    body = content[mark:]
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        # ISO 8859-1 would not even show the MSH segment here, so the broken units are replaced.
        text = body.decode(codec, "replace")
        _undecodable(issues, codec, mark + error.start)
    found = _MSH.search(text)
    if found is None:
        raise InvalidMessage("There is no MSH segment.", location="MSH")
    start = found.start(1)
    base = mark + len(text[:start].encode(codec))
    text = text[start:]
    header = _FIRST_TEXT_LINE.match(text)
    names = _declared(header.group()) if header else ()
    return base, text, names[0] if names else ""


def decode(
    body: bytes, bom_codec: str, default_charset: str, issues: list[Issue]
) -> tuple[str, str, str]:
    """Give the text, the codec used and the declared name."""
    header = _FIRST_LINE.match(body)
    names = _declared(header.group().decode(FALLBACK)) if header else ()
    declared = names[0] if names else ""
    codec: str | None
    if names:
        codec = codec_of_repetitions(names)
        if codec is None:
            note(
                issues,
                Reason.REASON_UNKNOWN_CHARSET,
                "MSH-18",
                "The character set is not known.",
                SEVERITY_ERROR,
            )
        elif is_wide(codec) or (bom_codec and codec not in {bom_codec, "ascii"}):
            note(
                issues,
                Reason.REASON_UNKNOWN_CHARSET,
                "MSH-18",
                "The bytes are not in the character set that is declared.",
            )
            codec = None
    elif default_charset and not bom_codec:
        codec = codec_of(default_charset)
        if codec is None or is_wide(codec):
            codec = None
            note(
                issues,
                Reason.REASON_UNKNOWN_CHARSET,
                "MSH-18",
                "The default character set of the feed is not known.",
                SEVERITY_ERROR,
            )
    else:
        codec = None
    codec = bom_codec or codec
    if codec is None or codec == "":
        text, codec = _guess(body, issues)
        return text, codec, declared
    try:
        text = body.decode(codec)
        # A codec with switches could swallow the header itself.
        if text.startswith("MSH") and len(text) > 3:
            return text, codec, declared
        _undecodable(issues, codec, 0)
    except UnicodeDecodeError as error:
        _undecodable(issues, codec, error.start)
    return body.decode(FALLBACK), FALLBACK, declared


def _undecodable(issues: list[Issue], codec: str, at: int) -> None:
    note(
        issues,
        Reason.REASON_UNDECODABLE,
        "MSH-18",
        f"The bytes from offset {at} are not text in {codec}.",
        SEVERITY_ERROR,
    )


def _guess(body: bytes, issues: list[Issue]) -> tuple[str, str]:
    """Decode what declares nothing usable, and record what was taken for granted."""
    try:
        if body.isascii():
            return body.decode("ascii"), "ascii"
        text, codec = body.decode("utf-8"), "utf-8"
        severity = SEVERITY_INFORMATION
    except UnicodeDecodeError:
        text, codec = body.decode(FALLBACK), FALLBACK
        severity = SEVERITY_WARNING
    note(
        issues,
        Reason.REASON_UNKNOWN_CHARSET,
        "MSH-18",
        f"The bytes were taken as {codec}.",
        severity,
    )
    return text, codec
