"""What records persists: records, their resources, and the history of both.

`loading` reads what a batch needs of its records, `saving` writes what it changed, `asking` answers
questions about what is committed, `rows` says how a resource lies in a row.
"""

from services.records.store.asking import RecordReader
from services.records.store.loading import Need, RecordKey, load
from services.records.store.saving import save

__all__ = ["Need", "RecordKey", "RecordReader", "load", "save"]
