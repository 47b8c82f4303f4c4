"""Several members share the units of a stage: one owner each, and no longer gap than a lease.

Only the decision is asked here; that two who believe the same cannot both write is the fence's part
(tests/contract/test_journal.py).
"""

import asyncio
import collections

from hypothesis import given
from hypothesis import strategies as st

from plexus.bus import MemoryBus, Ownership
from plexus.clock import ManualClock
from plexus.testing.waiting import eventually

UNITS = tuple(str(number) for number in range(8))
LEASE_SECONDS = 5.0


class Members:
    """Members of one stage, each with its own view."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.bus = MemoryBus(lease_seconds=LEASE_SECONDS, clock=self.clock)
        self.present: dict[str, Ownership] = {}

    def join(self, name: str) -> Ownership:
        self.present[name] = Ownership(
            self.bus.leases,
            stage="stage",
            instance=name,
            units=UNITS,
            lease_seconds=LEASE_SECONDS,
            clock=self.clock,
        )
        return self.present[name]

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            for ownership in self.present.values():
                await ownership.renew()

    def owners(self) -> dict[str, list[str]]:
        owners: dict[str, list[str]] = collections.defaultdict(list)
        for name, ownership in self.present.items():
            for unit in ownership.owned:
                owners[unit].append(name)
        return owners

    def assert_each_unit_has_one_owner(self) -> None:
        owners = self.owners()
        assert set(owners) == set(UNITS)
        assert all(len(names) == 1 for names in owners.values())


async def test_one_member_owns_everything_at_once() -> None:
    members = Members()
    members.join("a")
    await members.rounds(1)
    assert members.present["a"].owned == set(UNITS)


async def test_each_unit_has_one_owner_and_each_member_has_some() -> None:
    members = Members()
    for name in ("a", "b", "c"):
        members.join(name)
    await members.rounds(3)
    members.assert_each_unit_has_one_owner()
    assert all(ownership.owned for ownership in members.present.values())


async def test_a_new_member_takes_only_what_it_is_given() -> None:
    members = Members()
    first = members.join("a")
    await members.rounds(1)
    second = members.join("b")
    await second.renew()
    assert second.owned == frozenset()
    await first.renew()
    await second.renew()
    members.assert_each_unit_has_one_owner()
    assert second.owned


async def test_what_a_dead_member_had_is_taken_when_its_lease_is_over_and_not_before() -> None:
    members = Members()
    for name in ("a", "b"):
        members.join(name)
    await members.rounds(3)
    lost = members.present.pop("b").owned
    members.clock.advance(LEASE_SECONDS - 1)
    await members.rounds(1)
    assert not members.present["a"].owned & lost
    members.clock.advance(1)
    await members.rounds(1)
    assert members.present["a"].owned == set(UNITS)


async def test_who_resigns_hands_over_at_once() -> None:
    members = Members()
    for name in ("a", "b"):
        members.join(name)
    await members.rounds(3)
    await members.present.pop("b").resign()
    await members.rounds(1)
    assert members.present["a"].owned == set(UNITS)


async def test_a_restarted_member_takes_its_own_units_back_at_once() -> None:
    members = Members()
    for name in ("a", "b"):
        members.join(name)
    await members.rounds(3)
    had = members.present["b"].owned
    again = members.join("b")
    await again.renew()
    assert again.owned == had


async def test_a_member_that_was_frozen_past_its_lease_finds_out_that_it_lost() -> None:
    members = Members()
    for name in ("a", "b"):
        members.join(name)
    await members.rounds(3)
    frozen = members.present.pop("b")
    members.clock.advance(LEASE_SECONDS)
    await members.rounds(1)
    members.present["b"] = frozen
    await members.rounds(6)
    members.assert_each_unit_has_one_owner()


async def test_a_wiped_bus_is_shared_again() -> None:
    members = Members()
    for name in ("a", "b"):
        members.join(name)
    await members.rounds(3)
    members.bus.wipe()
    await members.rounds(8)
    members.assert_each_unit_has_one_owner()


async def test_without_the_leases_a_member_lets_go_when_its_own_is_over() -> None:
    members = Members()
    ownership = members.join("a")
    task = asyncio.create_task(ownership.run())
    await eventually(lambda: ownership.owned == set(UNITS))
    members.bus.disconnect()
    ownership.changed.clear()
    held_for = 0.0
    while not ownership.changed.is_set():
        assert held_for <= 3 * LEASE_SECONDS
        members.clock.advance(0.5)
        held_for += 0.5
        for _ in range(5):
            await asyncio.sleep(0)
    assert ownership.owned == frozenset()
    assert held_for > LEASE_SECONDS
    members.bus.reconnect()

    async def has_all_again() -> bool:
        members.clock.advance(0.5)
        return ownership.owned == set(UNITS)

    await eventually(has_all_again)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["join", "die", "resign", "renew", "tick", "wipe"]), st.integers(0, 4)
    ),
    max_size=40,
)


@given(_ACTS)
def test_whoever_comes_and_goes_each_unit_has_one_owner_in_the_end(
    acts: list[tuple[str, int]],
) -> None:
    async def happen() -> None:
        members = Members()
        for act, number in acts:
            name = f"m{number}"
            if act == "join":
                members.join(name)
            elif act == "tick":
                members.clock.advance(2.0)
            elif act == "wipe":
                members.bus.wipe()
            elif name in members.present:
                if act == "die":
                    del members.present[name]
                elif act == "resign":
                    await members.present.pop(name).resign()
                else:
                    await members.present[name].renew()
        members.join("last")
        members.clock.advance(LEASE_SECONDS)
        await members.rounds(12)
        members.assert_each_unit_has_one_owner()

    asyncio.run(happen())
