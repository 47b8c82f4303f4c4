"""PostgreSQL: connection pool, migrations, and the journal of turn batches.

`database` is the pool of one service in its own schema, `migrations` brings the schema up to date,
`copying` writes many rows, `journal` says what a journal of turn batches promises (marks, fences, outbox, what was done), `postgres`
keeps it here and `memory` keeps it in one process. Only this package knows the SQL driver.
"""

from plexus.store.database import Connection, Database, Record, open_database, translated
from plexus.store.journal import Done, Entry, Journal, Mark, Transaction
from plexus.store.memory import MemoryJournal
from plexus.store.migrations import migrate
from plexus.store.postgres import PostgresJournal

__all__ = [
    "Connection",
    "Database",
    "Done",
    "Entry",
    "Journal",
    "Mark",
    "MemoryJournal",
    "PostgresJournal",
    "Record",
    "Transaction",
    "migrate",
    "open_database",
    "translated",
]
