"""The Merkle tree against pymerkle, against RFC 9162's own recursive definitions, and against forgery.

Out of scope: where the tree is kept (`tests/integration/audit`).
"""

import hashlib
import random
from collections.abc import Sequence

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.tree import (
    EMPTY_ROOT,
    TILE_WIDTH,
    Edge,
    TileNodes,
    TilePlace,
    WantedTiles,
    consistency_proof,
    edge_lengths,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    reduced,
    root_of,
)

LARGEST = 1023
DATA = [b"event %d" % number for number in range(LARGEST)]
LEAVES = [leaf_hash(data) for data in DATA]


class InMemory:
    """Roots of subtrees by the definition, each computed once."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}

    def node(self, height: int, index: int) -> bytes:
        if height == 0:
            return self._leaves[index]
        if (height, index) not in self._known:
            left, right = (
                self.node(height - 1, 2 * index),
                self.node(height - 1, 2 * index + 1),
            )
            self._known[height, index] = hashlib.sha256(b"\1" + left + right).digest()
        return self._known[height, index]


NODES = InMemory(LEAVES)


def rfc_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, over hashes of leaves."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else EMPTY_ROOT
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + rfc_root(leaves[:k]) + rfc_root(leaves[k:])).digest()


def rfc_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if m < k:
        return [*rfc_path(m, leaves[:k]), rfc_root(leaves[k:])]
    return [*rfc_path(m - k, leaves[k:]), rfc_root(leaves[:k])]


def rfc_subproof(m: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 2.1.4.1."""
    n = len(leaves)
    if m == n:
        return [] if known else [rfc_root(leaves)]
    k = 1
    while 2 * k < n:
        k *= 2
    if m <= k:
        return [*rfc_subproof(m, leaves[:k], known=known), rfc_root(leaves[k:])]
    return [*rfc_subproof(m - k, leaves[k:], known=False), rfc_root(leaves[:k])]


def test_the_empty_tree_and_one_leaf_have_the_roots_of_the_rfc() -> None:
    assert root_of([]) == hashlib.sha256(b"").digest()
    assert root_of([b"x"]) == hashlib.sha256(b"\0x").digest()


def test_roots_and_proofs_of_every_size_agree_with_another_library() -> None:
    oracle = pymerkle.InmemoryTree(algorithm="sha256")
    edge = Edge()
    generator = random.Random(7)
    for size in range(1, LARGEST + 1):
        oracle.append_entry(DATA[size - 1])
        edge.append([LEAVES[size - 1]])
        root = oracle.get_root()
        assert root_of(DATA[:size]) == edge.root == root
        for index in {0, size - 1, generator.randrange(size)}:
            proof = inclusion_proof(NODES, index, size)
            assert is_included(LEAVES[index], index, size, proof, root)
            theirs = oracle.prove_inclusion(index + 1, size).serialize()["path"]
            # Theirs holds the leaf itself, and stands in another order.
            assert sorted(one.hex() for one in [LEAVES[index], *proof]) == sorted(theirs)
        for first in {1, size, generator.randint(1, size)}:
            proof = consistency_proof(NODES, first, size)
            before = oracle.get_root(first)
            assert is_consistent(first, size, proof, before, root)
            forged = [leaf_hash(one) for one in proof]
            assert first == size or not is_consistent(first, size, forged, before, root)


def test_proofs_of_all_small_sizes_are_those_of_the_definition() -> None:
    for size in range(1, 71):
        leaves = LEAVES[:size]
        root = rfc_root(leaves)
        for index in range(size):
            proof = inclusion_proof(NODES, index, size)
            assert proof == rfc_path(index, leaves)
            assert is_included(leaves[index], index, size, proof, root)
        for first in range(1, size + 1):
            proof = consistency_proof(NODES, first, size)
            assert proof == rfc_subproof(first, leaves, known=True)
            assert is_consistent(first, size, proof, rfc_root(leaves[:first]), root)


@given(st.integers(1, LARGEST), st.data())
def test_a_proof_of_inclusion_holds_for_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = root_of(DATA[:size])
    proof = inclusion_proof(NODES, index, size)
    assert is_included(LEAVES[index], index, size, proof, root)
    assert not is_included(leaf_hash(b"another"), index, size, proof, root)
    assert not is_included(LEAVES[index], index, size, proof, EMPTY_ROOT)
    assert not is_included(LEAVES[index], index, size, [*proof, root], root)
    assert not is_included(LEAVES[index], size, size, proof, root)
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert not is_included(LEAVES[index], other, size, proof, root)
    if proof:
        assert not is_included(LEAVES[index], index, size, proof[:-1], root)
        place = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:place], leaf_hash(proof[place]), *proof[place + 1 :]]
        assert not is_included(LEAVES[index], index, size, forged, root)


@given(st.integers(1, LARGEST), st.data())
def test_a_proof_of_consistency_holds_for_no_other_past(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, size))
    before, after = root_of(DATA[:first]), root_of(DATA[:size])
    proof = consistency_proof(NODES, first, size)
    assert is_consistent(first, size, proof, before, after)
    rewritten = root_of([b"rewritten", *DATA[1:first]])
    assert not is_consistent(first, size, proof, rewritten, after)
    assert not is_consistent(first, size, [*proof, before], before, after)
    if proof:
        assert not is_consistent(first, size, proof[:-1], before, after)
        assert not is_consistent(first, size, proof, before, EMPTY_ROOT)


def test_every_tree_continues_the_empty_one() -> None:
    assert consistency_proof(NODES, 0, 9) == []
    assert is_consistent(0, 9, [], EMPTY_ROOT, root_of(DATA[:9]))
    assert not is_consistent(0, 9, [], root_of(DATA[:9]), root_of(DATA[:9]))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_leaf_outside_the_tree_is_proven(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        inclusion_proof(NODES, index, size)


def test_no_greater_tree_is_the_past_of_a_smaller_one() -> None:
    with pytest.raises(ValueError, match="greater"):
        consistency_proof(NODES, 4, 3)
    assert not is_consistent(4, 3, [], EMPTY_ROOT, EMPTY_ROOT)


def test_tiles_of_three_levels_prove_what_the_leaves_prove() -> None:
    size = TILE_WIDTH * TILE_WIDTH + 3 * TILE_WIDTH + 5
    leaves = [leaf_hash(number.to_bytes(4)) for number in range(size)]
    edge = Edge()
    made = edge.append(leaves)
    assert [(one.level, one.index) for one in made if one.level] == [(1, 0)]
    stored = {TilePlace(one.level, one.index): one.hashes for one in made}
    for one in made:
        assert one.root == reduced(one.hashes)
    roots = {(one.level, one.index): one.root for one in made}
    at_level = [
        [leaves[n] for n in range(size - 5, size)],
        [roots[0, n] for n in range(TILE_WIDTH, TILE_WIDTH + 3)],
        [roots[1, 0]],
    ]
    taken_up = Edge(size, at_level)
    assert taken_up.root == edge.root == rfc_root(leaves)
    stored |= {
        TilePlace(level, size >> 8 * (level + 1)): b"".join(entries)
        for level, entries in enumerate(at_level)
    }
    nodes = TileNodes(stored)
    generator = random.Random(3)
    for index in (0, 255, 256, 65_535, 65_536, size - 1, generator.randrange(size)):
        wanted = WantedTiles()
        inclusion_proof(wanted, index, size)
        assert wanted.places <= stored.keys()
        # A path crosses each level once or twice: a proof of any tree reads a few tiles.
        assert len(wanted.places) <= 6
        proof = inclusion_proof(nodes, index, size)
        assert is_included(leaves[index], index, size, proof, edge.root)
    for first in (1, 256, 300, 65_536, 65_537, size - 1):
        proof = consistency_proof(nodes, first, size)
        assert is_consistent(first, size, proof, rfc_root(leaves[:first]), edge.root)


@given(st.lists(st.integers(0, 700), max_size=5))
def test_how_leaves_are_batched_changes_nothing(batches: list[int]) -> None:
    edge, at_once = Edge(), Edge()
    leaves = [leaf_hash(number.to_bytes(4)) for number in range(sum(batches))]
    tiles, done = [], 0
    for count in batches:
        tiles += edge.append(leaves[done : done + count])
        done += count
    assert tiles == at_once.append(leaves)
    assert (edge.size, edge.root) == (at_once.size, at_once.root) == (done, rfc_root(leaves))


def test_an_edge_that_does_not_fit_its_size_is_refused() -> None:
    assert edge_lengths(256 * 256 + 2) == [2, 0, 1]
    with pytest.raises(ValueError, match="does not fit"):
        Edge(3, [LEAVES[:2]])


def test_a_tile_that_does_not_reach_far_enough_proves_nothing() -> None:
    nodes = TileNodes({TilePlace(0, 0): LEAVES[0] + LEAVES[1]})
    assert nodes.node(1, 0) == reduced(LEAVES[0] + LEAVES[1])
    with pytest.raises(KeyError):
        nodes.node(2, 0)
