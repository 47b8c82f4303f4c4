"""Brings a schema up to date: numbered SQL files, each applied once, under a lock.

A service keeps its files in `services/<name>/migrations/NNNN_what.sql`. A file that was applied must
never change; a changed one is refused.
"""

import asyncio
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
    files = await asyncio.to_thread(_read_files, package)
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
        return await _apply(connection, files, applied)


def _read_files(package: str | None) -> dict[str, str]:
    """Every file by its name, in order: the journal's own, then the service's."""
    folders: list[tuple[str, Traversable]] = [
        ("journal", importlib.resources.files(_JOURNAL_PACKAGE))
    ]
    if package is not None:
        folders.append(("service", importlib.resources.files(package) / "migrations"))
    return {
        f"{prefix}/{file.name}": file.read_text(encoding="utf-8")
        for prefix, folder in folders
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    }


async def _apply(connection: Connection, files: dict[str, str], applied: dict[str, str]) -> int:
    count = 0
    for name, text in files.items():
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
