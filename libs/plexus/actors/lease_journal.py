"""A journal for a stage that keeps nothing: a pure function between two streams.

It has only marks, kept beside the leases, and keeps them up to what is known to be published. After a
crash some messages are worked off again, and their repeats are recognised downstream: by the stream
within its window, by the next stage's journal for ever. Nothing here is fenced, for there is no state.
"""

import contextlib
import dataclasses
import datetime
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from plexus.bus import Leases
from plexus.clock import Clock
from plexus.errors import PlexusError
from plexus.store import Connection, Done, Entry, Journal, Mark, Transaction

__all__ = ["LeaseJournal"]

_SAVE_SECONDS = 1.0


class LeaseJournal(Journal):
    """Marks beside the leases."""

    def __init__(self, leases: Leases, stage: str, clock: Clock) -> None:
        self._leases = leases
        self._stage = stage
        self._clock = clock
        self._saved_at = float("-inf")
        self._saved: dict[str, Mark] = {}

    async def claim(self, units: Collection[str]) -> dict[str, int]:
        return dict.fromkeys(units, 0)

    async def marks(self, units: Collection[str]) -> dict[str, Mark]:
        marks: dict[str, Mark] = {}
        for unit in units:
            sequence, _, incarnation = (await self._leases.load_mark(self._stage, unit)).partition(
                " "
            )
            if sequence.isdigit():
                marks[unit] = Mark(incarnation, int(sequence), int(sequence))
        return marks

    async def unpublished(self, units: Collection[str], limit: int) -> list[Entry]:
        return []

    @contextlib.asynccontextmanager
    async def transaction(self, epochs: Mapping[str, int]) -> AsyncIterator[Transaction]:
        transaction = _MarksOnly(self, epochs)
        yield transaction
        transaction.tell_committed()

    async def purge(self, before: datetime.datetime) -> int:
        return 0

    async def keep(self, marks: Mapping[str, Mark], *, at_once: bool) -> None:
        """Save the published marks, at most once in a while unless nothing else is to be done."""
        now = self._clock.monotonic()
        if not at_once and now - self._saved_at < _SAVE_SECONDS:
            return
        self._saved_at = now
        for unit, mark in marks.items():
            published = dataclasses.replace(mark, sequence=mark.published)
            if self._saved.get(unit) != published:
                await self._leases.save_mark(
                    self._stage, unit, f"{published.sequence} {published.incarnation}"
                )
                self._saved[unit] = published


class _MarksOnly(Transaction):
    def __init__(self, journal: LeaseJournal, epochs: Mapping[str, int]) -> None:
        self._journal = journal
        self._epochs = epochs
        self._waiting: list[Callable[[], None]] = []
        self._is_committed = False

    @property
    def connection(self) -> Connection:
        raise PlexusError("this stage has no store")

    @property
    def epochs(self) -> Mapping[str, int]:
        return self._epochs

    def after_commit(self, call: Callable[[], None]) -> None:
        self._waiting.append(call)

    def tell_committed(self) -> None:
        """Call those who wait for the commit, where there was one."""
        if self._is_committed:
            for call in self._waiting:
                call()

    async def seen(self, messages: Collection[Done]) -> dict[Done, Entry]:
        return {}

    async def commit(self, entries: Sequence[Entry], marks: Mapping[str, Mark]) -> None:
        await self._journal.keep(marks, at_once=not entries)
        self._is_committed = True
