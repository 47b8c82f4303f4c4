"""Brings a schema up to date: numbered SQL files, each applied once, under a lock.

A service keeps its files in `services/<name>/migrations/NNNN_what.sql`. A file that was applied must
never change; a changed one is refused.
"""

import hashlib
import importlib.resources
from importlib.resources.abc import Traversable

from plexus.errors import ConfigurationError
from plexus.store.database import Connection, Database

__all__ = ["migrate"]

_JOURNAL_PACKAGE = "plexus.store.sql"
# A new index on a large table takes longer than any other statement may.
_MIGRATION_SECONDS = 1800.0


async def migrate(database: Database, package: str | None) -> int:
    """Apply what is missing: the journal's own files, then those of `package`.

    Args:
        database: where; its schema is made if missing.
        package: the service's package, with a folder `migrations`; None for the journal only.

    Returns:
        How many files were applied.

    Raises:
        ConfigurationError: an applied file has changed.
        Unavailable: PostgreSQL cannot be reached.
    """
    folders = [("journal", importlib.resources.files(_JOURNAL_PACKAGE))]
    if package is not None:
        folders.append(("service", importlib.resources.files(package) / "migrations"))
    async with database.transaction() as connection:
        # One number for all schemas: migrations are rare, and waiting for each other is cheap.
        await connection.execute(
            "SELECT pg_advisory_xact_lock(7305808869234)", timeout=_MIGRATION_SECONDS
        )
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {database.schema}")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration ("
            " name text PRIMARY KEY, digest text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = {
            row["name"]: row["digest"]
            for row in await connection.fetch("SELECT name, digest FROM migration")
        }
        count = 0
        for prefix, folder in folders:
            count += await _apply_folder(connection, prefix, folder, applied)
    return count


async def _apply_folder(
    connection: Connection, prefix: str, folder: Traversable, applied: dict[str, str]
) -> int:
    count = 0
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    for file in files:
        text = file.read_text(encoding="utf-8")
        name = f"{prefix}/{file.name}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        if name in applied:
            if applied[name] != digest:
                raise ConfigurationError(f"migration {name} was changed after it was applied")
            continue
        await connection.execute(text, timeout=_MIGRATION_SECONDS)
        await connection.execute(
            "INSERT INTO migration (name, digest) VALUES ($1, $2)", name, digest
        )
        count += 1
    return count
