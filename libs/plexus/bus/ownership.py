"""Which replica owns which unit (a shard of a stage, a destination), so that each has one owner.

All replicas compute the same wish from who is alive (highest random weight), and take what they wish
once its owner has gone or given it back. This decides; it does not enforce: two replicas may believe
the same for a moment, and the fence of the store lets only the later one write.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence

from plexus.bus.contract import Leases
from plexus.clock import Clock
from plexus.errors import Transient
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import SHARDS_OWNED

__all__ = ["Ownership"]

_log = get_log(__name__)

_LOOK_EVERY = 5


class Ownership:
    """Keeps one replica's units.

    Attributes:
        owned: the units owned now. Changes only by replacement, never in place.
        changed: set whenever `owned` was replaced.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        stage: str,
        instance: str,
        units: Sequence[str],
        lease_seconds: float,
        clock: Clock,
    ) -> None:
        self._leases = leases
        self._stage = stage
        self._instance = instance
        self._units = tuple(units)
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._mine_since_start: set[str] = set()
        self._last_heartbeat = float("-inf")
        self._alive: set[str] = set()
        self._rounds = 0
        self.owned: frozenset[str] = frozenset()
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Keep owning until cancelled."""
        while True:
            try:
                await self.renew()
            except Transient:
                silent = self._clock.monotonic() - self._last_heartbeat
                if self.owned and silent > self._lease_seconds:
                    _log.warning("ownership lost", stage=self._stage, seconds=round(silent, 1))
                    self._own(frozenset())
            await self._clock.sleep(self._lease_seconds / 3 if self.owned else 0.2)

    async def renew(self) -> None:
        """One round: heartbeat, look who lives, give back and take.

        Raises:
            Unavailable: the leases cannot be reached.
        """
        await self._leases.heartbeat(self._stage, self._instance)
        self._last_heartbeat = self._clock.monotonic()
        alive = await self._leases.alive(self._stage) | {self._instance}
        looks = alive != self._alive or self._rounds % _LOOK_EVERY == 0
        self._alive = alive
        self._rounds += 1
        owned: set[str] = set()
        for unit in self._units:
            wished = max(alive, key=lambda member: _weight(member, unit)) == self._instance
            keeps = unit in self.owned and wished and unit in self._mine_since_start
            # Nobody takes what a living member wishes for, so asking now and then is enough.
            if keeps and (
                not looks or (await self._leases.owner(self._stage, unit))[0] == self._instance
            ):
                owned.add(unit)
                continue
            if wished and await self._take(unit, alive):
                owned.add(unit)
            elif not wished and unit in self.owned:
                await self._give_back(unit)
        if owned != self.owned:
            _log.info("ownership changed", stage=self._stage, count=len(owned))
            self._own(frozenset(owned))

    async def resign(self) -> None:
        """Give everything back, so that others need not wait for the lease to run out."""
        owned = self.owned
        self._own(frozenset())
        with contextlib.suppress(Transient):
            for unit in owned:
                await self._give_back(unit)
            await self._leases.resign(self._stage, self._instance)

    async def _take(self, unit: str, alive: set[str]) -> bool:
        owner, revision = await self._leases.owner(self._stage, unit)
        if owner and owner != self._instance and owner in alive:
            return False
        taken = await self._leases.take(self._stage, unit, self._instance, revision) is not None
        if taken:
            self._mine_since_start.add(unit)
        return taken

    async def _give_back(self, unit: str) -> None:
        self._mine_since_start.discard(unit)
        owner, revision = await self._leases.owner(self._stage, unit)
        if owner == self._instance:
            await self._leases.take(self._stage, unit, "", revision)

    def _own(self, owned: frozenset[str]) -> None:
        self.owned = owned
        SHARDS_OWNED.labels(stage=self._stage).set(len(owned))
        self.changed.set()


def _weight(member: str, unit: str) -> bytes:
    return hashlib.blake2b(f"{member}|{unit}".encode(), digest_size=8).digest()
