"""What audit persists, behind classes that say what they are for.

`ledger` is custody and events; `telling` writes custody and what follows from it for messages, `tallies` keeps
the conservation report, `packing` says how a standing lies in a row, `events` is the audit log.
Beside it `sealing` makes leaves of events, and `log` reads leaves, tiles and proofs.
"""

from services.audit.store.events import Found, Question
from services.audit.store.ledger import Ledger
from services.audit.store.log import Entry, Log, Proven, Signed
from services.audit.store.sealing import Round, Sealed, Sealing

__all__ = [
    "Entry",
    "Found",
    "Ledger",
    "Log",
    "Proven",
    "Question",
    "Round",
    "Sealed",
    "Sealing",
    "Signed",
]
