"""Finds messages that were lost on the way, and sends them again.

The ledger is asked about receipts that are not settled yet. A message counts as lost when another
that came well after it has come to its end, or when it is old beyond doubt. What delivery has taken
over is safe in delivery's store and is not sent again. Sending again what was not lost does no harm:
each stage recognises what it has done.
"""

import dataclasses
import datetime

from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.clock import Clock
from plexus.errors import Fenced, Transient
from plexus.telemetry.logs import get_log
from services.ingest.flow.custodian import Custodian
from services.ingest.flow.relay import Relay
from services.ingest.settings import IngestSettings
from services.ingest.store import ReceiptStore

__all__ = ["Sweeper"]

_log = get_log(__name__)

_PAGE = 5000
_MOST_AGAIN = 500


class Sweeper:
    """Sweeps behind one relay."""

    def __init__(
        self,
        store: ReceiptStore,
        relay: Relay,
        custodian: Custodian,
        settings: IngestSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._relay = relay
        self._custodian = custodian
        self._settings = settings
        self._clock = clock
        self._sent_again: dict[str, tuple[int, datetime.datetime]] = {}

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self._clock.sleep(self._settings.sweep_seconds)
            try:
                await self.sweep()
            except Fenced:
                raise
            except Transient as exc:
                _log.warning("sweep failed", exc)

    async def sweep(self) -> int:
        """One round over all that is not settled. Returns how many messages were sent again.

        Raises:
            Unavailable: the ledger, the store or NATS cannot be reached.
        """
        again = 0
        while True:
            before = self._relay.writer.settled
            again += await self._sweep_page()
            if self._relay.writer.settled - before < _PAGE // 2:
                return again

    async def _sweep_page(self) -> int:
        writer = self._relay.writer
        page = await self._store.accepted_between(
            writer.name, writer.settled, writer.relayed, _PAGE
        )
        if not page:
            return 0
        unfinished = await self._custodian.unfinished([name for _, name, _ in page])
        finished_at = [at for _, name, at in page if name not in unfinished]
        newest_finished = max(finished_at, default=None)
        lost = [
            name
            for _, name, at in page
            if name in unfinished
            and unfinished[name] != StageName.STAGE_DELIVERY
            and self._is_lost(name, at, newest_finished)
        ][:_MOST_AGAIN]
        if lost:
            again = await self._store.by_ids(lost, content=True)
            rounds = max(self._sent_again.get(name, (0, None))[0] for name in lost) + 1
            await self._relay.send_again(again, f":sweep{rounds}")
            _log.warning("lost messages were sent again", count=len(again))
            now = self._clock.now()
            for name in lost:
                self._sent_again[name] = (self._sent_again.get(name, (0, now))[0] + 1, now)
        settled = writer.settled
        for origin, name, _ in page:
            if name in unfinished:
                break
            settled = origin
            self._sent_again.pop(name, None)
        self._relay.writer = dataclasses.replace(self._relay.writer, settled=settled)
        return len(lost)

    def _is_lost(
        self, name: str, at: datetime.datetime, newest_finished: datetime.datetime | None
    ) -> bool:
        now = self._clock.now()
        rounds, last = self._sent_again.get(name, (0, at))
        # Each time it is sent again it gets twice as long to come through.
        patience = datetime.timedelta(
            seconds=self._settings.sweep_overtaken_seconds * 2 ** min(rounds, 8)
        )
        if rounds and now - last < patience:
            return False
        if newest_finished is not None and newest_finished - at > patience:
            return True
        silent = datetime.timedelta(seconds=self._settings.sweep_silent_seconds)
        return now - last > silent
