"""What identity persists: `index`, which person each identifier names; `records`, what sources say of them."""

from services.identity.store.index import IndexStore, LinkedName, lock_number
from services.identity.store.records import Blocks, RecordStore

__all__ = ["Blocks", "IndexStore", "LinkedName", "RecordStore", "lock_number"]
