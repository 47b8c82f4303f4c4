"""Many messages of one shard in one message of the broker.

What the broker's client spends is spent per message it sends and gets: for a batch of the mesh that is
more than all that is done with the batch. So neighbours of one shard travel together, in order, and
each still has a place of its own: the place of its frame and its place within it. A message that is
traced travels alone, since the broker makes its hop a span from the headers.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence

from plexus.bus.contract import Outgoing
from plexus.ids import shard_of

__all__ = ["FRAME_HEADER", "PLACES", "Sent", "framed", "last_of", "unframed"]

FRAME_HEADER = "Plexus-Frame"
"""Tells how many messages a frame holds; a message without it is one by itself."""

PLACES = 64
"""Places of a frame, and so most messages of one. Sequences are counted in places."""

_MOST_BYTES = 256 * 1024
_LENGTH = struct.Struct("<I")

Sent = tuple[str, dict[str, str], bytes]
"""Subject, headers and body for the broker."""


def framed(items: Sequence[Outgoing], shards: int) -> Iterator[Sent]:
    """What to send for some messages, in an order that keeps the order within each shard."""
    open_frames: dict[tuple[str, int], list[Outgoing]] = {}
    sizes: dict[tuple[str, int], int] = {}
    for item in items:
        place = (item.stream, shard_of(item.key, shards))
        company = open_frames.get(place)
        if item.traceparent.endswith("-01"):
            if company:
                yield _sent(open_frames.pop(place))
            yield _sent([item])
            continue
        size = len(item.data)
        if company and (len(company) == PLACES or sizes[place] + size > _MOST_BYTES):
            yield _sent(company)
            company = None
        if company is None:
            open_frames[place] = [item]
            sizes[place] = size
        else:
            company.append(item)
            sizes[place] += size
    for company in open_frames.values():
        yield _sent(company)


def unframed(count: str | None, body: bytes) -> list[bytes]:
    """The messages of a body, in order. `count` is what FRAME_HEADER says; None for a lone message.

    Raises:
        ValueError: the body does not hold what it says.
    """
    if count is None:
        return [body]
    found: list[bytes] = []
    place, end = 0, len(body)
    while place < end and end - place >= _LENGTH.size:
        (length,) = _LENGTH.unpack_from(body, place)
        place += _LENGTH.size
        found.append(body[place : place + length])
        place += length
    if place != end or str(len(found)) != count or len(found) > PLACES:
        raise ValueError("the frame does not hold what it says")
    return found


def last_of(broker_sequence: int) -> int:
    """Sequence of the last message of what the broker counts as one; 0 before the first.

    Those before it in its frame have the places before: so the last of a stream is always here.
    """
    return broker_sequence * PLACES + PLACES - 1 if broker_sequence else 0


def _sent(company: Sequence[Outgoing]) -> Sent:
    first = company[0]
    subject = f"{first.stream}.{first.key}"
    if len(company) == 1:
        headers = {"Nats-Msg-Id": first.dedupe_id}
        if first.traceparent:
            headers["traceparent"] = first.traceparent
        return subject, headers, first.data
    name = hashlib.blake2b(digest_size=16)
    body = bytearray()
    for item in company:
        name.update(item.dedupe_id.encode())
        name.update(b"\0")
        body += _LENGTH.pack(len(item.data))
        body += item.data
    headers = {"Nats-Msg-Id": name.hexdigest(), FRAME_HEADER: str(len(company))}
    return subject, headers, bytes(body)
