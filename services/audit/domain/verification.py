"""Verification: what of a log was changed, named as narrowly as the stored hashes allow.

Of each leaf there are up to three witnesses: the event as it is stored, the hash in its row of the log, and
the hash in the tile over it. Where they agree, the signed roots say whether all three were rewritten
together. Where they do not, the next checkpoint decides which of them tells what was signed.
"""

import copy
import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plexus.errors import InvalidRequest
from services.audit.domain.notes import VerifyingKey, open_note
from services.audit.domain.tree import HASH_BYTES, TILE_WIDTH, Edge, TilePlace, leaf_hash

__all__ = ["Fault", "Finding", "Leaf", "Verification"]

_MOST_FINDINGS: Final = 10_000
# Stands where no witness is left, so that the places after it stay where they are.
_NOTHING: Final = bytes(HASH_BYTES)


class Fault(enum.Enum):
    """What is wrong."""

    EVENT_CHANGED = "event changed"
    EVENT_REMOVED = "event removed"
    EVENTS_SWAPPED = "events swapped"
    LEAF_CHANGED = "hash in the log changed"
    LEAF_REMOVED = "place in the log is empty"
    TILE_CHANGED = "tile changed"
    COLUMN_CHANGED = "column changed"
    REWRITTEN = "rewritten"
    CUT_OFF = "cut off"
    NOT_SIGNED = "not signed"
    CHECKPOINT = "checkpoint"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something that was changed.

    Attributes:
        sequence: of the leaf; None where it is about more than one.
        words: what, for a person. No data of the event.
    """

    fault: Fault
    sequence: int | None
    event_id: str
    words: str


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf as it is stored or was exported.

    Attributes:
        data: of the event; empty where it is not stored any more.
        hash: in its row of the log.
        unlike: columns that do not say what the event says.
    """

    sequence: int
    event_id: str
    data: bytes
    hash: bytes
    unlike: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class _Doubt:
    """A place whose witnesses do not agree."""

    sequence: int
    event_id: str
    said: bytes | None
    stored: bytes | None
    tile: bytes | None


class Verification:
    """One pass over a log, from its first leaf on.

    Attributes:
        size: how many places were gone through.
        checkpoints: how many signed checkpoints held.
        findings: in the order in which they were made.
    """

    def __init__(self, origin: str, keys: Sequence[VerifyingKey]) -> None:
        self.size = 0
        self.checkpoints = 0
        self.findings: list[Finding] = []
        self._origin = origin
        self._keys = keys
        self._expected: dict[int, tuple[bytes, str]] = {}
        self._likely = Edge()
        self._by_tiles: Edge | None = None
        self._good = 0
        self._doubts: list[_Doubt] = []
        self._upper: dict[TilePlace, bytes] = {}
        self._is_rewritten = False
        self._changed: dict[int, tuple[bytes | None, bytes | None]] = {}

    def expect(self, note: str, where: str) -> None:
        """Hold the log against a checkpoint. Of the future: for leaves that were not gone through yet."""
        try:
            opened = open_note(note, self._keys)
        except InvalidRequest as exc:
            self._find(Fault.CHECKPOINT, None, "", f"{where}: {exc.detail}")
            return
        checkpoint = opened.checkpoint
        place = f"{where}, {checkpoint.size:,} leaves"
        if opened.forged or not opened.signed_by:
            words = "the signature is false" if opened.forged else "no known key has signed it"
            self._find(Fault.CHECKPOINT, None, "", f"{place}: {words}")
        elif checkpoint.origin != self._origin:
            self._find(Fault.CHECKPOINT, None, "", f"{place}: it is of {checkpoint.origin}")
        elif (known := self._expected.get(checkpoint.size)) and known[0] != checkpoint.root:
            # Two signed roots for one size: the log has told two stories (a split view).
            self._find(Fault.CHECKPOINT, None, "", f"{place}: {known[1]} has another signed root")
        else:
            self._expected.setdefault(checkpoint.size, (checkpoint.root, place))

    def go_on(self, leaves: Iterable[Leaf], end: int, tiles: Mapping[int, bytes]) -> None:
        """Go through the places up to before `end`.

        Args:
            leaves: that are there, in order; what is not there is a finding.
            end: where they end.
            tiles: full tiles of level 0 over these places, by number; none where there are none to see.
        """
        found = {leaf.sequence: leaf for leaf in leaves}
        if 0 in self._expected and self.size == 0:
            self._reach()
        for sequence in range(self.size, end):
            self._pass(sequence, found.get(sequence), tiles.get(sequence // TILE_WIDTH))
            self.size = sequence + 1
            if self.size in self._expected:
                self._reach()

    def hold_upper_tiles(self, level: int, tiles: Mapping[int, bytes]) -> None:
        """Compare full tiles of a level above 0 with what the leaves lead to."""
        for place, hashes in self._upper.items():
            if place.level == level and tiles.get(place.number, hashes) != hashes:
                words = f"tile {place.number} of level {level} does not follow from those below"
                self._find(Fault.TILE_CHANGED, None, "", words)

    def finish(self) -> None:
        """Say what follows from the whole."""
        beyond = [place for size, (_, place) in self._expected.items() if size > self.size]
        if beyond:
            words = f"the log ends after {self.size:,} leaves, and there is {beyond[-1]}"
            self._find(Fault.CUT_OFF, None, "", words)
        signed = max((size for size in self._expected if size <= self.size), default=0)
        if signed < self.size:
            words = f"no checkpoint covers the leaves from {signed:,} on"
            self._find(Fault.NOT_SIGNED, None, "", words)
        self._decide(is_likely=False, by_tiles=False)
        self._name_swaps()

    def _pass(self, sequence: int, leaf: Leaf | None, tile: bytes | None) -> None:
        said = leaf_hash(leaf.data) if leaf is not None and leaf.data else None
        stored = leaf.hash if leaf is not None else None
        at = sequence % TILE_WIDTH * HASH_BYTES
        above = tile[at : at + HASH_BYTES] if tile is not None else None
        event_id = leaf.event_id if leaf is not None else ""
        if leaf is not None and leaf.unlike and said is not None:
            words = f"the row says something else than the event in {', '.join(leaf.unlike)}"
            self._find(Fault.COLUMN_CHANGED, sequence, event_id, words)
        if said is not None and said == stored and above in {None, said}:
            likely = by_tiles = said
        else:
            self._doubts.append(_Doubt(sequence, event_id, said, stored, above))
            witnesses = [one for one in (said, stored, above) if one]
            likely = max(witnesses, key=witnesses.count, default=_NOTHING)
            by_tiles = above or stored or said or _NOTHING
        if likely != by_tiles and self._by_tiles is None:
            self._by_tiles = copy.deepcopy(self._likely)
        for tile_made in self._likely.append([likely]):
            if tile_made.level:
                self._upper[TilePlace(tile_made.level, tile_made.index)] = tile_made.hashes
        if self._by_tiles is not None:
            self._by_tiles.append([by_tiles])

    def _reach(self) -> None:
        """Hold the leaves so far against a signed root."""
        root, place = self._expected[self.size]
        is_likely = self._likely.root == root
        by_tiles = not is_likely and self._by_tiles is not None and self._by_tiles.root == root
        is_lost = any(not (one.said or one.stored or one.tile) for one in self._doubts)
        self._decide(is_likely=is_likely, by_tiles=by_tiles)
        if is_likely:
            self._by_tiles = None
        elif by_tiles:
            assert self._by_tiles is not None
            self._likely, self._by_tiles = self._by_tiles, None
        elif not self._is_rewritten:
            # From here on no root can fit; saying it once is enough.
            self._is_rewritten = True
            if is_lost:  # of what is gone without a trace no root can be told
                return
            words = (
                f"{place} does not fit: something from {self._good:,} to {self.size - 1:,} was"
                " rewritten, in events and in the log over them"
            )
            self._find(Fault.REWRITTEN, None, "", words)
        if is_likely or by_tiles:
            self._good = self.size
            self.checkpoints += 1

    def _decide(self, *, is_likely: bool, by_tiles: bool) -> None:
        for doubt in self._doubts:
            self._name(doubt, is_decided=is_likely or by_tiles, trusts_tiles=by_tiles)
        self._doubts.clear()

    def _name(self, doubt: _Doubt, *, is_decided: bool, trusts_tiles: bool) -> None:
        said, stored, tile = doubt.said, doubt.stored, doubt.tile
        place = (doubt.sequence, doubt.event_id)
        if stored is None:
            self._find(Fault.LEAF_REMOVED, *place, "its row is not in the log any more")
        if said is None:
            if stored is not None:
                self._find(Fault.EVENT_REMOVED, *place, "the event is not stored any more")
            return
        if stored is None:
            return
        if tile is None and not is_decided:
            words = "the event or its hash in the log was changed"
            self._find(Fault.EVENT_CHANGED, *place, words)
            return
        right = (tile or stored) if trusts_tiles else _majority(said, stored, tile)
        if said != right:
            self._changed[doubt.sequence] = (said, right)
            self._find(Fault.EVENT_CHANGED, *place, "the event is not the one that was sealed")
        if stored != right:
            self._find(Fault.LEAF_CHANGED, *place, "its hash in the log is not the one sealed")
        if tile is not None and tile != right:
            self._find(Fault.TILE_CHANGED, *place, "its hash in the tile is not the one sealed")

    def _name_swaps(self) -> None:
        sealed = {right: sequence for sequence, (_, right) in self._changed.items()}
        for place, finding in enumerate(self.findings):
            if finding.fault is Fault.EVENT_CHANGED and finding.sequence is not None:
                said, _ = self._changed.get(finding.sequence, (None, None))
                if said is not None and (origin := sealed.get(said)) is not None:
                    words = f"it holds the event that was sealed as {origin:,}"
                    self.findings[place] = dataclasses.replace(
                        finding, fault=Fault.EVENTS_SWAPPED, words=words
                    )

    def _find(self, fault: Fault, sequence: int | None, event_id: str, words: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(Finding(fault, sequence, event_id, words))


def _majority(said: bytes, stored: bytes, tile: bytes | None) -> bytes:
    """What two of three say; without a tile what the event says, for then its root has fitted."""
    if tile is None or said in {stored, tile}:
        return said
    return tile
