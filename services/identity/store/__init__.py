"""What identity persists.

`index` holds which person each identifier names, `records` what sources say of them, `models` the weights
by which that is compared.
"""

from services.identity.store.index import IndexStore, LinkedName, lock_number
from services.identity.store.models import ModelStore
from services.identity.store.records import Blocks, RecordStore

__all__ = ["Blocks", "IndexStore", "LinkedName", "ModelStore", "RecordStore", "lock_number"]
