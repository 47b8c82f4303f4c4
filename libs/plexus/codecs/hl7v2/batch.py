"""Files and batches with several messages: cut apart, counted, and answered as a batch.

HL7 v2.5.1 2.10.3 (batch protocol): FHS, BHS, messages, BTS, FTS. Many files have only messages one
after another. Nothing vanishes but the batch segments themselves: text that belongs to no message
becomes a part of its own, which `read` then calls unreadable. The totals in BTS-1 and FTS-1 are held
against what is there; a difference is an issue, since it tells that messages were lost on the way.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from plexus.api.canonical.v1.event_pb2 import SEVERITY_WARNING, Issue
from plexus.codecs.hl7v2.charsets import FALLBACK, bom_of, is_wide
from plexus.errors import Reason

__all__ = ["Batch", "Part", "acknowledge_batch", "is_batch", "read_batch", "split_batch"]

_BOUNDARY = re.compile(
    rb"(?:\A|(?<=[\r\n]))[ \t\x00\x0b]*(?:(?P<msh>MSH(?=[^A-Za-z0-9\s\x1c]))"
    rb"|(?P<batch>(?:FHS|BHS|BTS|FTS)(?:(?=[\r\n])|\Z|[^A-Za-z0-9\s][^\r\n]*)))"
)
_BEGINS = re.compile(rb"[ \t\x00\x0b\r\n]*[FB]HS[^A-Za-z0-9\s]")
_BLANK = b" \t\x00\x0b\x1a\x1c\r\n"
_NOWHERE = -1


class Part(NamedTuple):
    """One message, as it was written, and the number of the batch it is in; -1 for none."""

    content: bytes
    batch: int


@dataclass(slots=True)
class Batch:
    """What a file or frame holds.

    Attributes:
        parts: messages, and strays, in order.
        headers: the BHS segments, by number of the batch.
        file_header: the FHS segment, or empty.
    """

    parts: list[Part] = field(default_factory=list)
    headers: list[bytes] = field(default_factory=list)
    file_header: bytes = b""
    _issues: list[tuple[int, Issue]] = field(default_factory=list)

    @property
    def issues(self) -> list[Issue]:
        """All that is wrong with the batches: totals and missing ends."""
        return [issue for _, issue in self._issues]

    def issues_of(self, batch: int) -> list[Issue]:
        """What is wrong with one batch, or with the whole file."""
        return [issue for at, issue in self._issues if at in {batch, _NOWHERE}]

    def note(self, batch: int, reason: Reason.ValueType, location: str, detail: str) -> None:
        """Add an issue."""
        issue = Issue(severity=SEVERITY_WARNING, reason=reason, location=location, detail=detail)
        self._issues.append((batch, issue))


def is_batch(content: bytes) -> bool:
    """Tell whether the content begins with a batch segment, so that it is no single message."""
    if content.startswith(b"MSH"):
        return False
    mark, codec = bom_of(content)
    if is_wide(codec):
        return (
            _BEGINS.match(content[mark : mark + 400].decode(codec, "replace").encode()) is not None
        )
    return _BEGINS.match(content, mark) is not None


def split_batch(content: bytes) -> list[bytes]:
    """Give the messages of a file in order, each as it was written.

    A byte order mark is repeated on every part. Blank content has no parts. Broken UTF-16 or UTF-32
    is one part.
    """
    return [part.content for part in read_batch(content).parts]


def read_batch(content: bytes) -> Batch:
    """Cut a file or frame apart, and hold its totals against what is there. Never raises."""
    mark, codec = bom_of(content)
    bom, body = content[:mark], content[mark:]
    if not is_wide(codec):
        found = _read(body)
        found.parts = [Part(bom + part, at) for part, at in found.parts] if bom else found.parts
        return found
    try:
        text = body.decode(codec)
    except UnicodeDecodeError:
        # Not to be cut without a loss; the reader tells what is wrong with it.
        return Batch([Part(content, _NOWHERE)])
    found = _read(text.encode())
    found.parts = [Part(bom + part.decode().encode(codec), at) for part, at in found.parts]
    return found


def _read(body: bytes) -> Batch:
    batch = Batch()
    counter = _Counter(batch)
    boundaries = list(_BOUNDARY.finditer(body))
    before = body[: boundaries[0].start()] if boundaries else body
    if before.strip(_BLANK):
        batch.parts.append(Part(before, _NOWHERE))
    for place, boundary in enumerate(boundaries):
        end = boundaries[place + 1].start() if place + 1 < len(boundaries) else len(body)
        segment = boundary["batch"]
        # A message begins at its boundary; after a batch segment only strays can follow.
        part = body[boundary.start() if segment is None else boundary.end() : end]
        if segment is not None:
            counter.see(segment)
        else:
            counter.messages += 1
        if part.strip(_BLANK):
            batch.parts.append(Part(part, counter.batch))
    counter.end()
    return batch


class _Counter:
    """Counts along, and compares wherever a trailer tells a total."""

    def __init__(self, batch: Batch) -> None:
        self._found = batch
        self.batch = _NOWHERE
        self.messages = 0
        self._files = 0
        self._batches = 0

    def see(self, segment: bytes) -> None:
        name = segment[:3]
        if name == b"FHS":
            self._found.file_header = self._found.file_header or segment
            self._files += 1
            self._batches = self.messages = 0
        elif name == b"BHS":
            self._close_batch()
            self.batch = len(self._found.headers)
            self._found.headers.append(segment)
            self._batches += 1
            self.messages = 0
        elif name == b"BTS":
            if self.batch == _NOWHERE:
                self._misses("BTS", "BHS")
            self._compare("BTS", segment, self.messages, "messages")
            self.batch = _NOWHERE
            self.messages = 0
        else:
            self._close_batch()
            if not self._files:
                self._misses("FTS", "FHS")
            if self._batches:
                self._compare("FTS", segment, self._batches, "batches")
            else:
                # Files without batches are written too, and count their messages.
                self._compare("FTS", segment, self.messages, "messages")
            self._files = 0

    def end(self) -> None:
        """See that nothing was cut off at the end."""
        self._close_batch()
        if self._files:
            self._misses("FHS", "FTS")

    def _close_batch(self) -> None:
        if self.batch != _NOWHERE:
            self._misses("BHS", "BTS")
        self.batch = _NOWHERE

    def _misses(self, one: str, other: str) -> None:
        self._found.note(
            self.batch, Reason.REASON_SEGMENT_SEQUENCE, other, f"{one} stands without {other}."
        )

    def _compare(self, name: str, segment: bytes, counted: int, what: str) -> None:
        fields = segment.split(segment[3:4]) if len(segment) > 3 else []
        told = fields[1].strip() if len(fields) > 1 else b""
        if not told:
            return
        if not told.isdigit() or len(told) > 10:
            detail = f"{name}-1 is no number."
            self._found.note(self.batch, Reason.REASON_DATA_TYPE, f"{name}-1", detail)
        elif int(told) != counted:
            detail = f"{name}-1 tells {int(told)} {what}; there are {counted}."
            self._found.note(self.batch, Reason.REASON_BATCH_TOTAL, f"{name}-1", detail)


def acknowledge_batch(
    content: bytes, batch: Batch, answers: list[bytes | None], *, control_id: str, now: datetime
) -> bytes:
    """Write the answers to the parts of a batch as a batch (2.10.3.3).

    Args:
        content: the batch as received; its header and its character set are answered.
        batch: what was read of it.
        answers: by part; None where the sender wants none.
        control_id: BHS-11 of the answer; BHS-12 is that of the batch.
        now: BHS-7, with its zone.
    """
    mark, codec = bom_of(content)
    wide = codec if is_wide(codec) else ""
    lines: list[bytes] = []
    file_header = _usable(batch.file_header)
    if batch.file_header:
        lines.append(_header(b"FHS", file_header, control_id, now))
    for number in [*range(len(batch.headers)), _NOWHERE]:
        own = [
            answer
            for part, answer in zip(batch.parts, answers, strict=True)
            if part.batch == number and answer is not None
        ]
        if number == _NOWHERE and not own:
            continue
        head = _usable(batch.headers[number] if number >= 0 else batch.file_header)
        lines.append(_header(b"BHS", head, control_id, now))
        lines += [_narrow(answer, wide) for answer in own]
        comment = " ".join(issue.detail for issue in batch.issues_of(number)).encode()
        lines.append(head[3:4].join([b"BTS", b"%d" % len(own), comment]).rstrip(head[3:4]))
    if batch.file_header:
        lines.append(b"FTS" + file_header[3:4] + b"%d" % max(len(batch.headers), 1))
    joined = b"\r".join(line.rstrip(b"\r") for line in lines) + b"\r"
    return content[:mark] + joined.decode().encode(wide) if wide else joined


def _narrow(answer: bytes, wide: str) -> bytes:
    return answer.decode(wide).lstrip("\ufeff").encode() if wide else answer


def _usable(header: bytes) -> bytes:
    """A header to answer to; one that is but a name, or none, has no separators."""
    return header if len(header) > len(b"BHS|") else b"BHS|^~\\&"


def _header(name: bytes, header: bytes, control_id: str, now: datetime) -> bytes:
    """BHS or FHS of the answer (2.15.2): who is asked answers, in the separators of the other."""
    separator = header[3:4]
    fields = [*header.split(separator), *([b""] * 12)]
    moment = now.strftime("%Y%m%d%H%M%S%z").encode(FALLBACK)
    who = (fields[4], fields[5], fields[2], fields[3])
    return separator.join(
        (name, fields[1], *who, moment, b"", b"", b"", control_id.encode(), fields[10])
    )
