"""How custody entries and standings lie in their rows.

A standing is read and written for each batch that tells of its message. What is asked for has columns;
the rest is never searched by its parts, and one value instead of twenty columns is several times cheaper
on both sides. How far a passage has come is not in the row at all: most entries tell of nothing else, so
most change no row. It is in custody, for the few who ask (`trails`). The entries that a batch tells of one message are one value for the same reason.
"""

import datetime
import functools
import struct
from collections.abc import Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import Custody, EvidenceBatch
from plexus.store import Record
from services.audit.domain import Leg, LegState, Standing

__all__ = ["Row", "pack", "pack_entries", "unpack", "unpack_entries"]

Row = tuple[str, str, str, str, datetime.datetime | None, int, int, bytes]
"""Message id, tenant, feed, message type, received at, disposition, reason, and the rest."""

_ACCEPTED: Final = 1
_REJECTED: Final = 2
_DUPLICATE: Final = 4
_ROUTED: Final = 8
_PARTED: Final = 16
# Flags, origin, attempt, done stage, rejected reason, then stage and reason of parked, held and withheld.
_HEAD: Final = struct.Struct("<Bqi8h")
# Attempt, state, reason, and how many bytes of the destination's name follow.
_LEG: Final = struct.Struct("<ihhH")
# Of a message about several persons, behind the head: how many parts there are, and of how many more
# is told. Of each of these its number, how many bytes follow, and what a message has.
_PARTS: Final = struct.Struct("<HH")
_PART: Final = struct.Struct("<HI")
# Protobuf's wire type of what is prefixed with its length.
_LENGTH_PREFIXED: Final = 2
_ENTRY: Final = EvidenceBatch.CUSTODY_FIELD_NUMBER << 3 | _LENGTH_PREFIXED


def pack(message_id: str, standing: Standing) -> Row:
    """The row of one message."""
    disposition = standing.disposition
    return (
        message_id,
        standing.tenant,
        standing.feed,
        standing.message_type,
        standing.received_at,
        disposition,
        standing.reason_for(disposition),
        _packed(standing),
    )


def _packed(standing: Standing) -> bytes:
    is_parted = bool(standing.parts or standing.count)
    flags = (
        (_ACCEPTED if standing.is_accepted else 0)
        | (_REJECTED if standing.is_rejected else 0)
        | (_DUPLICATE if standing.is_duplicate else 0)
        | (_ROUTED if standing.is_routed else 0)
        | (_PARTED if is_parted else 0)
    )
    packed = _HEAD.pack(
        flags,
        standing.origin,
        standing.attempt,
        # What a stage was done with matters where another one holds the message, and nowhere else.
        standing.done_stage if standing.is_held else 0,
        standing.rejected_reason,
        *standing.parked,
        *standing.held,
        *standing.withheld,
    )
    if is_parted:
        packed += _PARTS.pack(standing.count, len(standing.parts))
        for number, part in sorted(standing.parts.items()):
            own = _packed(part)
            packed += _PART.pack(number, len(own)) + own
    for destination, leg in sorted(standing.legs.items()):
        name = destination.encode()
        packed += _LEG.pack(leg.attempt, leg.state, leg.reason, len(name)) + name
    return packed


def unpack(row: Record) -> Standing:
    """The standing of one row: all but its `last_stage`, and its `done_stage` where nothing is held."""
    standing = _unpacked(row["standing"])
    standing.tenant = row["tenant"]
    standing.feed = row["feed"]
    standing.message_type = row["message_type"]
    standing.received_at = row["received_at"]
    return standing


def _unpacked(packed: bytes) -> Standing:
    flags, origin, attempt, done, rejected, *placed = _HEAD.unpack_from(packed)
    place, count = _HEAD.size, 0
    parts: dict[int, Standing] = {}
    if flags & _PARTED:
        count, told_of = _PARTS.unpack_from(packed, place)
        place += _PARTS.size
        for _ in range(told_of):
            number, size = _PART.unpack_from(packed, place)
            place += _PART.size
            parts[number] = _unpacked(packed[place : place + size])
            place += size
    legs: dict[str, Leg] = {}
    while place < len(packed):
        told, state, reason, length = _LEG.unpack_from(packed, place)
        place += _LEG.size
        legs[packed[place : place + length].decode()] = Leg(told, LegState(state), reason)
        place += length
    return Standing(
        origin=origin,
        is_accepted=bool(flags & _ACCEPTED),
        is_rejected=bool(flags & _REJECTED),
        is_duplicate=bool(flags & _DUPLICATE),
        rejected_reason=rejected,
        attempt=attempt,
        done_stage=done,
        is_routed=bool(flags & _ROUTED),
        parked=(placed[0], placed[1]),
        held=(placed[2], placed[3]),
        withheld=(placed[4], placed[5]),
        legs=legs,
        count=count,
        parts=parts,
    )


def pack_entries(entries: Iterable[Custody]) -> bytes:
    """Entries of one message as an `EvidenceBatch`.

    The same bytes as serialising one, which would copy each entry first.
    """
    parts: list[bytes] = []
    for entry in entries:
        body = entry.SerializeToString()
        parts.append(_prefix(len(body)))
        parts.append(body)
    return b"".join(parts)


def unpack_entries(packed: bytes) -> Iterable[Custody]:
    """The entries again, in their order."""
    return EvidenceBatch.FromString(packed).custody


@functools.lru_cache(maxsize=1024)
def _prefix(length: int) -> bytes:
    """Tag and length of an entry, as protobuf writes them (varints, seven bits a byte)."""
    prefix = bytearray((_ENTRY,))
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix)
