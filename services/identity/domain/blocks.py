"""Many records by blocking key, in memory: who is worth comparing with whom. Pure.

For a file of records; what is stored is looked up in the database. Made for millions: numbers stand in
flat arrays, and keys are put together one part of all keys at a time.
"""

import array
import bisect
from collections.abc import Iterable
from typing import Final, NamedTuple

from services.identity.domain.blocking import MOST_PER_KEY

__all__ = ["Blocks", "LargeBlock"]

_PARTS: Final = 64


class LargeBlock(NamedTuple):
    """A block with more records than `MOST_PER_KEY`, which finds nobody.

    Attributes:
        number: the key.
        place: one of the records.
    """

    number: int
    place: int


class Blocks:
    """Records by their keys. First `add` all, then `close`, then ask.

    Attributes:
        large: blocks that are not looked into.
    """

    def __init__(self) -> None:
        self.large: list[LargeBlock] = []
        self._count = 0
        self._keys = [array.array("q") for _ in range(_PARTS)]
        self._places = [array.array("I") for _ in range(_PARTS)]
        self._members = array.array("I")
        self._bounds = array.array("Q", [0])
        self._groups = array.array("I")
        self._starts = array.array("Q", [0])

    def __len__(self) -> int:
        return self._count

    def add(self, numbers: Iterable[int]) -> None:
        """The keys of the next record."""
        for number in numbers:
            part = number % _PARTS
            self._keys[part].append(number)
            self._places[part].append(self._count)
        self._count += 1

    def close(self) -> None:
        """Put the records together that have a key in common."""
        for part in range(_PARTS):
            self._gather(self._keys[part], self._places[part])
            self._keys[part], self._places[part] = array.array("q"), array.array("I")
        sizes = array.array("I", bytes(4 * (self._count + 1)))
        for place in self._members:
            sizes[place] += 1
        ends = self._starts = array.array("Q", bytes(8 * (self._count + 1)))
        for place in range(self._count):
            ends[place + 1] = ends[place] + sizes[place]
        filled = array.array("Q", ends)
        self._groups = array.array("I", bytes(4 * len(self._members)))
        for group in range(len(self._bounds) - 1):
            for at in range(self._bounds[group], self._bounds[group + 1]):
                place = self._members[at]
                self._groups[filled[place]] = group
                filled[place] += 1

    def after(self, place: int) -> list[int]:
        """The candidates of a record that come after it, in order."""
        found: set[int] = set()
        members, bounds = self._members, self._bounds
        for group in self._groups[self._starts[place] : self._starts[place + 1]]:
            end = bounds[group + 1]
            found.update(members[bisect.bisect_right(members, place, bounds[group], end) : end])
        return sorted(found)

    def _gather(self, keys: "array.array[int]", places: "array.array[int]") -> None:
        blocks: dict[int, int | list[int]] = {}
        for number, place in zip(keys, places, strict=True):
            block = blocks.get(number)
            if block is None:
                # Most keys are of one record only.
                blocks[number] = place
            elif isinstance(block, int):
                blocks[number] = [block, place]
            else:
                block.append(place)
        for number, block in blocks.items():
            if isinstance(block, int):
                continue
            if len(block) > MOST_PER_KEY:
                self.large.append(LargeBlock(number, block[0]))
            else:
                self._members.extend(block)
                self._bounds.append(len(self._members))
