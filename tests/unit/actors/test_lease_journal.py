"""A stage that keeps nothing: marks beside the leases, repeats for who comes next to recognise."""

import asyncio

from plexus.actors import LeaseJournal
from plexus.clock import ManualClock
from plexus.store import Mark
from plexus.testing.waiting import eventually
from tests.unit.actors.flow_material import (
    UNITS,
    Recorder,
    TroubledBus,
    crash,
    flow_of,
    message,
    numbers,
    outgoing,
    ownership_of,
    running,
)


async def test_marks_are_kept_up_to_what_is_published() -> None:
    bus = TroubledBus(ManualClock())
    journal = LeaseJournal(bus.leases, "stage", ManualClock())
    async with journal.transaction({"0": 0, "1": 0}) as transaction:
        await transaction.commit([], {"0": Mark("2026 s", 9, 7), "1": Mark("2026 s", 9, 9)})
    after = LeaseJournal(bus.leases, "stage", ManualClock())
    assert await after.marks(["0", "1", "2"]) == {
        "0": Mark("2026 s", 7, 7),
        "1": Mark("2026 s", 9, 9),
    }


async def test_after_a_crash_what_was_not_published_is_worked_off_again_and_kept_once() -> None:
    clock = ManualClock()
    bus = TroubledBus(clock)
    ownership = ownership_of(bus, "a", clock)
    await ownership.renew()
    bus.troubles = [0] * 1_000_000
    await bus.publish([outgoing(message(number)) for number in range(1, 6)])
    stage = Recorder()
    flow = flow_of(bus, LeaseJournal(bus.leases, "stage", ManualClock()), stage, ownership)
    task = asyncio.create_task(flow.run())
    await eventually(lambda: 4 in stage.tries)
    await crash(flow, task)
    bus.troubles = [3]
    journal = LeaseJournal(bus.leases, "stage", ManualClock())
    async with running(flow_of(bus, journal, stage, ownership)):
        await eventually(lambda: numbers(bus.left[-1]) == [1, 2, 3, 4, 5])

        async def marked() -> bool:
            marks = await journal.marks(UNITS)
            return {mark.sequence for mark in marks.values()} == {5}

        await eventually(marked)
    assert numbers(bus.left[-1]) == [1, 2, 3, 4, 5]
