"""Simulated time: processes that sleep and send, and an agenda that wakes them in order.

A process is a generator. It yields a number of seconds to sleep, or a draft to be sent, after which
it goes on a few seconds later. So one step of the agenda gives at most one message, and what a
process changes between two yields is true at the moment of that message.
"""

import datetime
import functools
import heapq
import zoneinfo
from collections.abc import Iterator
from typing import Final, Generic, TypeAlias, TypeVar

__all__ = ["DAY", "HOUR", "MINUTE", "Agenda", "Process", "day_of", "moment", "opening", "stamp"]

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0

_BETWEEN_MESSAGES_SECONDS: Final = 2.0
_PLACE: Final = zoneinfo.ZoneInfo("Europe/Vienna")
"""Where the hospital stands. It has summer time, as most places have."""

D = TypeVar("D")
Process: TypeAlias = Iterator[float | D]


class Agenda(Generic[D]):
    """What happens when. Deterministic: at the same second, who was put down first comes first."""

    def __init__(self, begins: float) -> None:
        """Begin at a time, in seconds since 1970 in UTC."""
        self.now = begins
        self._due: list[tuple[float, int, Process[D]]] = []
        self._count = 0

    def start(self, process: Process[D], after: float = 0.0) -> None:
        """Let a process begin after some seconds."""
        self._count += 1
        heapq.heappush(self._due, (self.now + after, self._count, process))

    @property
    def next_at(self) -> float | None:
        """When the next step is due; None where nothing is left."""
        return self._due[0][0] if self._due else None

    def step(self) -> D | None:
        """Wake the next process, once. Gives the draft that it sends, if it sends one."""
        at, count, process = self._due[0]
        self.now = at
        done = next(process, None)
        # What it started meanwhile comes later or has a higher count: it is still the first.
        if done is None:
            heapq.heappop(self._due)
            return None
        if isinstance(done, float):
            heapq.heapreplace(self._due, (at + done, count, process))
            return None
        heapq.heapreplace(self._due, (at + _BETWEEN_MESSAGES_SECONDS, count, process))
        return done


def moment(at: float) -> datetime.datetime:
    """The time in UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


@functools.lru_cache(maxsize=4096)
def _hour(hour: int) -> tuple[str, str]:
    local = datetime.datetime.fromtimestamp(hour * HOUR, _PLACE)
    return local.strftime("%Y%m%d%H"), local.strftime("%z")


def stamp(at: float, *, zone: bool = True) -> str:
    """HL7 time to the second, where the hospital stands, with its offset from UTC or without."""
    hour, seconds = divmod(int(at), 3600)
    digits, offset = _hour(hour)
    return f"{digits}{seconds // 60:02d}{seconds % 60:02d}{offset if zone else ''}"


def day_of(at: float) -> datetime.date:
    """The calendar day where the hospital stands."""
    return datetime.datetime.fromtimestamp(at, _PLACE).date()


def opening(at: float) -> float:
    """The moment itself if it lies in office hours (Monday to Friday, 8 to 17), else the next morning.

    Mornings keep the minutes, so that not everybody comes at once.
    """
    local = datetime.datetime.fromtimestamp(at, _PLACE)
    if local.weekday() < 5 and 8 <= local.hour < 17:
        return at
    if local.hour >= 8 or local.weekday() >= 5:
        local += datetime.timedelta(days=1)
    while local.weekday() >= 5:
        local += datetime.timedelta(days=1)
    return local.replace(hour=8 + local.hour * 9 // 24).timestamp()
