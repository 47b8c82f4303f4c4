"""Hashes of the tree, its root, and proofs, as RFC 9162 2.1 has them (the same as RFC 6962 2.1).

A tree is told by a `Nodes`: the root of any perfect subtree, from wherever it lies. So the same few lines
prove over leaves in memory, over tiles of a database, and over a list that only notes what it is asked.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "Nodes",
    "consistency_proof",
    "inclusion_proof",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "node_hash",
    "perfect_subtrees",
    "root_of",
    "subtree_root",
]

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256().digest()
"""Root of the tree without leaves."""


class Nodes(Protocol):
    """The roots of perfect subtrees."""

    def node(self, height: int, index: int) -> bytes:
        """Root over the leaves from index * 2**height on, 2**height of them. Height 0 is a leaf's hash."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


def perfect_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees (height, index) that make up the leaves from `start` to before `end`.

    From left to right, for a `start` that is a multiple of the greatest power of two below `end - start`,
    which every range of this module is. So their heights fall.
    """
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def subtree_root(nodes: Nodes, start: int, end: int) -> bytes:
    """Root over the leaves from `start` to before `end`; see `perfect_subtrees` for which are allowed."""
    return _joined([nodes.node(height, index) for height, index in perfect_subtrees(start, end)])


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over the data of leaves, in one pass and with a few hashes in memory."""
    pending: list[bytes] = []
    for count, data in enumerate(leaves):
        pending.append(leaf_hash(data))
        # As many trailing ones as the count has, so many pairs are complete.
        carried = count
        while carried & 1:
            right = pending.pop()
            pending.append(node_hash(pending.pop(), right))
            carried >>= 1
    return _joined(pending)


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root of the first `size` leaves (RFC 9162 2.1.3.1).

    Raises:
        ValueError: there is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise ValueError("the leaf lies outside the tree")
    return [
        subtree_root(nodes, start, end) for start, end in _siblings(index, 0, size, lambda _: True)
    ]


def consistency_proof(nodes: Nodes, first: int, second: int) -> list[bytes]:
    """The hashes that show the first `first` of `second` leaves to be unchanged (RFC 9162 2.1.4.1).

    Empty where both trees are the same, or the first is empty: then there is nothing to show.

    Raises:
        ValueError: the first tree is the greater one.
    """
    if not 0 <= first <= second:
        raise ValueError("the earlier tree cannot be the greater one")
    if first in {0, second}:
        return []
    # The way to the last leaf of the first tree ends at the greatest subtree that both trees share.
    start, end = _shared_subtree(first, second)
    proof = [] if start == 0 else [subtree_root(nodes, start, end)]
    above = _siblings(first - 1, 0, second, lambda size: size > end - start)
    return proof + [subtree_root(nodes, *one) for one in above]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a leaf's hash, at `index` of `size`, leads to `root` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if not last:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return not last and found == root


def is_consistent(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether the tree of `first` leaves is the beginning of that of `second` (RFC 9162 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    # A first tree that is perfect is itself where the way begins.
    path = [first_root, *proof] if not first & (first - 1) else list(proof)
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if not last:
            return False
        if place & 1 or place == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        place, last = place >> 1, last >> 1
    return not last and before == first_root and after == second_root


def _joined(roots: Sequence[bytes]) -> bytes:
    """Root over subtrees whose heights fall from left to right."""
    if not roots:
        return EMPTY_ROOT
    found = roots[-1]
    for left in reversed(roots[:-1]):
        found = node_hash(left, found)
    return found


def _split(size: int) -> int:
    """The greatest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _siblings(
    index: int, start: int, end: int, goes_on: Callable[[int], bool]
) -> list[tuple[int, int]]:
    """The subtrees beside the way to a leaf, from below; the way ends where `goes_on` denies its size."""
    beside: list[tuple[int, int]] = []
    while end - start > 1 and goes_on(end - start):
        middle = start + _split(end - start)
        if index < middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((start, middle))
            start = middle
    return beside[::-1]


def _shared_subtree(first: int, second: int) -> tuple[int, int]:
    """The greatest subtree of the tree of `second` leaves that ends where the first one does."""
    start, end = 0, second
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            end = middle
        else:
            start = middle
    return start, end
