"""The tree over the audit log, pure: RFC 9162's Merkle tree, which is RFC 6962's.

`hashing` has hashes, roots and proofs over whatever tells the roots of subtrees; `tiles` is the form in
which a tree is kept and grows.
"""

from services.audit.domain.tree.hashing import (
    EMPTY_ROOT,
    HASH_BYTES,
    Nodes,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    root_of,
    subtree_root,
)
from services.audit.domain.tree.tiles import (
    TILE_WIDTH,
    Edge,
    Tile,
    TileNodes,
    TilePlace,
    WantedTiles,
    edge_lengths,
    reduced,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "TILE_WIDTH",
    "Edge",
    "Nodes",
    "Tile",
    "TileNodes",
    "TilePlace",
    "WantedTiles",
    "consistency_proof",
    "edge_lengths",
    "inclusion_proof",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "node_hash",
    "reduced",
    "root_of",
    "subtree_root",
]
