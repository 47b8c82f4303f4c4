"""The flow against a model: whatever happens when, effects happen once, order holds, custody is whole.

The world is in memory. A crash stops a replica at any of its waits. A wipe loses all streams, and all
messages come again from the left, as ingest's relay brings them. A takeover leaves the old owner
running, as one that was frozen would be.
"""

import asyncio
import collections
import dataclasses

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plexus.actors import Flow
from plexus.api.audit.v1.audit_pb2 import Outcome
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.bus import Ownership
from plexus.clock import ManualClock
from plexus.testing.waiting import eventually
from tests.unit.actors.flow_material import (
    DEFECT,
    KEYS,
    OK,
    POISON,
    KeptJournal,
    Recorder,
    TroubledBus,
    crash,
    flow_of,
    is_worked_off,
    message,
    message_id,
    outgoing,
    ownership_of,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Replica:
    """One that runs."""

    flow: Flow
    ownership: Ownership
    task: asyncio.Task[None]


class FlowModel(RuleBasedStateMachine):
    """Messages go in; replicas come, freeze, crash and lose their streams."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.bus = TroubledBus(self.clock)
        self.journal = KeptJournal()
        self.sent: list[Envelope] = []
        self.newest: dict[int, Envelope] = {}
        self.copies = 0
        self.instances = 0
        self.replicas: list[Replica] = []
        self.runner.run(self._start())

    async def _start(self) -> None:
        """A new member comes while all others have been silent for too long."""
        self.clock.advance(10)
        self.instances += 1
        ownership = ownership_of(self.bus, f"m{self.instances}", self.clock)
        await ownership.renew()
        flow = flow_of(self.bus, self.journal, Recorder(), ownership)
        self.replicas.append(Replica(flow, ownership, asyncio.create_task(flow.run())))

    async def _send(self, envelope: Envelope) -> None:
        self.sent.append(envelope)
        self.newest[envelope.origin] = envelope
        await self.bus.publish([outgoing(envelope)])

    async def _republish(self) -> None:
        for envelope in self.sent:
            await self.bus.publish([outgoing(envelope)])

    async def _crash(self, place: int) -> None:
        replica = self.replicas.pop(place % len(self.replicas))
        await crash(replica.flow, replica.task)

    async def _ticks(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    @rule(key=st.sampled_from(KEYS), payload=st.sampled_from([OK, OK, OK, POISON, DEFECT]))
    def send(self, key: str, payload: bytes) -> None:
        self.runner.run(self._send(message(len(self.newest) + 1, key, payload)))

    @precondition(lambda self: self.bus.evidence)
    @rule(place=st.integers(0, 1000))
    def replay(self, place: int) -> None:
        """A person sends again what the ledger tells of."""
        told = {(custody.message_id, custody.attempt) for custody in self.bus.evidence}
        ended = [e for e in self.newest.values() if (e.message_id, e.attempt) in told]
        if ended:
            again = Envelope()
            again.CopyFrom(ended[place % len(ended)])
            again.attempt += 1
            self.runner.run(self._send(again))

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 1000))
    def bring_again(self, place: int) -> None:
        """A copy that the stream does not recognise, as it does not past its window."""
        self.copies += 1
        copy = outgoing(self.sent[place % len(self.sent)], self.copies)
        self.runner.run(self.bus.publish([copy]))

    @rule(count=st.sampled_from([1, 3, 10, 40]))
    def work(self, count: int) -> None:
        self.runner.run(self._ticks(count))

    @rule(stored=st.integers(0, 6))
    def fail_publishing(self, stored: int) -> None:
        self.bus.troubles.append(stored)

    @precondition(lambda self: self.replicas)
    @rule(place=st.integers(0, 5))
    def crash(self, place: int) -> None:
        self.runner.run(self._crash(place))

    @precondition(lambda self: len(self.replicas) < 3)
    @rule()
    def take_over(self) -> None:
        self.runner.run(self._start())

    @rule()
    def look_around(self) -> None:
        """The members find out who is there."""
        for replica in self.replicas:
            self.runner.run(replica.ownership.renew())

    @rule()
    def wipe(self) -> None:
        self.bus.wipe()
        self.runner.run(self._republish())

    @invariant()
    def no_effect_happens_twice(self) -> None:
        counts = collections.Counter(
            (number, attempt) for number, attempt, _ in self.journal.effects
        )
        assert max(counts.values(), default=1) == 1

    @invariant()
    def order_holds_per_key(self) -> None:
        for left in self.bus.left:
            first: dict[int, str] = {}
            # A replay comes when a person asks for it, and has no order.
            for envelope in (e for e in left if e.attempt == 1):
                first.setdefault(envelope.origin, envelope.key)
            for key in KEYS:
                of_key = [number for number, its_key in first.items() if its_key == key]
                assert of_key == sorted(of_key)

    async def _come_to_rest(self) -> None:
        while self.replicas:
            await self._crash(0)
        self.bus.troubles.clear()
        await self._start()
        await eventually(lambda: is_worked_off(self.bus, self.journal))
        for replica in self.replicas:
            replica.flow.stop()
            await replica.task

    def teardown(self) -> None:
        try:
            self.runner.run(self._come_to_rest())
            self._check_effects()
            self._check_custody()
        finally:
            self.runner.close()

    def _check_effects(self) -> None:
        effects = {(number, attempt) for number, attempt, _ in self.journal.effects}
        for envelope in self.newest.values():
            assert (envelope.origin, envelope.attempt) in effects
        handed_on = {(e.origin, e.attempt) for left in self.bus.left for e in left}
        for envelope in self.newest.values():
            is_handed_on = (envelope.origin, envelope.attempt) in handed_on
            assert is_handed_on == (envelope.payload == OK)
        self.no_effect_happens_twice()
        self.order_holds_per_key()

    def _check_custody(self) -> None:
        told = collections.defaultdict(set)
        for custody in self.bus.evidence:
            told[custody.message_id, custody.attempt].add(custody.outcome)
        for number, attempt, _ in self.journal.effects:
            is_ok = self.newest[number].payload == OK
            outcome = Outcome.OUTCOME_PASSED if is_ok else Outcome.OUTCOME_PARKED
            assert told[message_id(number), attempt] == {outcome}


FlowModel.TestCase.settings = settings(
    settings.default, max_examples=60, stateful_step_count=30, deadline=None
)
TestFlowModel = FlowModel.TestCase


def test_a_copy_of_what_has_yet_to_be_published_lets_nobody_overtake() -> None:
    model = FlowModel()
    model.take_over()
    model.send(KEYS[0], OK)
    model.bring_again(place=0)
    model.send(KEYS[0], OK)
    model.send(KEYS[0], OK)
    # Copies that are committed before the second message is published; then all replicas crash.
    model.bring_again(place=0)
    model.bring_again(place=1)
    model.teardown()
