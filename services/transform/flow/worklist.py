"""What was counted of messages is told every few seconds, off the way of messages.

Unmapped codes are written down with their counts. Leaves become a metric by what became of them. A
field that nobody maps is told once, in a log line without values, when it has been written down.

While PostgreSQL is away messages go on, and what was counted is kept, within bounds.
"""

import asyncio
import contextlib
import datetime

from plexus.clock import Clock
from plexus.errors import Transient, Unavailable
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import LEAVES, UNMAPPED_CODES, UNMAPPED_FIELDS
from services.transform.domain import Accounts, Coders, Tally, UnmappedField
from services.transform.store import SeenField, UnmappedCode, UnmappedStore

__all__ = ["Worklist"]

_FLUSH_SECONDS = 5.0
_FLUSHES_UNTIL_PURGE = 720
_MOST_WAITING = 20_000
_MOST_TOLD = 100
"""More lines than this are not logged at once: a new feed has hundreds of such fields."""

_log = get_log(__name__)


class Worklist:
    """Writes the tallies of unmapped codes. Never runs concurrently with itself."""

    def __init__(
        self, coders: Coders, clock: Clock, *, keep_days: int, accounts: Accounts | None = None
    ) -> None:
        """Take from `coders` and `accounts`; forget codes that are not seen for `keep_days`."""
        self._coders = coders
        self._accounts = accounts or Accounts()
        self._news: list[UnmappedField] = []
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
        return await self._reached().find(tenant, source, limit)

    async def fields(self, tenant: str, source: str, limit: int) -> list[SeenField]:
        """As `UnmappedStore.fields`. Raises Unavailable where PostgreSQL was not there yet."""
        return await self._reached().fields(tenant, source, limit)

    def _reached(self) -> UnmappedStore:
        if self._store is None:
            raise Unavailable("transform has not reached PostgreSQL yet")
        return self._store

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
            accounts, news = self._accounts.drain()
            for owner, account in accounts.items():
                LEAVES.labels(*owner, "mapped").inc(account.mapped)
                LEAVES.labels(*owner, "dropped").inc(account.dropped)
                LEAVES.labels(*owner, "residue").inc(account.residue)
            self._news = [*self._news, *news][:_MOST_WAITING]
            await self._note()
            if self._store is None or not self._waiting:
                return
            with contextlib.suppress(Transient):
                await self._store.add(list(self._waiting.values()), self._clock.now())
                self._waiting.clear()

    async def _note(self) -> None:
        if self._store is None or not self._news:
            return
        with contextlib.suppress(Transient):
            noted = await self._store.note(self._news, self._clock.now())
            self._news = []
            for field in noted:
                UNMAPPED_FIELDS.labels(field.tenant, field.source).inc()
            for field in noted[:_MOST_TOLD]:
                _log.info(
                    "a field came that nobody maps",
                    tenant=field.tenant,
                    source=field.source,
                    trigger=field.trigger,
                    location=field.place,
                    message_id=field.message_id,
                )
            if len(noted) > _MOST_TOLD:
                _log.info("more such fields came than are told", count=len(noted) - _MOST_TOLD)

    def _gather(self, tally: Tally) -> None:
        at = (tally.tenant, tally.source, tally.place, tally.system, tally.code)
        known = self._waiting.get(at)
        if known is not None:
            known.count += tally.count
            known.message_id = tally.message_id
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[at] = tally
