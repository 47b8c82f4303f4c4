"""From bytes to a message: where it begins, which characters it is in, where segments end.

Reading never refuses a message that has an MSH segment: whatever is odd about the bytes becomes an
issue of the message, since even a message that cannot be accepted must be answered and kept. Text
is never repaired; what is not a segment belongs to the text of the segment before it.

Line ends (2.5.2 wants CR; feeds and files bring all kinds):

- CR, LF and CRLF end segments. Blank lines and blanks before a segment's name are skipped.
- In a message that uses CR, a bare LF ends a segment only where the next line begins like one
  (three capitals or digits, a letter first, then the field separator); otherwise it is text.
- A line that does not begin like a segment continues the segment before it, with a warning unless
  it came after such a bare LF.

Characters are the business of `decoding`; files that hold several messages are cut by `batch`.
"""

import re
from functools import lru_cache

from plexus.api.canonical.v1.event_pb2 import Issue
from plexus.codecs.hl7v2.charsets import bom_of, is_wide
from plexus.codecs.hl7v2.decoding import decode, decode_wide, note
from plexus.codecs.hl7v2.escapes import separators_of
from plexus.codecs.hl7v2.message import Message, Segment
from plexus.codecs.hl7v2.value import Origin
from plexus.errors import InvalidMessage, Reason

__all__ = ["read"]

_MSH = re.compile(rb"(?:\A|[\r\n])[ \t\x00\x0b]*(MSH[^A-Za-z0-9\s\x1c])")
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
        base, text, declared = decode_wide(content, mark, codec, issues)
    else:
        if content.endswith((b"\x1c", b"\x1c\r")):
            content = content[: content.rindex(b"\x1c")]
        found = _MSH.search(content[mark:] if mark else content)
        if found is None:
            raise InvalidMessage("There is no MSH segment.", location="MSH")
        base = mark + found.start(1)
        text, codec, declared = decode(content[base:], codec, default_charset, issues)
    if base > mark and content[mark:base].strip(_BLANK.encode()):
        note(issues, Reason.REASON_SEGMENT_SEQUENCE, "MSH", "Text stands before MSH.")

    field_separator = text[3]
    header = text[: len(text) if (end := text.find(field_separator, 4)) < 0 else end]
    separators, trouble = separators_of(field_separator, _LINE_END.split(header[4:], 1)[0])
    if trouble:
        note(issues, Reason.REASON_DATA_TYPE, "MSH-2", f"{trouble}.")
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
            if line[3:4] != separator or not _is_name(name):
                return _lines_of_mixed(text, separator, issues)
            lines.append((start, line))
        start += len(line) + width
    return lines


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    """Tell whether it can be the name of a segment; "120|80" in a text is none."""
    return name.isascii() and name.isalnum() and not name[0].isdigit()


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
        is_name = len(name) == 3 and _is_name(name) and (name.isupper() or not is_text_line)
        if is_name and text[start + 3 : start + 4] == separator:
            spans.append((start, end))
        elif not body.strip(_BLANK):
            continue
        elif not is_text_line and _BARE_NAME.fullmatch(body.strip(_BLANK)):
            spans.append((start, end))
        else:
            spans[-1] = (spans[-1][0], end)
            continued += not is_text_line
    if continued:
        note(
            issues,
            Reason.REASON_SEGMENT_SEQUENCE,
            "",
            f"{continued} lines do not begin like a segment and were taken as text of the one before.",
        )
    return [(start, text[start:end]) for start, end in spans]
