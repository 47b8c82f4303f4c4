"""The sealer: adds what was stored to the logs, and brings checkpoints out of the database.

It stands beside the message path: nothing waits for it. What it cannot do now it does later, in order.
"""

import asyncio
import contextlib
import urllib.parse
from collections.abc import Sequence
from typing import Final, Protocol

from plexus.clock import Clock
from plexus.errors import PlexusError, Transient
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import AUDIT_ANCHORED, AUDIT_SEALED, AUDIT_SEALING_FAILED
from services.audit.domain.notes import Checkpoint, Signer, VerifyingKey, sign_note
from services.audit.store import Log, Sealing

__all__ = ["Anchor", "Sealer", "Signers", "origin_of"]

_log = get_log(__name__)

_LONGEST_SECONDS: Final = 30.0


class Anchor(Protocol):
    """A place outside the database that keeps the latest checkpoint of each log."""

    name: str
    """One of a few words, for the metric."""

    async def keep(self, tenant: str, note: str) -> None:
        """Keep it. Raises Transient where that may succeed later."""


class Signers:
    """The private keys of a mesh; each tenant's log has them under its own name."""

    def __init__(self, origin: str, seeds: Sequence[bytes]) -> None:
        """Raises ValueError where a seed is not 32 bytes."""
        self._origin = origin
        self._seeds = tuple(seeds)
        self._known: dict[str, list[Signer]] = {}
        for seed in seeds:
            Signer(origin, seed)

    @property
    def can_sign(self) -> bool:
        """False where there is no key."""
        return bool(self._seeds)

    def keys(self, tenant: str) -> list[VerifyingKey]:
        """The public halves, of a tenant's log."""
        return [signer.public for signer in self._of(tenant)]

    def sign(self, tenant: str, size: int, root: bytes) -> str:
        """The note of a tenant's log."""
        return sign_note(Checkpoint(origin_of(self._origin, tenant), size, root), self._of(tenant))

    def _of(self, tenant: str) -> list[Signer]:
        name = origin_of(self._origin, tenant)
        if name not in self._known:
            self._known[name] = [Signer(name, seed) for seed in self._seeds]
        return self._known[name]


class Sealer:
    """Seals and anchors for as long as the service runs."""

    def __init__(
        self,
        sealing: Sealing,
        log: Log,
        anchors: Sequence[Anchor],
        clock: Clock,
        *,
        seconds: float,
        batch: int,
    ) -> None:
        self._sealing = sealing
        self._log = log
        self._anchors = anchors
        self._clock = clock
        self._seconds = seconds
        self._batch = batch
        # What each anchor has yet to keep, by tenant: the latest only, so it is bounded by tenants.
        self._owed: list[dict[str, str]] = [{} for _ in anchors]
        self._wakes = [asyncio.Event() for _ in anchors]

    async def run(self) -> None:
        """Seal until cancelled."""
        async with asyncio.TaskGroup() as group:
            for place in range(len(self._anchors)):
                group.create_task(self._anchor(place))
            group.create_task(self._owe_latest())
            await self._seal()

    async def _seal(self) -> None:
        failures = 0
        while True:
            is_full = False
            try:
                done = await self._sealing.seal(self._batch)
            except PlexusError as exc:
                failures += 1
                AUDIT_SEALING_FAILED.inc()
                if failures in {1, 10} or failures % 100 == 0:
                    _log.error("audit log not sealed", exc, attempt=failures)
            else:
                failures = 0
                is_full = done.is_full
                AUDIT_SEALED.inc(done.events)
                if done.missing:
                    _log.error("audit events were gone before they were sealed", count=done.missing)
                for one in done.trees:
                    self._owe(one.tenant, one.note)
            if not is_full:
                wait = self._seconds * (1 + failures)
                await self._clock.sleep(min(wait, _LONGEST_SECONDS))

    async def _owe_latest(self) -> None:
        """What was sealed before this process began, perhaps in its predecessor's last moment."""
        while True:
            try:
                latest = await self._log.latest()
            except PlexusError:
                await self._clock.sleep(self._seconds)
                continue
            for tenant, signed in latest:
                for owed, wake in zip(self._owed, self._wakes, strict=True):
                    # What was sealed meanwhile is later.
                    owed.setdefault(tenant, signed.note)
                    wake.set()
            return

    def _owe(self, tenant: str, note: str) -> None:
        for owed, wake in zip(self._owed, self._wakes, strict=True):
            owed[tenant] = note
            wake.set()

    async def _anchor(self, place: int) -> None:
        anchor, owed, wake = self._anchors[place], self._owed[place], self._wakes[place]
        failures = 0
        while True:
            await wake.wait()
            wake.clear()
            for tenant in list(owed):
                note = owed[tenant]
                try:
                    await anchor.keep(tenant, note)
                except Transient as exc:
                    failures += 1
                    if failures in {1, 10} or failures % 100 == 0:
                        _log.warning("checkpoint not anchored", exc, destination=anchor.name)
                    wake.set()
                    await self._clock.sleep(min(self._seconds * (1 + failures), _LONGEST_SECONDS))
                    break
                failures = 0
                AUDIT_ANCHORED.labels(kind=anchor.name).set(self._clock.now().timestamp())
                if owed.get(tenant) == note:
                    with contextlib.suppress(KeyError):
                        del owed[tenant]


def origin_of(prefix: str, tenant: str) -> str:
    """The name of a tenant's log, for ever."""
    return f"{prefix}/{urllib.parse.quote(tenant, safe='')}"
