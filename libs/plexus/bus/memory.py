"""The bus within one process: for simulated worlds and for tests of what stands on a bus.

Keeps the same contract as `jetstream`; tests/contract runs the same tests on both. `wipe` loses
everything, as a deleted JetStream store does; `disconnect` makes it unreachable.
"""

import asyncio
import collections
import contextlib
import itertools
from collections.abc import Collection, Sequence

from plexus.bus.contract import (
    Bus,
    Consumer,
    ConsumerLost,
    Incoming,
    Leases,
    Outgoing,
    StreamState,
)
from plexus.clock import Clock, SystemClock
from plexus.errors import Unavailable
from plexus.ids import shard_of

__all__ = ["MemoryBus"]


class _Stream:
    def __init__(self, incarnation: str) -> None:
        self.incarnation = incarnation
        self.entries: list[tuple[int, bytes]] = []
        self.counts: collections.Counter[int] = collections.Counter()
        self.ids: set[str] = set()


class MemoryBus(Bus):
    """Streams in lists."""

    def __init__(
        self, *, shards: int = 8, lease_seconds: float = 5.0, clock: Clock | None = None
    ) -> None:
        self.shards = shards
        self._streams: dict[str, _Stream] = {}
        self._incarnations = itertools.count(1)
        self._leases = _MemoryLeases(self, lease_seconds, clock or SystemClock())
        self._appended = asyncio.Condition()
        self._reachable = True
        self.generation = 0

    @property
    def connected(self) -> bool:
        return self._reachable

    @property
    def connections(self) -> int:
        return self.generation

    @property
    def leases(self) -> Leases:
        return self._leases

    def disconnect(self) -> None:
        """Become unreachable."""
        self._reachable = False
        self.generation += 1

    def reconnect(self) -> None:
        """Become reachable again; all consumers are lost."""
        self._reachable = True

    def wipe(self) -> None:
        """Lose everything."""
        self.generation += 1
        self._streams.clear()
        self._leases.clear()

    async def state(self, stream: str) -> StreamState:
        found = self._stream(stream)
        return StreamState(found.incarnation, len(found.entries))

    async def publish(self, items: Sequence[Outgoing]) -> None:
        for item in items:
            stream = self._stream(item.stream)
            if item.dedupe_id in stream.ids:
                continue
            stream.ids.add(item.dedupe_id)
            shard = shard_of(item.key, self.shards)
            stream.counts[shard] += 1
            stream.entries.append((shard, item.data))
        async with self._appended:
            self._appended.notify_all()

    async def consume(
        self, stream: str, shards: Collection[int], after: int, name: str
    ) -> Consumer:
        self.check()
        return _MemoryConsumer(self, stream, frozenset(shards), after, name)

    async def close(self) -> None:
        return

    async def wait(self) -> None:
        """Until something is published."""
        async with self._appended:
            await self._appended.wait()

    def entries(self, stream: str) -> list[tuple[int, bytes]]:
        """Shard and data of each message of a stream; its sequence is its place, from 1."""
        return self._stream(stream).entries

    def count(self, stream: str, shards: Collection[int]) -> int:
        """How many messages of a stream are in some shards."""
        counts = self._stream(stream).counts
        return sum(counts[shard] for shard in shards)

    def check(self) -> None:
        """Raise Unavailable while disconnected."""
        if not self._reachable:
            raise Unavailable("the memory bus is disconnected")

    def _stream(self, name: str) -> _Stream:
        self.check()
        if name not in self._streams:
            self._streams[name] = _Stream(f"memory-{next(self._incarnations)}")
        return self._streams[name]


class _MemoryConsumer(Consumer):
    def __init__(
        self, bus: MemoryBus, stream: str, shards: frozenset[int], after: int, name: str
    ) -> None:
        self._name = name
        self._bus = bus
        self._stream = stream
        self._shards = shards
        self._next = after
        # Messages of these shards that are behind it.
        self._passed = sum(shard in shards for shard, _ in bus.entries(stream)[:after])
        self._generation = bus.generation
        self._closed = False

    async def next_batch(self, limit: int, wait_seconds: float) -> list[Incoming]:
        batch = self._take(limit)
        if not batch:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._bus.wait()
            batch = self._take(limit)
        return batch

    async def close(self) -> None:
        self._closed = True

    def _take(self, limit: int) -> list[Incoming]:
        if self._closed or self._generation != self._bus.generation:
            raise ConsumerLost(f"the consumer {self._name} of {self._stream} is gone")
        entries = self._bus.entries(self._stream)
        total = self._bus.count(self._stream, self._shards)
        found: list[Incoming] = []
        while self._next < len(entries) and len(found) < limit:
            shard, data = entries[self._next]
            self._next += 1
            if shard in self._shards:
                self._passed += 1
                found.append(Incoming(shard, self._next, data, total - self._passed))
        return found


class _MemoryLeases(Leases):
    def __init__(self, bus: MemoryBus, lease_seconds: float, clock: Clock) -> None:
        self._bus = bus
        self._lease_seconds = lease_seconds
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        self._members: dict[tuple[str, str], float] = {}
        self._owners: dict[tuple[str, str], tuple[str, int]] = {}
        self._marks: dict[tuple[str, str], str] = {}

    async def heartbeat(self, stage: str, instance: str) -> None:
        self._bus.check()
        self._members[stage, instance] = self._clock.monotonic() + self._lease_seconds

    async def resign(self, stage: str, instance: str) -> None:
        self._bus.check()
        self._members.pop((stage, instance), None)

    async def alive(self, stage: str) -> set[str]:
        self._bus.check()
        now = self._clock.monotonic()
        return {i for (s, i), until in self._members.items() if s == stage and until > now}

    async def owner(self, stage: str, unit: str) -> tuple[str, int]:
        self._bus.check()
        return self._owners.get((stage, unit), ("", 0))

    async def take(self, stage: str, unit: str, instance: str, revision: int) -> int | None:
        self._bus.check()
        if self._owners.get((stage, unit), ("", 0))[1] != revision:
            return None
        self._owners[stage, unit] = (instance, revision + 1)
        return revision + 1

    async def load_mark(self, stage: str, unit: str) -> str:
        self._bus.check()
        return self._marks.get((stage, unit), "")

    async def save_mark(self, stage: str, unit: str, mark: str) -> None:
        self._bus.check()
        self._marks[stage, unit] = mark
