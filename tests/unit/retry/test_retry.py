"""Trying again: for weather only, with waits that grow, spread and are bounded."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.clock import ManualClock
from plexus.errors import Fenced, InvalidMessage, Unavailable
from plexus.retry import Backoff, retry


class Act:
    """Fails so often, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


async def run(act: Act, tries: int) -> tuple[str, float]:
    """The result, and the time that was waited."""
    clock = ManualClock()
    task = asyncio.create_task(retry(act, tries=tries, clock=clock, random_source=random.Random(1)))
    while not task.done():
        await asyncio.sleep(0)
        if clock._waiting:
            clock.advance(clock._waiting[0][0] - clock.monotonic())
    return await task, clock.monotonic()


async def test_weather_is_tried_again_until_it_clears() -> None:
    act = Act(Unavailable("x"), Fenced("y"))
    result, waited = await run(act, 5)
    assert (result, act.calls) == ("done", 3)
    assert 0.05 + 0.1 <= waited <= 0.1 + 0.2


async def test_the_last_error_is_raised_when_all_tries_failed() -> None:
    act = Act(Unavailable("first"), Unavailable("second"), Unavailable("third"))
    with pytest.raises(Unavailable, match="second"):
        await run(act, 2)
    assert act.calls == 2


async def test_what_cannot_succeed_is_not_tried_again() -> None:
    act = Act(InvalidMessage("x"))
    with pytest.raises(InvalidMessage):
        await run(act, 5)
    assert act.calls == 1


@given(st.integers(1, 10**9), st.integers())
def test_waits_stay_between_half_the_bound_and_the_bound(tries: int, seed: int) -> None:
    backoff = Backoff(first_seconds=0.1, factor=2.0, longest_seconds=10.0)
    wait = backoff.wait(tries, random.Random(seed))
    assert backoff.bound(tries) / 2 <= wait <= backoff.bound(tries) <= 10.0


@given(st.integers(1, 1000))
def test_bounds_never_shrink(tries: int) -> None:
    backoff = Backoff()
    assert backoff.bound(tries) <= backoff.bound(tries + 1)
