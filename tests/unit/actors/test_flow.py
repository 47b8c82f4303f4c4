"""The flow: one commit for each effect, and what happens to poison, weather, defects and old owners.

In memory, where faults can be put exactly; tests/integration/actors has the same on real servers, and
test_flow_model lets them happen in any order.
"""

import asyncio

from plexus.actors import Flow
from plexus.api.audit.v1.audit_pb2 import Custody, Outcome
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.bus import Outgoing, Ownership
from plexus.clock import Clock, ManualClock
from plexus.errors import DeadlineExceeded, Reason, Unavailable
from plexus.ids import shard_of
from plexus.testing.waiting import eventually
from tests.unit.actors.flow_material import (
    DEFECT,
    KEYS,
    POISON,
    SHARDS,
    UNITS,
    BriskClock,
    KeptJournal,
    Recorder,
    TroubledBus,
    crash,
    flow_of,
    is_worked_off,
    message,
    message_id,
    numbers,
    outgoing,
    ownership_of,
    running,
)


class World:
    """One journal, one bus, and replicas over them."""

    def __init__(self) -> None:
        self.leases_clock = ManualClock()
        self.bus = TroubledBus(self.leases_clock)
        self.journal = KeptJournal()
        self.stage = Recorder()

    async def owner(self, instance: str) -> Ownership:
        ownership = ownership_of(self.bus, instance, self.leases_clock)
        await ownership.renew()
        return ownership

    async def flow(
        self,
        instance: str = "a",
        *,
        clock: Clock | None = None,
        park_limit_per_minute: int = 1000,
        stage: Recorder | None = None,
    ) -> Flow:
        return flow_of(
            self.bus,
            self.journal,
            stage or self.stage,
            await self.owner(instance),
            clock=clock,
            park_limit_per_minute=park_limit_per_minute,
        )

    async def send(self, *envelopes: Envelope, copy: int = 0) -> None:
        await self.bus.publish([outgoing(envelope, copy) for envelope in envelopes])

    @property
    def left(self) -> list[int]:
        """What `out` has, in order."""
        return numbers(self.bus.left[-1])

    @property
    def effects(self) -> list[int]:
        return [number for number, _, _ in self.journal.effects]

    def custody(self, number: int) -> list[Custody]:
        return [told for told in self.bus.evidence if told.message_id == message_id(number)]

    async def at_rest(self) -> None:
        """Until everything in the stream is worked off and published."""
        await eventually(lambda: is_worked_off(self.bus, self.journal))


async def test_each_message_has_one_effect_one_output_and_one_custody_entry() -> None:
    world = World()
    await world.send(*(message(number, KEYS[number % 3]) for number in range(1, 10)))
    async with running(await world.flow()):
        await world.at_rest()
    assert sorted(world.effects) == sorted(world.left) == list(range(1, 10))
    for number in range(1, 10):
        (told,) = world.custody(number)
        assert told.outcome == Outcome.OUTCOME_PASSED
        assert (told.attempt, told.origin, told.version) == (1, number, "v1")


async def test_what_was_committed_before_a_crash_is_published_after_it() -> None:
    world = World()
    world.bus.troubles = [0] * 1_000_000
    await world.send(message(1), message(2))
    flow = await world.flow()
    task = asyncio.create_task(flow.run())
    await eventually(lambda: world.effects == [1, 2])
    await crash(flow, task)
    assert world.left == []
    world.bus.troubles.clear()
    async with running(await world.flow()):
        await world.at_rest()
    assert world.effects == world.left == [1, 2]
    assert world.custody(2)


async def test_what_was_published_in_part_is_published_whole_and_once() -> None:
    world = World()
    world.bus.troubles = [2, 0, 1]
    await world.send(*(message(number) for number in range(1, 5)))
    async with running(await world.flow()):
        await world.at_rest()
    assert world.left == [1, 2, 3, 4]


async def test_a_message_that_comes_again_has_no_second_effect() -> None:
    world = World()
    async with running(await world.flow()):
        await world.send(message(1), message(2))
        await world.at_rest()
        await world.send(message(1), message(2), copy=1)
        await world.at_rest()
    assert world.effects == world.left == [1, 2]
    assert world.stage.tries == {1: 1, 2: 1}


async def test_copies_within_one_batch_have_one_effect() -> None:
    world = World()
    await world.send(message(1), message(2))
    await world.send(message(1), copy=1)
    async with running(await world.flow()):
        await world.at_rest()
    assert world.effects == world.left == [1, 2]


async def test_a_replay_is_worked_off_again_and_its_copy_is_not() -> None:
    world = World()
    async with running(await world.flow()):
        await world.send(message(1))
        await world.at_rest()
        await world.send(message(1, attempt=2))
        await world.at_rest()
        await world.send(message(1), copy=1)
        await world.send(message(1, attempt=2), copy=1)
        await world.at_rest()
    assert [(number, attempt) for number, attempt, _ in world.journal.effects] == [(1, 1), (1, 2)]
    assert {told.attempt for told in world.custody(1)} == {1, 2}


async def test_an_earlier_passage_behind_a_later_one_does_not_displace_it() -> None:
    world = World()
    await world.send(message(1, attempt=2), message(1))
    async with running(await world.flow()):
        await world.at_rest()
    assert [(number, attempt) for number, attempt, _ in world.journal.effects] == [(1, 2)]


async def test_an_old_owner_is_fenced_and_the_order_holds() -> None:
    world = World()
    await world.send(message(1))
    old = await world.flow("old")
    old_task = asyncio.create_task(old.run())
    await world.at_rest()
    await world.send(message(2))
    # It works on the batch, frozen; meanwhile its lease runs out, and another one takes over.
    held, going = asyncio.Event(), asyncio.Event()

    async def freeze(*_: object) -> None:
        held.set()
        await going.wait()

    world.stage.keep = freeze
    await held.wait()
    world.leases_clock.advance(10)
    stage = Recorder()
    async with running(await world.flow("new", stage=stage)):
        await world.at_rest()
        world.stage.keep = None
        await old._ownership.renew()
        old._ownership._own(frozenset())  # it has found out, and keeps nothing
        going.set()
        await world.send(message(3))
        await world.at_rest()
        await crash(old, old_task)
    assert world.effects == world.left == [1, 2, 3]
    assert stage.tries == {2: 1, 3: 1}


async def test_poison_is_parked_with_reason_and_place_while_neighbours_flow() -> None:
    world = World()
    poison = message(2, KEYS[0], POISON)
    await world.send(message(1), poison, message(3), message(4, KEYS[1]))
    async with running(await world.flow()):
        await world.at_rest()
    assert sorted(world.left) == [1, 3, 4]
    assert world.effects == [1, 2, 3, 4]
    (told,) = world.custody(2)
    assert told.outcome == Outcome.OUTCOME_PARKED
    assert told.reason == Reason.REASON_MAPPING_FAILED
    assert told.detail == "no such thing at PID-3"


async def test_weather_is_waited_for_and_nobody_overtakes() -> None:
    world = World()
    world.stage.weather = [Unavailable("rain"), DeadlineExceeded("snow"), Unavailable("rain")]
    clock = BriskClock()
    await world.send(message(1), message(2))
    async with running(await world.flow(clock=clock)):
        await world.at_rest()
        await world.send(message(3))
        await world.at_rest()
    assert world.effects == world.left == [1, 2, 3]
    assert world.stage.tries == {1: 4, 2: 4, 3: 1}
    assert len(clock.naps) >= 3
    assert {told.outcome for told in world.bus.evidence} == {Outcome.OUTCOME_PASSED}


async def test_a_defect_gets_one_more_chance() -> None:
    world = World()
    world.stage.defects = 1
    await world.send(message(1, payload=DEFECT), message(2))
    async with running(await world.flow()):
        await world.at_rest()
    assert world.left == [1, 2]
    assert world.stage.tries[1] == 2


async def test_a_defect_that_stays_is_parked_as_internal_and_shows_no_value() -> None:
    world = World()
    await world.send(message(1, payload=DEFECT), message(2))
    async with running(await world.flow()):
        await world.at_rest()
    assert world.left == [2]
    assert world.stage.tries[1] == 2
    (told,) = world.custody(1)
    assert told.outcome == Outcome.OUTCOME_PARKED
    assert told.reason == Reason.REASON_INTERNAL
    assert "ValueError" in told.detail
    assert "Ambrosia" not in told.detail


async def test_past_the_parking_limit_the_stage_stands_still_until_time_has_passed() -> None:
    world = World()
    clock = ManualClock()
    await world.send(*(message(number, payload=POISON) for number in range(1, 5)))
    flow = await world.flow(clock=clock, park_limit_per_minute=2)
    async with running(flow):
        await eventually(lambda: bool(clock._waiting))
        assert world.effects == []
        assert (await world.journal.marks(UNITS))["0"].sequence == 0

        async def time_passes() -> bool:
            clock.advance(5)
            return len(world.effects) == 4

        await eventually(time_passes)
        assert clock.monotonic() >= 60
    assert {told.outcome for told in world.bus.evidence} == {Outcome.OUTCOME_PARKED}


async def test_a_stage_that_stands_still_can_be_stopped() -> None:
    world = World()
    clock = ManualClock()
    await world.send(message(1, payload=POISON), message(2, payload=POISON))
    flow = await world.flow(clock=clock, park_limit_per_minute=1)
    task = asyncio.create_task(flow.run())
    await eventually(lambda: bool(clock._waiting))
    flow.stop()

    async def time_passes() -> bool:
        clock.advance(1)
        return task.done()

    await eventually(time_passes)
    await task
    assert world.effects == []


async def test_after_a_lost_store_stored_outputs_leave_again_without_a_second_effect() -> None:
    world = World()
    sent = [message(1), message(2, payload=POISON), message(3)]
    async with running(await world.flow()):
        await world.send(*sent)
        await world.at_rest()
        world.bus.wipe()
        await world.send(*sent, message(4))
        await world.at_rest()
    assert world.effects == [1, 2, 3, 4]
    assert world.left == [1, 3, 4]
    assert len(world.custody(2)) == 2


async def test_after_a_lost_store_what_was_left_does_not_overtake_its_predecessors() -> None:
    world = World()
    sent = [message(1), message(2)]
    flow = await world.flow()
    task = asyncio.create_task(flow.run())
    await world.send(sent[0])
    await world.at_rest()
    world.bus.troubles = [0] * 1_000_000
    await world.send(sent[1])
    await eventually(lambda: world.effects == [1, 2])
    await crash(flow, task)
    world.bus.wipe()
    world.bus.troubles.clear()
    async with running(await world.flow()):
        await world.send(*sent)
        await world.at_rest()
    assert world.left == [1, 2]
    assert world.effects == [1, 2]


async def test_what_leaves_again_after_a_lost_store_survives_a_crash() -> None:
    world = World()
    sent = [message(1), message(2)]
    await world.send(*sent)
    async with running(await world.flow()):
        await world.at_rest()
    world.bus.wipe()
    await world.send(*sent)
    world.bus.troubles = [0] * 1_000_000
    flow = await world.flow()
    task = asyncio.create_task(flow.run())

    async def marked() -> bool:
        mark = (await world.journal.marks(UNITS))["0"]
        return (mark.incarnation, mark.sequence) == ((await world.bus.state("in")).incarnation, 2)

    await eventually(marked)
    await crash(flow, task)
    world.bus.troubles.clear()
    async with running(await world.flow()):
        await world.at_rest()
    assert world.left == [1, 2]
    assert world.effects == [1, 2]


async def test_a_shard_that_was_read_further_keeps_its_place() -> None:
    world = World()
    behind, ahead = (str(shard_of(key, SHARDS)) for key in KEYS[:2])
    assert behind != ahead
    ownership = await world.owner("a")
    ownership._own(frozenset({ahead}))
    await world.send(*(message(number, KEYS[1]) for number in range(1, 9)))
    flow = flow_of(world.bus, world.journal, world.stage, ownership)

    async def sequence_of(unit: str) -> int:
        marks = await world.journal.marks([unit])
        return marks[unit].sequence if unit in marks else 0

    async with running(flow):

        async def read_on() -> bool:
            return await sequence_of(ahead) == 8

        await eventually(read_on)
    ownership._own(frozenset({ahead, behind}))
    await world.send(message(9, KEYS[0]))
    async with running(flow_of(world.bus, world.journal, world.stage, ownership, batch=1)):

        async def caught_up() -> bool:
            return await sequence_of(behind) == 9

        await eventually(caught_up)
    assert world.journal.went_back == []
    assert world.effects == list(range(1, 10))


async def test_what_is_no_envelope_stops_nobody() -> None:
    world = World()
    await world.bus.publish([
        Outgoing("in", KEYS[0], "x", b"\xff\xff"),
        Outgoing("in", KEYS[0], "y", Envelope(message_id="no uuid").SerializeToString()),
    ])  # fmt: skip
    await world.send(message(1))
    async with running(await world.flow()):
        await world.at_rest()
    assert world.effects == [1]


async def test_a_stopped_flow_has_published_what_it_committed() -> None:
    world = World()
    world.bus.troubles = [0, 1, 0, 2]
    await world.send(*(message(number) for number in range(1, 4)))
    async with running(await world.flow()):
        await eventually(lambda: len(world.effects) == 3)
    assert world.left == [1, 2, 3]
