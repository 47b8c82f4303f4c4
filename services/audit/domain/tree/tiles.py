"""The tree in tiles of 256 hashes, as the tiled logs of C2SP keep theirs (c2sp.org/tlog-tiles).

Tile `index` of level 0 holds the hashes of leaves 256 * index and on; an entry of a higher level is the
root of a full tile below. Only full tiles are ever stored: they never change. What is not full yet is the
`Edge`, which follows from the leaves of the last tile and from the roots of stored tiles.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from services.audit.domain.tree.hashing import EMPTY_ROOT, HASH_BYTES, node_hash, perfect_subtrees

__all__ = [
    "TILE_WIDTH",
    "Edge",
    "Tile",
    "TileNodes",
    "TilePlace",
    "WantedTiles",
    "edge_lengths",
    "reduced",
]

_TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << _TILE_HEIGHT


class TilePlace(NamedTuple):
    """Where a tile stands: its level, and which one of that level it is, from 0."""

    level: int
    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tile:
    """A full tile.

    Attributes:
        hashes: of its 256 entries, one after the other.
        root: over them; the entry of the tile above.
    """

    level: int
    index: int
    hashes: bytes
    root: bytes


class TileNodes:
    """Roots of perfect subtrees, from tiles that are at hand."""

    def __init__(self, tiles: Mapping[TilePlace, bytes]) -> None:
        self._tiles = tiles

    def node(self, height: int, index: int) -> bytes:
        """See `Nodes`. Raises KeyError where the tile is not at hand or does not reach that far."""
        place, first, count = _find(height, index)
        part = self._tiles[place][first * HASH_BYTES : (first + count) * HASH_BYTES]
        if len(part) != count * HASH_BYTES:
            raise KeyError(place)
        return reduced(part)


class WantedTiles:
    """Notes which tiles a proof needs, while the proof is made over it; its hashes mean nothing."""

    def __init__(self) -> None:
        self.places: set[TilePlace] = set()

    def node(self, height: int, index: int) -> bytes:
        """See `Nodes`."""
        self.places.add(_find(height, index)[0])
        return EMPTY_ROOT


class Edge:
    """The right edge of a growing tree: all that is needed to add leaves and to tell the root.

    Attributes:
        size: how many leaves there are.
    """

    def __init__(self, size: int = 0, levels: Sequence[Sequence[bytes]] = ()) -> None:
        """Take up a tree.

        Args:
            size: how many leaves it has.
            levels: from level 0 on, the entries of the tile that is not full yet.

        Raises:
            ValueError: the levels do not fit the size.
        """
        if [len(entries) for entries in levels] != edge_lengths(size):
            raise ValueError("the edge does not fit the size of the tree")
        self.size = size
        self._levels = [list(entries) for entries in levels]

    def append(self, leaves: Iterable[bytes]) -> list[Tile]:
        """Add the hashes of leaves; returns the tiles that they made full, lower levels first."""
        made: list[Tile] = []
        for leaf in leaves:
            self.size += 1
            level, entry = 0, leaf
            while True:
                if level == len(self._levels):
                    self._levels.append([])
                entries = self._levels[level]
                entries.append(entry)
                if len(entries) < TILE_WIDTH:
                    break
                hashes = b"".join(entries)
                index = (self.size >> _TILE_HEIGHT * (level + 1)) - 1
                entry = reduced(hashes)
                made.append(Tile(level, index, hashes, entry))
                entries.clear()
                level += 1
        return made

    @property
    def root(self) -> bytes:
        """Root of the tree as it is now."""
        found: bytes | None = None
        # From the lowest level up, and from right to left: each is the left neighbour of what was found.
        for entries in self._levels:
            for height, index in reversed(list(perfect_subtrees(0, len(entries)))):
                left = reduced(b"".join(entries[index << height : (index + 1) << height]))
                found = left if found is None else node_hash(left, found)
        return EMPTY_ROOT if found is None else found


def edge_lengths(size: int) -> list[int]:
    """How many entries the tile that is not full yet has on each level, for that many leaves."""
    lengths: list[int] = []
    while size:
        lengths.append(size % TILE_WIDTH)
        size >>= _TILE_HEIGHT
    return lengths


def reduced(hashes: bytes) -> bytes:
    """Root over hashes that stand one after the other; their number is a power of two."""
    level = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def _find(height: int, index: int) -> tuple[TilePlace, int, int]:
    """The tile that knows a subtree, its first entry there, and how many entries it spans."""
    level, above = divmod(height, _TILE_HEIGHT)
    first = index << above
    return TilePlace(level, first >> _TILE_HEIGHT), first % TILE_WIDTH, 1 << above
