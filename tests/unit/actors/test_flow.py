"""The flow: one commit for each effect, and what happens to poison, weather, defects and old owners.

In memory, where faults can be put exactly; tests/integration/actors has the same on real servers, and
test_flow_model lets them happen in any order.
"""

import asyncio

from plexus.actors import LeaseJournal
from plexus.api.audit.v1.audit_pb2 import Outcome
from plexus.clock import ManualClock
from plexus.errors import Reason, Unavailable
from plexus.testing.waiting import eventually
from tests.unit.actors.flow_material import (
    DEFECT,
    KEYS,
    OK,
    POISON,
    BriskClock,
    KeptJournal,
    Recorder,
    TroubledBus,
    crash,
    flow_of,
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
        self.clock = ManualClock()
        self.bus = TroubledBus(self.clock)
        self.journal = KeptJournal()
        self.stage = Recorder()

    async def owner(self, instance: str = "a"):  # noqa: ANN201
        ownership = ownership_of(self.bus, instance, self.clock)
        await ownership.renew()
        return ownership

    async def flow(self, instance: str = "a", **options):  # noqa: ANN003, ANN201
        return flow_of(self.bus, self.journal, self.stage, await self.owner(instance), **options)

    async def send(self, *envelopes, copy: int = 0) -> None:  # noqa: ANN002
        await self.bus.publish([outgoing(envelope, copy) for envelope in envelopes])

    @property
    def left(self) -> list[int]:
        return numbers(self.bus.left[-1])

    async def effects(self, count: int) -> list[int]:
        await eventually(lambda: len(self.journal.effects) >= count)
        return [number for number, _, _ in self.journal.effects]
