"""Samples of what was delivered: which are judged, what is told of them, and that nothing is stopped.

What the judge finds is tested with it.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import prometheus_client
import psutil
import pytest

from plexus.clock import ManualClock
from plexus.testing.waiting import eventually
from services.delivery.actors import Sampler
from tests.unit.delivery import delivery_material as material

pytestmark = pytest.mark.timeout(120)


def count(name: str, **labels: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value(name, labels) or 0.0


def judged(outcome: str) -> float:
    return count("plexus_judged_total", outcome=outcome)


@contextlib.asynccontextmanager
async def running(one_in: int, clock: ManualClock | None = None) -> AsyncIterator[Sampler]:
    sampler = Sampler(one_in, random.Random(1), clock or ManualClock())
    task = asyncio.create_task(sampler.run())
    yield sampler
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_findings_are_counted_by_kind_and_sound_deliveries_too() -> None:
    before = judged("valid"), judged("invalid"), count("plexus_judge_findings_total", kind="invariant")  # fmt: skip
    async with running(1) as sampler:
        sampler.offer(material.item("m1"), material.sound())
        await eventually(lambda: judged("valid") == before[0] + 1, timeout_seconds=60)
        sampler.offer(material.item("m2"), material.only_the_judge_objects())
        await eventually(lambda: judged("invalid") == before[1] + 1, timeout_seconds=60)
    assert count("plexus_judge_findings_total", kind="invariant") == before[2] + 1


async def test_one_in_so_many_is_picked_and_while_one_waits_no_other() -> None:
    picked = 0
    sampler = Sampler(10, random.Random(1), ManualClock())
    for _ in range(1000):
        sampler.offer(material.item("m"), material.sound())
        if sampler._waiting.full():
            sampler.offer(material.item("passed over"), material.sound())
            assert sampler._waiting.get_nowait().item.message_id == "m"
            picked += 1
    assert 70 < picked < 130


async def test_where_none_is_to_be_picked_no_process_is_started() -> None:
    children = len(psutil.Process().children())
    async with running(0) as sampler:
        sampler.offer(material.item("m"), material.sound())
        assert sampler._waiting.empty()
    assert len(psutil.Process().children()) == children


async def test_what_must_not_leave_is_no_sample_and_raises_nothing() -> None:
    sampler = Sampler(1, random.Random(1), ManualClock())
    sampler.offer(material.item("m"), material.must_not_leave())
    assert sampler._waiting.empty()


async def test_when_the_process_dies_another_one_judges() -> None:
    before = judged("valid")
    clock = ManualClock()
    others = set(psutil.Process().children())
    async with running(1, clock) as sampler:
        sampler.offer(material.item("m1"), material.sound())
        await eventually(lambda: judged("valid") == before + 1, timeout_seconds=60)
        for child in set(psutil.Process().children()) - others:
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
                child.wait(10)
        await eventually(lambda: bool(clock._waiting) or _offered(sampler), timeout_seconds=60)
        clock.advance(10)
        sampler.offer(material.item("m3"), material.sound())
        await eventually(lambda: judged("valid") >= before + 2, timeout_seconds=60)


def _offered(sampler: Sampler) -> bool:
    sampler.offer(material.item("m2"), material.sound())
    return False
