"""What every bus's leases promise (plexus.bus.contract), on each bus there is."""

import asyncio
import contextlib

from plexus.errors import Unavailable
from plexus.testing.waiting import eventually
from tests.contract.conftest import BusWorld


async def test_who_gave_a_sign_lives_until_its_lease_runs_out(bus_world: BusWorld) -> None:
    leases = bus_world.bus.leases
    assert await leases.alive("stage") == set()
    await leases.heartbeat("stage", "a")
    assert await leases.alive("stage") == {"a"}
    bus_world.pass_lease()
    await eventually(lambda: _nobody_lives(bus_world))


async def _nobody_lives(bus_world: BusWorld) -> bool:
    return await bus_world.bus.leases.alive("stage") == set()


async def test_members_of_one_stage_see_each_other_and_nobody_else(bus_world: BusWorld) -> None:
    leases, others = bus_world.bus.leases, (await bus_world.another()).leases
    await leases.heartbeat("stage", "a")
    await others.heartbeat("stage", "b-1")
    await leases.heartbeat("stage2", "c")
    assert await leases.alive("stage") == await others.alive("stage") == {"a", "b-1"}
    assert await leases.alive("stage2") == {"c"}


async def test_who_resigns_is_gone_at_once(bus_world: BusWorld) -> None:
    leases = bus_world.bus.leases
    await leases.heartbeat("stage", "a")
    await leases.heartbeat("stage", "b")
    await leases.resign("stage", "a")
    assert await leases.alive("stage") == {"b"}
    await leases.resign("stage", "nobody")
    await leases.heartbeat("stage", "a")
    assert await leases.alive("stage") == {"a", "b"}


async def test_of_two_who_take_from_one_revision_one_wins(bus_world: BusWorld) -> None:
    leases, others = bus_world.bus.leases, (await bus_world.another()).leases
    assert await leases.owner("stage", "0") == ("", 0)
    taken = await asyncio.gather(
        leases.take("stage", "0", "a", 0), others.take("stage", "0", "b", 0)
    )
    assert sum(revision is not None for revision in taken) == 1
    winner = "a" if taken[0] is not None else "b"
    assert await leases.owner("stage", "0") == (winner, next(r for r in taken if r is not None))


async def test_a_unit_is_taken_only_from_its_last_revision(bus_world: BusWorld) -> None:
    leases = bus_world.bus.leases
    first = await leases.take("stage", "0", "a", 0)
    assert first is not None
    assert await leases.take("stage", "0", "b", 0) is None
    second = await leases.take("stage", "0", "b", first)
    assert second is not None
    assert second > first
    assert await leases.take("stage", "0", "a", first) is None
    assert await leases.owner("stage", "0") == ("b", second)
    assert await leases.owner("stage", "1") == ("", 0)


async def test_a_unit_that_was_given_back_can_be_taken(bus_world: BusWorld) -> None:
    leases = bus_world.bus.leases
    first = await leases.take("stage", "0", "a", 0)
    assert first is not None
    given_back = await leases.take("stage", "0", "", first)
    assert given_back is not None
    assert await leases.owner("stage", "0") == ("", given_back)
    assert await leases.take("stage", "0", "b", given_back) is not None


async def test_the_newest_mark_is_found_after_a_new_connection(bus_world: BusWorld) -> None:
    leases = bus_world.bus.leases
    assert await leases.load_mark("stage", "0") == ""
    await leases.save_mark("stage", "0", "17 2026-01-01T00:00:00+00:00")
    await leases.save_mark("stage", "0", "18 2026-01-01T00:00:00+00:00")
    await leases.save_mark("stage", "1", "3 x")
    await bus_world.go_down()
    await bus_world.come_back()
    assert await leases.load_mark("stage", "0") == "18 2026-01-01T00:00:00+00:00"
    assert await leases.load_mark("stage", "1") == "3 x"
    assert await leases.load_mark("stage2", "0") == ""


async def test_a_lost_store_has_no_members_owners_or_marks(bus_world: BusWorld) -> None:
    leases = bus_world.bus.leases
    await leases.heartbeat("stage", "a")
    await leases.take("stage", "0", "a", 0)
    await leases.save_mark("stage", "0", "17 x")
    await bus_world.lose_store()

    async def refused_no_more() -> bool:
        """The first answers may be refusals, until what was lost is made anew."""
        with contextlib.suppress(Unavailable):
            await leases.save_mark("stage", "1", "")
            return await leases.take("stage", "1", "b", 0) is not None
        return False

    await eventually(refused_no_more)
    assert await leases.alive("stage") == set()
    assert await leases.owner("stage", "0") == ("", 0)
    assert await leases.load_mark("stage", "0") == ""
