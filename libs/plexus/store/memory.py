"""The journal within one process, for simulated worlds. Neighbour: `journal`, the promise."""

import contextlib
import datetime
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from plexus.clock import Clock, SystemClock
from plexus.errors import Fenced, PlexusError
from plexus.store.database import Connection
from plexus.store.journal import Done, Entry, Journal, Mark, Transaction

__all__ = ["MemoryJournal"]


class MemoryJournal(Journal):
    """The journal in dictionaries."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._epochs: dict[str, int] = {}
        self._marks: dict[str, Mark] = {}
        self._entries: dict[Done, tuple[datetime.datetime, str, Entry]] = {}

    async def claim(self, units: Collection[str]) -> dict[str, int]:
        for unit in units:
            self._epochs[unit] = self._epochs.get(unit, 0) + 1
        return {unit: self._epochs[unit] for unit in units}

    async def marks(self, units: Collection[str]) -> dict[str, Mark]:
        return {unit: self._marks.get(unit, Mark()) for unit in units if unit in self._epochs}

    async def unpublished(self, units: Collection[str], limit: int) -> list[Entry]:
        entries = sorted(
            (
                entry
                for _, incarnation, entry in self._entries.values()
                if entry.unit in units and self._is_unpublished(incarnation, entry)
            ),
            key=lambda entry: entry.sequence,
        )
        return entries[:limit]

    @contextlib.asynccontextmanager
    async def transaction(self, epochs: Mapping[str, int]) -> AsyncIterator[Transaction]:
        transaction = _MemoryTransaction(self, epochs)
        yield transaction
        if transaction.committed is not None:
            self.write(*transaction.committed, epochs)
            transaction.tell_committed()

    async def purge(self, before: datetime.datetime) -> int:
        old = [
            done
            for done, (at, incarnation, entry) in self._entries.items()
            if at < before and not self._is_unpublished(incarnation, entry)
        ]
        for done in old:
            del self._entries[done]
        return len(old)

    def _is_unpublished(self, incarnation: str, entry: Entry) -> bool:
        mark = self._marks[entry.unit]
        return incarnation == mark.incarnation and entry.sequence > mark.published

    def find(self, done: Done) -> Entry | None:
        """The entry of one message."""
        found = self._entries.get(done)
        return found[2] if found else None

    def check(self, epochs: Mapping[str, int]) -> None:
        """Raise Fenced where a unit was claimed by another owner."""
        if any(self._epochs.get(unit) != epoch for unit, epoch in epochs.items()):
            raise Fenced("another owner has claimed a shard of this batch")

    def write(
        self, entries: Sequence[Entry], marks: Mapping[str, Mark], epochs: Mapping[str, int]
    ) -> None:
        """Commit, if no unit was claimed by another owner. Raises Fenced."""
        self.check(epochs)
        now = self._clock.now()
        for entry in entries:
            self._entries[entry.done] = (now, marks[entry.unit].incarnation, entry)
        self._marks.update({unit: marks[unit] for unit in epochs})


class _MemoryTransaction(Transaction):
    def __init__(self, journal: MemoryJournal, epochs: Mapping[str, int]) -> None:
        self._journal = journal
        self._epochs = epochs
        self._waiting: list[Callable[[], None]] = []
        self.committed: tuple[Sequence[Entry], Mapping[str, Mark]] | None = None

    @property
    def connection(self) -> Connection:
        raise PlexusError("the memory journal has no SQL connection")

    @property
    def epochs(self) -> Mapping[str, int]:
        return self._epochs

    def after_commit(self, call: Callable[[], None]) -> None:
        self._waiting.append(call)

    def tell_committed(self) -> None:
        """Call those who wait for the commit."""
        for call in self._waiting:
            call()

    async def seen(self, messages: Collection[Done]) -> dict[Done, Entry]:
        found = {done: self._journal.find(done) for done in messages}
        return {done: entry for done, entry in found.items() if entry is not None}

    async def commit(self, entries: Sequence[Entry], marks: Mapping[str, Mark]) -> None:
        self._journal.check(self._epochs)
        self.committed = (list(entries), dict(marks))
