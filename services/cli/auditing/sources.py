"""Where a log to verify comes from: a mesh that runs, or a file that was exported.

An exported log is a file of JSON lines. A leaf is `{"sequence": 0, "event_id": "…", "leaf_hash": "hex", "leaf":
"…"}`, its data as text; a checkpoint is `{"checkpoint": "the note"}`, a key `{"key": "NAME+ID+KEY"}`.
"""

import base64
import binascii
import pathlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import orjson

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.errors import InvalidRequest, NotFound
from plexus.rpc import Peer
from services.audit.domain.notes import VerifyingKey, open_note
from services.audit.domain.tree import HASH_BYTES, TILE_WIDTH
from services.audit.domain.verification import Leaf, Verification

__all__ = [
    "SECONDS",
    "data_member",
    "log_line",
    "origin_in",
    "read_keys",
    "read_leaves",
    "verify_file",
    "verify_mesh",
]

SECONDS: Final = 10.0
_AT_ONCE: Final = 8 * TILE_WIDTH
_MOST_LISTED: Final = 1000


def read_keys(path: pathlib.Path) -> list[VerifyingKey]:
    """Public keys of a file, one on a line; lines that begin with # are let be."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [VerifyingKey.parse(line) for line in lines if line.strip() and not line.startswith("#")]


def origin_in(note: str) -> str:
    """The name of the log that a checkpoint is of."""
    return open_note(note, []).checkpoint.origin


async def read_leaves(
    peer: Peer, tenant: str, start: int, end: int, reader: str
) -> AsyncIterator[tuple[list[audit_pb2.LogEntry], int]]:
    """The leaves from `start` to before `end`, in parts that end where tiles do; each with its end."""
    stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    while start < end:
        until = min(start - start % _AT_ONCE + _AT_ONCE, end)
        answer = await peer.ask(
            stub.ReadLog,
            audit_pb2.ReadLogRequest(
                tenant=tenant, start=start, limit=until - start, reader=reader
            ),
            deadline_seconds=SECONDS,
        )
        yield list(answer.entries), until
        start = until


async def verify_mesh(
    peer: Peer,
    tenant: str,
    keys: Sequence[VerifyingKey],
    notes: Sequence[tuple[str, str]],
    reader: str,
) -> tuple[Verification, list[VerifyingKey]]:
    """Verify the log of a mesh that runs, up to its latest checkpoint.

    Args:
        peer: audit.
        tenant: whose log.
        keys: that are known; where there are none, those that audit itself tells.
        notes: checkpoints from elsewhere, each with where it comes from.
        reader: who verifies.

    Returns:
        What was found, and the keys that it was found with.
    """
    stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
    try:
        told = await peer.ask(
            stub.GetCheckpoint,
            audit_pb2.GetCheckpointRequest(tenant=tenant),
            deadline_seconds=SECONDS,
        )
    except NotFound:
        # All checkpoints may have been taken away: those from elsewhere say so.
        if not notes:
            raise
        told = audit_pb2.GetCheckpointResponse()
    trusted = list(keys) or [VerifyingKey.parse(text) for text in told.keys]
    origin = origin_in(told.checkpoint.note or notes[0][0])
    verification = Verification(origin, trusted)
    # From elsewhere first: what the log tells itself has to agree with them.
    for note, where in notes:
        verification.expect(note, where)
    after, end = 0, told.checkpoint.size
    while after < end:
        listed = await peer.ask(
            stub.ListCheckpoints,
            audit_pb2.ListCheckpointsRequest(tenant=tenant, after=after, limit=_MOST_LISTED),
            deadline_seconds=SECONDS,
        )
        if not listed.checkpoints:
            break
        for one in listed.checkpoints:
            if one.size <= end:
                verification.expect(one.note, "a checkpoint of the log")
        after = listed.checkpoints[-1].size
    async for entries, until in read_leaves(peer, tenant, 0, end, reader):
        first = verification.size // TILE_WIDTH
        tiles = await _tiles(peer, tenant, 0, first, until // TILE_WIDTH - first)
        verification.go_on([_leaf(entry) for entry in entries], until, tiles)
    level, count = 1, end // TILE_WIDTH**2
    while count:
        for start in range(0, count, _MOST_LISTED):
            some = min(_MOST_LISTED, count - start)
            verification.hold_upper_tiles(level, await _tiles(peer, tenant, level, start, some))
        level, count = level + 1, count // TILE_WIDTH
    verification.finish()
    return verification, trusted


def verify_file(
    path: pathlib.Path, keys: Sequence[VerifyingKey], notes: Sequence[tuple[str, str]]
) -> tuple[Verification, list[VerifyingKey]]:
    """Verify an exported log, from its first leaf on, without a mesh. See `verify_mesh`.

    Raises:
        InvalidRequest: the file is no exported log, or holds no checkpoint and none is given.
    """
    leaves: list[Leaf] = []
    inside: list[tuple[str, str]] = []
    told: list[VerifyingKey] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                members = orjson.loads(line)
                if "checkpoint" in members:
                    inside.append((members["checkpoint"], f"line {number}"))
                elif "key" in members:
                    told.append(VerifyingKey.parse(members["key"]))
                else:
                    leaves.append(_read_leaf(members))
            except (ValueError, TypeError, KeyError, AttributeError) as exc:
                raise InvalidRequest(
                    f"line {number} is neither a leaf nor a checkpoint of an exported log"
                ) from exc
    expected = [*notes, *inside]
    if not expected:
        raise InvalidRequest("there is no checkpoint to verify against: give one by --checkpoint")
    trusted = list(keys) or told
    verification = Verification(origin_in(expected[0][0]), trusted)
    for note, where in expected:
        verification.expect(note, where)
    end = max((leaf.sequence for leaf in leaves), default=-1) + 1
    if end > _MOST_EMPTY + len(leaves):
        raise InvalidRequest("the file does not begin with the first leaf of its log")
    verification.go_on(leaves, end, {})
    verification.finish()
    return verification, trusted


_MOST_EMPTY: Final = 1_000_000


def log_line(entry: audit_pb2.LogEntry) -> bytes:
    """A leaf as a line of an exported log."""
    members = {
        "sequence": entry.sequence,
        "event_id": entry.event_id,
        "leaf_hash": entry.hash.hex(),
        **data_member(entry.leaf),
    }
    return orjson.dumps(members) + b"\n"


def data_member(data: bytes) -> dict[str, str]:
    """The data of a leaf as text; in base64 where it is none, which no sound leaf is."""
    try:
        return {"leaf": data.decode()}
    except UnicodeDecodeError:
        return {"leaf_base64": base64.b64encode(data).decode()}


def _read_leaf(members: dict[str, Any]) -> Leaf:
    try:
        data = (
            base64.b64decode(members["leaf_base64"], validate=True)
            if "leaf_base64" in members
            else members["leaf"].encode()
        )
    except binascii.Error as exc:
        raise ValueError("no base64") from exc
    hashed = bytes.fromhex(members["leaf_hash"])
    sequence = members["sequence"]
    if len(hashed) != HASH_BYTES or not isinstance(sequence, int) or sequence < 0:
        raise ValueError("no leaf")
    return Leaf(sequence, members["event_id"], data, hashed)


def _leaf(entry: audit_pb2.LogEntry) -> Leaf:
    return Leaf(entry.sequence, entry.event_id, entry.leaf, entry.hash, tuple(entry.unlike))


async def _tiles(peer: Peer, tenant: str, level: int, start: int, count: int) -> dict[int, bytes]:
    if count <= 0:
        return {}
    answer = await peer.ask(
        audit_pb2_grpc.AuditServiceStub(peer.channel).ReadTiles,
        audit_pb2.ReadTilesRequest(tenant=tenant, level=level, start=start, limit=count),
        deadline_seconds=SECONDS,
    )
    return {one.number: one.hashes for one in answer.tiles if one.number < start + count}
