"""raw → canonical: each message is converted by the maps, or parked with its reason.

Beside the stage goes the worklist: what was counted is written every few seconds, off the way of
messages. While PostgreSQL is away messages go on, and what was counted is kept, within bounds.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Mapping, Sequence

from plexus.actors import Turn, run_turns
from plexus.api.envelope.v1.envelope_pb2 import PayloadKind
from plexus.clock import Clock
from plexus.errors import InvalidMessage, Reason, Transient, Unavailable
from plexus.store import Transaction
from plexus.telemetry.metrics import UNMAPPED_CODES
from services.transform.domain import Coders, Maps, Profile, SourceContext, Tally, convert
from services.transform.settings import Source
from services.transform.store import UnmappedCode, UnmappedStore

__all__ = ["TransformStage", "Worklist"]

# Yields to the loop this often, so that health checks and heartbeats go on within a large batch.
_YIELD_EVERY = 16
_FLUSH_SECONDS = 5.0
_FLUSHES_UNTIL_PURGE = 720
_MOST_WAITING = 20_000


class TransformStage:
    """A pure function between two streams."""

    def __init__(
        self,
        maps: Maps,
        sources: Mapping[tuple[str, str], Source],
        coders: Coders,
        profiles: Mapping[tuple[str, str], Profile] | None = None,
    ) -> None:
        """Convert with the maps, by what is known of each source (tenant, name)."""
        self._maps = maps
        self._sources = sources
        self._coders = coders
        self._profiles = profiles or {}

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        for start in range(0, len(turns), _YIELD_EVERY):
            run_turns((turn, self._convert) for turn in turns[start : start + _YIELD_EVERY])
            await asyncio.sleep(0)

    def _convert(self, turn: Turn) -> None:
        envelope = turn.envelope
        if envelope.kind != PayloadKind.PAYLOAD_KIND_RAW:
            raise InvalidMessage(
                "the raw stream carries raw messages only", reason=Reason.REASON_INTERNAL
            )
        source = self._sources.get((envelope.tenant, envelope.source))
        coder = self._coders.of(envelope.tenant, envelope.source)
        context = SourceContext(
            tenant=envelope.tenant,
            source=envelope.source,
            message_id=envelope.message_id,
            time_zone=source.time_zone if source else "",
            default_authority=source.default_authority if source else "",
            charset=envelope.charset,
            coder=coder,
            profile=self._profiles.get((envelope.tenant, envelope.source)),
        )
        event = convert(self._maps, envelope.payload, context)
        turn.ran("maps", coder.version)
        turn.emit(
            "canonical",
            PayloadKind.PAYLOAD_KIND_CANONICAL,
            envelope.key,
            event.SerializeToString(),
        )


class Worklist:
    """Writes the tallies of unmapped codes. Never runs concurrently with itself."""

    def __init__(self, coders: Coders, clock: Clock, *, keep_days: int) -> None:
        """Take from `coders`; forget codes that are not seen for `keep_days`."""
        self._coders = coders
        self._store: UnmappedStore | None = None
        self._clock = clock
        self._keep = datetime.timedelta(days=keep_days)
        self._waiting: dict[tuple[str, str, str, str, str], Tally] = {}
        self._writing = asyncio.Lock()

    def open(self, store: UnmappedStore) -> None:
        """Write to this store from now on."""
        self._store = store

    async def find(self, tenant: str, source: str, limit: int) -> list[UnmappedCode]:
        """As `UnmappedStore.find`. Raises Unavailable where PostgreSQL was not there yet."""
        if self._store is None:
            raise Unavailable("transform has not reached PostgreSQL yet")
        return await self._store.find(tenant, source, limit)

    async def run(self) -> None:
        """Write every few seconds, until cancelled."""
        turn = 0
        while True:
            await self._clock.sleep(_FLUSH_SECONDS)
            await self.flush()
            turn += 1
            if self._store is not None and turn % _FLUSHES_UNTIL_PURGE == 0:
                with contextlib.suppress(Transient):
                    await self._store.purge(self._clock.now() - self._keep)

    async def flush(self) -> None:
        """Write what was counted; where the store is away it waits for the next time."""
        async with self._writing:
            for tally in self._coders.drain():
                UNMAPPED_CODES.labels(tally.tenant, tally.source).inc(tally.count)
                self._gather(tally)
            if self._store is None or not self._waiting:
                return
            with contextlib.suppress(Transient):
                await self._store.add(list(self._waiting.values()), self._clock.now())
                self._waiting.clear()

    def _gather(self, tally: Tally) -> None:
        at = (tally.tenant, tally.source, tally.place, tally.system, tally.code)
        known = self._waiting.get(at)
        if known is not None:
            known.count += tally.count
            known.message_id = tally.message_id
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[at] = tally
