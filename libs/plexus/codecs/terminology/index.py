"""Loaded releases on disk: what a code means, whether it still holds, which code has a like name.

One SQLite file for each code system in one folder. A release is written to a new file that takes the
place of the old one when it is whole, so that readers see one or the other. All calls block; from a
coroutine they belong in a thread.
"""

import contextlib
import os
import pathlib
import re
import sqlite3
from collections.abc import Collection, Iterator
from typing import NamedTuple
from urllib.parse import quote

from plexus.codecs.terminology.releases import Release
from plexus.errors import ConfigurationError, Unavailable

__all__ = ["Index", "IndexedCode", "IndexedRelease", "Likely", "load_release"]

_SCHEMA = """
CREATE TABLE release (system TEXT NOT NULL, version TEXT NOT NULL, codes INTEGER NOT NULL);
CREATE TABLE code (
    id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, display TEXT NOT NULL, status TEXT NOT NULL
);
CREATE VIRTUAL TABLE name USING fts5(
    text, of_id UNINDEXED, tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TABLE word (word TEXT PRIMARY KEY, names INTEGER NOT NULL) WITHOUT ROWID;
"""
_COUNT_WORDS = """
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(name, row);
INSERT INTO word SELECT term, doc FROM vocabulary;
DROP TABLE vocabulary;
"""
_FORMAT = 1
_BATCH = 5000
_CANDIDATES = 200
_LEAST_LIKENESS = 0.5
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 12
# Ranking takes a microsecond a name, and what is in so many names tells them little apart.
_MOST_RANKED = 20_000
# Words that say nothing of what is measured, and stand in nearly every name.
_EMPTY_WORDS = frozenset(
    {"a", "an", "and", "by", "for", "in", "of", "on", "or", "the", "to", "with"}
)


class IndexedRelease(NamedTuple):
    """A release in the folder."""

    system: str
    version: str
    codes: int


class IndexedCode(NamedTuple):
    """A code of a loaded release; `status` as of `ReleaseCode`."""

    system: str
    code: str
    display: str
    status: str


class Likely(NamedTuple):
    """A code whose name is like a given one; `likeness` is above 0 and at most 1, the same words."""

    system: str
    code: str
    display: str
    likeness: float


def load_release(folder: pathlib.Path, release: Release, version: str = "") -> IndexedRelease:
    """Write a release to the folder; one of the same system that was there is replaced.

    Raises:
        ConfigurationError: the release is wrong, or names a code twice; nothing has changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, release.system)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    told = version or release.version or "unknown"
    try:
        with contextlib.closing(sqlite3.connect(fresh)) as connection, connection:
            # Nothing is lost with a file that is not whole: it is never looked at.
            connection.executescript(
                f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;{_SCHEMA}"
            )
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            number = _write_codes(connection, release)
            connection.executescript(_COUNT_WORDS)
            connection.execute(
                "INSERT INTO release VALUES (?, ?, ?)", (release.system, told, number)
            )
        if not number:
            raise ConfigurationError("the release has no codes")
        fresh.replace(path)
    except sqlite3.IntegrityError as exc:
        raise ConfigurationError("the release has a code twice") from exc
    finally:
        fresh.unlink(missing_ok=True)
    return IndexedRelease(release.system, told, number)


def _write_codes(connection: sqlite3.Connection, release: Release) -> int:
    number = 0
    codes: list[tuple[int, str, str, str]] = []
    names: list[tuple[str, int]] = []

    def write() -> None:
        connection.executemany("INSERT INTO code VALUES (?, ?, ?, ?)", codes)
        connection.executemany("INSERT INTO name (text, of_id) VALUES (?, ?)", names)
        codes.clear()
        names.clear()

    for one in release.codes:
        number += 1
        codes.append((number, one.code, one.display, one.status))
        # What must not be used any more is looked up, and never suggested.
        names.extend((name, number) for name in one.names if one.status == "active")
        if len(codes) >= _BATCH:
            write()
    write()
    return number


class Index:
    """The releases of a folder, open to read. Not for several threads at once."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Open what is there; an absent folder has no releases.

        Raises:
            Unavailable: a file is none of this release of Plexus; load it again.
        """
        self._open: dict[str, sqlite3.Connection] = {}
        self.releases: list[IndexedRelease] = []
        try:
            for path in sorted(folder.glob("*.sqlite")):
                connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
                release = self._release(connection, path)
                self._open[release.system] = connection
                self.releases.append(release)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _release(connection: sqlite3.Connection, path: pathlib.Path) -> IndexedRelease:
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == _FORMAT:
                row = connection.execute("SELECT system, version, codes FROM release").fetchone()
                return IndexedRelease(*row)
        except (sqlite3.Error, TypeError) as exc:
            connection.close()
            raise Unavailable(f"{path.name} cannot be read; load the release again") from exc
        connection.close()
        raise Unavailable(f"{path.name} is of another release of Plexus; load the release again")

    def close(self) -> None:
        """Close all files."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def look(self, system: str, code: str) -> IndexedCode | None:
        """What a code of a system (by URI) is; None where the system is not loaded or has it not."""
        connection = self._open.get(system)
        if connection is None:
            return None
        row = connection.execute(
            "SELECT code, display, status FROM code WHERE code = ?", (code,)
        ).fetchone()
        return IndexedCode(system, *row) if row else None

    def suggest(self, text: str, systems: Collection[str] = (), limit: int = 3) -> list[Likely]:
        """The active codes with the names most like a text, of some systems or of all."""
        words = _words(text)
        if not words:
            return []
        found: list[Likely] = []
        for system, connection in self._open.items():
            if not systems or system in systems:
                found.extend(_likely(system, connection, words))
        found.sort(key=lambda one: (-one.likeness, len(one.display), one.system, one.code))
        return found[:limit]


def _likely(system: str, connection: sqlite3.Connection, words: frozenset[str]) -> Iterator[Likely]:
    query, order = _query(connection, words)
    if not query:
        return
    best: dict[int, float] = {}
    for text, number in connection.execute(
        f"SELECT text, of_id FROM name WHERE name MATCH ? ORDER BY {order} LIMIT ?",  # noqa: S608
        (query, _CANDIDATES),
    ):
        theirs = _words(text)
        # Dice: the share of words that both have.
        likeness = 2 * len(words & theirs) / (len(words) + len(theirs))
        if likeness >= _LEAST_LIKENESS and likeness > best.get(number, 0.0):
            best[number] = likeness
    for number, likeness in best.items():
        code, shown = connection.execute(
            "SELECT code, display FROM code WHERE id = ?", (number,)
        ).fetchone()
        yield Likely(system, code, shown, round(likeness, 3))


def _query(connection: sqlite3.Connection, words: frozenset[str]) -> tuple[str, str]:
    """What to match, and how to order it; empty where no word is known.

    Any of the rare words, the best first; where all are common, names with the two rarest, unranked.
    """
    chosen = sorted(words, key=len, reverse=True)[:_MOST_WORDS]
    marks = ",".join("?" * len(chosen))
    rows = connection.execute(
        f"SELECT names, word FROM word WHERE word IN ({marks})",  # noqa: S608 - only marks
        chosen,
    ).fetchall()
    rare: list[str] = []
    total = 0
    for names, word in sorted(rows):
        total += names
        if total > _MOST_RANKED:
            break
        rare.append(f'"{word}"')
    if rare:
        return " OR ".join(rare), "rank"
    return " AND ".join(f'"{word}"' for _, word in sorted(rows)[:2]), "rowid"


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower())) - _EMPTY_WORDS


def _path(folder: pathlib.Path, system: str) -> pathlib.Path:
    return (
        folder
        / f"{re.sub(r'[^a-z0-9]+', '-', system.partition('//')[2].lower()).strip('-')}.sqlite"
    )
