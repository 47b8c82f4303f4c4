"""CPU and memory of processes, with all that they started.

PostgreSQL is a tree of processes over one shared memory: adding up resident sizes would count that
memory many times, so a tree's memory is the sum of its proportional shares (Linux PSS).
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator, Mapping

import psutil

__all__ = ["Usage", "UsageSampler", "cpu_seconds"]

# To add up what PostgreSQL's processes share takes the kernel a while: oftener would show in the figures.
_SAMPLE_SECONDS = 5.0
_MEGABYTE = 1024 * 1024


@dataclasses.dataclass(slots=True)
class Usage:
    """What one process, with its children, used between two moments.

    Attributes:
        cpu_seconds: user and system, all cores together.
        rss_mb_start, rss_mb_max, rss_mb_end: resident memory; the most is of a sample every five seconds.
    """

    cpu_seconds: float
    rss_mb_start: float
    rss_mb_max: float
    rss_mb_end: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its children, and those of them that have ended."""
    total = 0.0
    for place, process in enumerate(_tree(pid)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            if place == 0:
                total += times.children_user + times.children_system
    return total


def _memory_mb(pid: int) -> float:
    tree = list(_tree(pid))
    if len(tree) == 1:
        with contextlib.suppress(psutil.NoSuchProcess):
            return float(tree[0].memory_info().rss) / _MEGABYTE
    total = 0.0
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            full = process.memory_full_info()
            total += getattr(full, "pss", full.rss) / _MEGABYTE
    return total


def _tree(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


class UsageSampler:
    """Watches processes from `start` to `stop`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._used: dict[str, Usage] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the first figures, and go on reading."""
        self._used = await asyncio.to_thread(self._first)
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> dict[str, Usage]:
        """The figures by process."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._last)
        return self._used

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            await asyncio.to_thread(self._sample)

    def _first(self) -> dict[str, Usage]:
        used = {}
        for name, pid in self._pids.items():
            memory = _memory_mb(pid)
            used[name] = Usage(-cpu_seconds(pid), memory, memory, memory)
        return used

    def _sample(self) -> None:
        for name, pid in self._pids.items():
            used = self._used[name]
            used.rss_mb_end = _memory_mb(pid)
            used.rss_mb_max = max(used.rss_mb_max, used.rss_mb_end)

    def _last(self) -> None:
        self._sample()
        for name, pid in self._pids.items():
            self._used[name].cpu_seconds += cpu_seconds(pid)
