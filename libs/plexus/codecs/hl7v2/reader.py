"""From bytes to a message: where it begins, which characters it is in, where segments end.

Reading never refuses a message that has an MSH segment: whatever is odd about the bytes becomes an
issue of the message, since even a message that cannot be accepted must be answered and kept. Text
is never repaired; what is not a segment belongs to the text of the segment before it.

Line ends (2.5.2 wants CR; feeds and files bring all kinds):

- CR, LF and CRLF end segments. Blank lines and blanks before a segment's name are skipped.
- In a message that uses CR, a bare LF ends a segment only where the next line begins like one
  (three letters or digits, then the field separator); otherwise it is text.
- A line that does not begin like a segment continues the segment before it, with a warning unless
  it came after such a bare LF.

Files that hold several messages are cut apart by `batch`.
"""

import re

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    SEVERITY_INFORMATION,
    SEVERITY_WARNING,
    Issue,
    Severity,
)
from plexus.codecs.hl7v2.charsets import (
    FALLBACK,
    bom_of,
    codec_of,
    codec_of_repetitions,
    is_wide,
)
from plexus.codecs.hl7v2.escapes import separators_of
from plexus.codecs.hl7v2.message import NULL, Message, Origin, Segment
from plexus.errors import InvalidMessage, Reason

__all__ = ["read"]

_MSH = re.compile(rb"(?:\A|[\r\n])[ \t\x00\x0b]*(MSH[^A-Za-z0-9\s])")
_MSH_TEXT = re.compile(r"(?:\A|[\r\n])[ \t\x00\x0b]*(MSH[^A-Za-z0-9\s])")
_HEADER = re.compile(rb"[^\r\n]*")
_LINE = re.compile(r"[^\r\n]*(\r\n|\r|\n|\Z)")
_LINE_END = re.compile(r"[\r\n]")
_BARE_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_INDENT = " \t"
_BLANK = " \t\x00\x0b\x1a\x1c\r\n"


def read(content: bytes, *, default_charset: str = "") -> Message:
    """Read one message.

    Args:
        content: the bytes as received, without MLLP framing (which is tolerated).
        default_charset: for messages with an empty MSH-18: a name of HL7 table 0211 or a Python
            codec. Empty means UTF-8 if the bytes are UTF-8 and ISO 8859-1 otherwise.

    Raises:
        InvalidMessage: REASON_UNREADABLE if there is no MSH segment.
    """
    issues: list[Issue] = []
    mark, codec = (0, "") if content.startswith(b"MSH|") else bom_of(content)
    if is_wide(codec):
        base, text, declared = _decode_wide(content, mark, codec, issues)
    else:
        if content.endswith((b"\x1c", b"\x1c\r")):
            content = content[: content.rindex(b"\x1c")]
        found = _MSH.search(content[mark:] if mark else content)
        if found is None:
            raise InvalidMessage("There is no MSH segment.", location="MSH")
        base = mark + found.start(1)
        text, codec, declared = _decode(content[base:], codec, default_charset, issues)
    if base > mark and content[mark:base].strip(_BLANK.encode()):
        _note(issues, Reason.REASON_SEGMENT_SEQUENCE, "MSH", "Text stands before MSH.")

    field_separator = text[3]
    header = text[: len(text) if (end := text.find(field_separator, 4)) < 0 else end]
    separators, trouble = separators_of(field_separator, _LINE_END.split(header[4:], 1)[0])
    if trouble:
        _note(issues, Reason.REASON_DATA_TYPE, "MSH-2", f"{trouble}.")
    origin = Origin(content, base, text, codec, separators)
    segments, by_name = _segments(origin, issues)
    return Message(
        segments,
        by_name,
        origin,
        charset_declared=declared,
        issues=issues,
        bom=content[:mark],
    )


def _note(
    issues: list[Issue],
    reason: Reason.ValueType,
    location: str,
    detail: str,
    severity: Severity.ValueType = SEVERITY_WARNING,
) -> None:
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


def _decode_wide(
    content: bytes, mark: int, codec: str, issues: list[Issue]
) -> tuple[int, str, str]:
    body = content[mark:]
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        # ISO 8859-1 would not even show the MSH segment here, so the broken units are replaced.
        text = body.decode(codec, "replace")
        _undecodable(issues, codec, mark + error.start)
    found = _MSH_TEXT.search(text)
    if found is None:
        raise InvalidMessage("There is no MSH segment.", location="MSH")
    start = found.start(1)
    base = mark + len(text[:start].encode(codec))
    text = text[start:]
    header = _LINE.match(text)
    names = _declared(header.group()) if header else ()
    return base, text, names[0] if names else ""


def _decode(
    body: bytes, bom_codec: str, default_charset: str, issues: list[Issue]
) -> tuple[str, str, str]:
    """Give the text, the codec used and the declared name."""
    header = _HEADER.match(body)
    names = _declared(header.group().decode(FALLBACK)) if header else ()
    declared = names[0] if names else ""
    codec: str | None
    if names:
        codec = codec_of_repetitions(names)
        if codec is None:
            _note(
                issues,
                Reason.REASON_UNKNOWN_CHARSET,
                "MSH-18",
                "The character set is not known.",
                SEVERITY_ERROR,
            )
        elif is_wide(codec) or (bom_codec and codec not in {bom_codec, "ascii"}):
            _note(
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
            _note(
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
    _note(
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
    _note(
        issues,
        Reason.REASON_UNKNOWN_CHARSET,
        "MSH-18",
        f"The bytes were taken as {codec}.",
        severity,
    )
    return text, codec


def _segments(
    origin: Origin, issues: list[Issue]
) -> tuple[list[Segment], dict[str, list[Segment]]]:
    segments: list[Segment] = []
    by_name: dict[str, list[Segment]] = {}
    for start, line in _lines(origin.text, origin.separators.field, issues):
        name = line[:3]
        same = by_name.get(name)
        if same is None:
            same = by_name[name] = []
        segment = Segment(name, len(same) + 1, len(segments), line, start, origin)
        same.append(segment)
        segments.append(segment)
    return segments, by_name


def _lines(text: str, separator: str, issues: list[Issue]) -> list[tuple[int, str]]:
    """Where the segments begin in the text, and the text of each."""
    if "\n" not in text:
        terminator = "\r"
    elif "\r" not in text:
        terminator = "\n"
    elif text.count("\r\n") == text.count("\r") == text.count("\n"):
        terminator = "\r\n"
    else:
        return _lines_of_mixed(text, separator, issues)
    lines: list[tuple[int, str]] = []
    start = 0
    width = len(terminator)
    for line in text.split(terminator):
        if line:
            name = line[:3]
            if line[3:4] != separator or not (name.isalnum() and name.isascii()):
                return _lines_of_mixed(text, separator, issues)
            lines.append((start, line))
        start += len(line) + width
    return lines


def _lines_of_mixed(text: str, separator: str, issues: list[Issue]) -> list[tuple[int, str]]:
    uses_cr = "\r" in text
    spans: list[tuple[int, int]] = []
    after_bare_lf = False
    continued = 0
    for line in _LINE.finditer(text):
        start, end = line.start(), line.start(1)
        body = text[start:end]
        is_text_line = after_bare_lf
        after_bare_lf = uses_cr and line.group(1) == "\n"
        if not is_text_line:
            start += len(body) - len(body.lstrip(_INDENT))
        name = text[start : min(start + 3, end)]
        if (
            len(name) == 3
            and name.isascii()
            and name.isalnum()
            and text[start + 3 : start + 4] == separator
        ):
            spans.append((start, end))
        elif not body.strip(_BLANK):
            continue
        elif not is_text_line and _BARE_NAME.fullmatch(body.strip(_BLANK)):
            spans.append((start, end))
        else:
            spans[-1] = (spans[-1][0], end)
            continued += not is_text_line
    if continued:
        _note(
            issues,
            Reason.REASON_SEGMENT_SEQUENCE,
            "",
            f"{continued} lines do not begin like a segment and were taken as text of the one before.",
        )
    return [(start, text[start:end]) for start, end in spans]
