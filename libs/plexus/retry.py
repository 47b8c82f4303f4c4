"""Trying again: exponential backoff with full jitter, bounded, for weather only."""

import dataclasses
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from plexus.clock import Clock
from plexus.errors import Transient

__all__ = ["Backoff", "retry"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each try.

    Attributes:
        first_seconds: upper bound of the first wait.
        factor: growth of the bound from one try to the next.
        longest_seconds: the bound grows no further than this.
    """

    first_seconds: float = 0.1
    factor: float = 2.0
    longest_seconds: float = 10.0

    def bound(self, tries: int) -> float:
        """Longest wait after `tries` failed tries (1 or more)."""
        # The exponent is capped, for a destination that is down for days reaches large numbers.
        grown = self.first_seconds * self.factor ** min(tries - 1, 64)
        return min(self.longest_seconds, grown)

    def wait(self, tries: int, random_source: random.Random) -> float:
        """Seconds to wait: between half the bound and the bound, so that retries spread out."""
        bound = self.bound(tries)
        return bound / 2 + random_source.random() * bound / 2


async def retry(
    act: Callable[[], Awaitable[T]],
    *,
    tries: int,
    clock: Clock,
    backoff: Backoff | None = None,
    random_source: random.Random | None = None,
) -> T:
    """Call `act` until it succeeds, at most `tries` times.

    Only `Transient` errors are tried again.

    Raises:
        Transient: the last one, where all tries failed.
    """
    backoff = backoff or Backoff()
    random_source = random_source or random.Random()  # noqa: S311 - spreads load, guards nothing
    for attempt in range(1, tries + 1):
        try:
            return await act()
        except Transient:
            if attempt == tries:
                raise
        await clock.sleep(backoff.wait(attempt, random_source))
    raise AssertionError("retry needs at least one try")
