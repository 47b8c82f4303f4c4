"""The clock that only a test moves, and that the real one keeps the same promises."""

import asyncio
import datetime

from plexus.clock import ManualClock, SystemClock


async def test_who_waits_is_woken_when_the_time_has_come_and_in_its_order() -> None:
    clock = ManualClock()
    woken: list[int] = []

    async def wait(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(wait(seconds)) for seconds in (3, 1, 2)]
    await asyncio.sleep(0)
    clock.advance(2)
    await asyncio.gather(*tasks[1:])
    assert woken == [1, 2]
    clock.advance(1)
    await tasks[0]
    assert woken == [1, 2, 3]


async def test_a_wait_of_no_time_only_lets_others_go() -> None:
    clock = ManualClock()
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.monotonic() == 0


def test_both_times_move_together() -> None:
    clock = ManualClock(datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC))
    clock.advance(90)
    assert clock.now() == datetime.datetime(2026, 3, 1, 0, 1, 30, tzinfo=datetime.UTC)
    assert clock.monotonic() == 90


async def test_the_machines_clock_is_in_utc_and_never_goes_back() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().utcoffset() == datetime.timedelta(0)
