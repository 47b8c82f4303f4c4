"""Files with several messages: cut apart at the segments that begin one.

HL7 v2.5.1 2.10.3 (batch protocol): FHS, BHS, messages, BTS, FTS. Many files have only messages one
after another. Nothing in a file vanishes but the batch segments themselves: text that belongs to
no message becomes a part of its own, which `read` then calls unreadable. The totals in BTS and FTS
are not checked here.
"""

import re

from plexus.codecs.hl7v2.charsets import bom_of, is_wide

__all__ = ["split_batch"]

_BOUNDARY = re.compile(
    rb"(?:\A|(?<=[\r\n]))[ \t\x00\x0b]*(?:(?P<msh>MSH(?=[^A-Za-z0-9\s\x1c]))"
    rb"|(?:FHS|BHS|BTS|FTS)(?:(?=[\r\n])|\Z|[^A-Za-z0-9\s][^\r\n]*))"
)
_BLANK = b" \t\x00\x0b\x1a\x1c\r\n"


def split_batch(content: bytes) -> list[bytes]:
    """Give the messages of a file in order, each as it was written.

    A byte order mark is repeated on every part. Blank content has no parts. Broken UTF-16 or UTF-32
    is one part.
    """
    mark, codec = bom_of(content)
    bom, body = content[:mark], content[mark:]
    if not is_wide(codec):
        return [bom + part for part in _parts(body)]
    try:
        text = body.decode(codec)
    except UnicodeDecodeError:
        # Not to be cut without a loss; the reader tells what is wrong with it.
        return [content]
    return [bom + part.decode().encode(codec) for part in _parts(text.encode())]


def _parts(body: bytes) -> list[bytes]:
    found = list(_BOUNDARY.finditer(body))
    parts = [body[: found[0].start()] if found else body]
    for place, boundary in enumerate(found):
        end = found[place + 1].start() if place + 1 < len(found) else len(body)
        # A message begins at its boundary; after a batch segment only strays can follow.
        parts.append(body[boundary.start() if boundary["msh"] else boundary.end() : end])
    return [part for part in parts if part.strip(_BLANK)]
