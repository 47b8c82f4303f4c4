"""What audit persists, behind one class.

`ledger` is that class; `telling` writes custody and what follows from it for messages, `tallies` keeps
the conservation report, `packing` says how a standing lies in a row, `events` is the audit log.
"""

from services.audit.store.ledger import Ledger

__all__ = ["Ledger"]
