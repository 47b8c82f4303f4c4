"""One destination: brings what waits for it, one person's messages in order, many persons at once.

A round takes the oldest waiting messages, passes them through the gate, sends them, and commits what
became of them together. When the destination fails, the failed message keeps its place and its person
waits behind it; the whole destination pauses, longer each time, and is tried with one message first.
"""

import asyncio
import collections
import datetime
import random
import time
from collections.abc import Sequence

from plexus.actors.outbox import Outbox
from plexus.api.delivery.v1.delivery_pb2 import ItemState
from plexus.bus import Ownership
from plexus.clock import Clock
from plexus.codecs.fhir import Disclosure
from plexus.errors import (
    ConfigurationError,
    Fenced,
    InvalidMessage,
    PlexusError,
    Reason,
    Refused,
    Transient,
)
from plexus.retry import Backoff
from plexus.store import Entry, Journal, Mark
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import DELIVERY_SECONDS, DESTINATION_PENDING
from plexus.telemetry.tracing import SpanKind, Tracing
from services.delivery.actors.gate import Gate, Passed
from services.delivery.actors.outcomes import OUTCOME_KIND, entry_of, parked, rule_of
from services.delivery.actors.wire import Parcel, Wire
from services.delivery.settings import DeliverySettings, Destination
from services.delivery.store import Item, ItemStore, Outcome

__all__ = ["OUTCOME_KIND", "DestinationActor", "unit_of"]

_log = get_log(__name__)

_PAGE = 500
_IDLE_SECONDS = 1.0
_RESCAN_SECONDS = 5.0
# After a wake it looks this often, this long apart, for what is about to be committed.
_LOOKS = 10
_LOOK_SECONDS = 0.02


def unit_of(destination: str) -> str:
    """The journal's unit of a destination."""
    return f"destination:{destination}"


class DestinationActor:
    """Brings messages to one destination while this replica owns it.

    Attributes:
        available: the last try succeeded, or there was none yet.
        last_failure: why the last try failed.
    """

    def __init__(
        self,
        destination: Destination,
        settings: DeliverySettings,
        *,
        wire: Wire,
        gate: Gate,
        items: ItemStore,
        journal: Journal,
        outbox: Outbox,
        ownership: Ownership,
        clock: Clock,
        tracing: Tracing,
    ) -> None:
        self.destination = destination
        self.available = True
        self.last_failure: Reason.ValueType = Reason.REASON_UNSPECIFIED
        self._settings = settings
        self._wire = wire
        self._gate = gate
        self._items = items
        self._journal = journal
        self._outbox = outbox
        self._ownership = ownership
        self._clock = clock
        self._tracing = tracing
        self._unit = unit_of(destination.name)
        self._epochs: dict[str, int] = {}
        self._waiting: collections.deque[Item] = collections.deque()
        self._known: set[str] = set()
        self._after = 0
        self._scanned_at = float("-inf")
        self._outcomes = 0
        self._failures = 0
        self._wake = asyncio.Event()
        self._looks = 0
        self._stopping = False
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._backoff = Backoff(
            first_seconds=destination.first_retry_seconds,
            longest_seconds=destination.longest_retry_seconds,
        )

    @property
    def waiting(self) -> int:
        """How many messages are in memory."""
        return len(self._waiting)

    def wake(self) -> None:
        """Something new will wait in a moment: it is being committed."""
        self._looks = _LOOKS
        self._wake.set()

    def rescan(self) -> None:
        """Look at everything that waits, not only at what is new."""
        self._scanned_at = float("-inf")
        self._wake.set()

    def stop(self) -> None:
        """Finish the round at hand, then return from `run`."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Bring messages until stopped."""
        while not self._stopping:
            if self.destination.name not in self._ownership.owned:
                self._epochs = {}
                await self._sleep(0.2)
                continue
            try:
                if not self._epochs:
                    await self._take_over()
                if await self._round():
                    continue
                if self._looks:
                    self._looks -= 1
                    await self._clock.sleep(_LOOK_SECONDS)
                else:
                    await self._sleep(_IDLE_SECONDS)
            except Fenced:
                _log.warning("fenced: another owner has it", destination=self.destination.name)
                self._epochs = {}
                await self._clock.sleep(0.5)
            except Transient as exc:
                # Consent, audit or the store: nothing was sent, everything keeps its place.
                _log.warning("destination waits", exc, destination=self.destination.name)
                await self._sleep(0.5)
        await self._outbox.flush()
        await self._wire.close()

    async def _take_over(self) -> None:
        """Fence out an earlier owner, report what it left unreported, and start from the store."""
        epochs = await self._journal.claim([self._unit])
        left = await self._journal.unpublished([self._unit], 10_000)
        await self._outbox.hand_over(left, left[-1].sequence if left else 0)
        mark = (await self._journal.marks([self._unit])).get(self._unit, Mark())
        self._outcomes = mark.sequence
        self._outbox.published = mark.published
        self._waiting.clear()
        self._known.clear()
        self._after = 0
        self._scanned_at = float("-inf")
        self._epochs = epochs

    async def _load(self) -> None:
        now = self._clock.monotonic()
        if now - self._scanned_at > _RESCAN_SECONDS:
            # Numbers are given before they are committed, so a lower one may show up late.
            self._after = self._waiting[0].place - 1 if len(self._waiting) >= _PAGE else 0
            self._scanned_at = now
        found = False
        while len(self._waiting) < _PAGE:
            page = await self._items.pending(self.destination.name, self._after, _PAGE)
            for item in page:
                if item.message_id not in self._known:
                    self._known.add(item.message_id)
                    self._waiting.append(item)
                    found = True
            if len(page) < _PAGE:
                break
            self._after = page[-1].place
        if found:
            self._waiting = collections.deque(sorted(self._waiting, key=lambda item: item.place))
            self._after = max(self._after, self._waiting[-1].place)
        DESTINATION_PENDING.labels(destination=self.destination.name).set(len(self._waiting))

    async def _round(self) -> bool:
        """Bring one window of messages. False where nothing waits."""
        await self._load()
        if not self._waiting:
            return False
        # After a failure one message shows whether the destination is back.
        size = 1 if self._failures else self._settings.window
        window = [self._waiting[i] for i in range(min(size, len(self._waiting)))]
        opened, broken = self._open(window)
        opened = _until_merge(opened)
        outcomes = list(broken)
        if opened:
            passed = await self._gate.ask(opened)
            outcomes.extend(await self._send_all(passed))
        await self._commit(outcomes)
        failed = next((o for o in outcomes if o.state == ItemState.ITEM_STATE_PENDING), None)
        if failed is not None:
            await self._pause(failed)
        elif self._failures:
            _log.info("destination is back", destination=self.destination.name)
            self._failures = 0
            self.available = True
            self.last_failure = Reason.REASON_UNSPECIFIED
        return True

    @staticmethod
    def _open(window: Sequence[Item]) -> tuple[list[tuple[Item, Disclosure]], list[Outcome]]:
        opened: list[tuple[Item, Disclosure]] = []
        broken: list[Outcome] = []
        for item in window:
            try:
                opened.append((item, Disclosure(item.event, tenant=item.tenant)))
            except InvalidMessage as exc:
                broken.append(parked(item, exc))
        return opened, broken

    async def _send_all(self, passed: Sequence[Passed]) -> list[Outcome]:
        chains: dict[str, list[Passed]] = {}
        for one in passed:
            chains.setdefault(one.item.key, []).append(one)
        slots = asyncio.Semaphore(self.destination.concurrency)
        done = await asyncio.gather(*(self._send_chain(chain, slots) for chain in chains.values()))
        return [outcome for outcomes in done for outcome in outcomes]

    async def _send_chain(self, chain: Sequence[Passed], slots: asyncio.Semaphore) -> list[Outcome]:
        """One person's messages, one after the other; a failure keeps the rest waiting."""
        outcomes: list[Outcome] = []
        async with slots:
            for passed in chain:
                outcome = await self._send(passed)
                if outcome is None:
                    break
                outcomes.append(outcome)
                if outcome.state == ItemState.ITEM_STATE_PENDING:
                    break
        return outcomes

    async def _send(self, passed: Passed) -> Outcome | None:
        item = passed.item
        if not passed.permitted:
            return Outcome(
                item,
                ItemState.ITEM_STATE_WITHHELD,
                passed.decision.reason or Reason.REASON_CONSENT_DENIED,
                rule_of(passed),
                passed.decision.decision_id,
            )
        if self._clock.monotonic() - passed.at > self._settings.decision_seconds:
            return None  # too old to rely on: it stays, and consent is asked again
        began = time.perf_counter()
        try:
            with self._tracing.span(
                "deliver",
                item.traceparent,
                SpanKind.CLIENT,
                {"plexus.message_id": item.message_id, "plexus.destination": item.destination},
            ) as span:
                await self._wire.send(
                    Parcel(
                        item.message_id,
                        item.tenant,
                        item.received_at,
                        span.traceparent,
                        passed.disclosure,
                    )
                )
        except (Transient, ConfigurationError) as exc:
            return self._failed(item, exc)
        except PlexusError as exc:
            _log.warning(
                "message parked", exc, destination=item.destination, message_id=item.message_id
            )
            return parked(item, exc)
        finally:
            DELIVERY_SECONDS.labels(destination=item.destination).observe(
                time.perf_counter() - began
            )
        return Outcome(
            item,
            ItemState.ITEM_STATE_DELIVERED,
            detail=rule_of(passed),
            decision_id=passed.decision.decision_id,
        )

    def _failed(self, item: Item, error: PlexusError) -> Outcome:
        now = self._clock.now()
        patience = datetime.timedelta(hours=self.destination.give_up_hours)
        if now - item.routed_at > patience:
            return parked(
                item,
                Refused(
                    f"given up after {self.destination.give_up_hours:g} h: {error.detail}",
                    reason=Reason.REASON_RETRIES_EXHAUSTED,
                ),
            )
        wait = datetime.timedelta(seconds=self._backoff.bound(self._failures + 1))
        return Outcome(
            item,
            ItemState.ITEM_STATE_PENDING,
            error.reason,
            error.detail,
            next_try_at=now + wait,
        )

    async def _pause(self, failed: Outcome) -> None:
        self._failures += 1
        self.available = False
        self.last_failure = failed.reason
        wait = self._backoff.wait(self._failures, self._random)
        if self._failures in {1, 5} or self._failures % 20 == 0:
            _log.warning(
                "destination fails",
                destination=self.destination.name,
                reason=Reason.Name(failed.reason).removeprefix("REASON_"),
                detail=failed.detail,
                attempt=self._failures,
                seconds=round(wait, 2),
            )
        until = self._clock.monotonic() + wait
        while not self._stopping and (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, 0.5))

    async def _commit(self, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        final = [o for o in outcomes if o.state != ItemState.ITEM_STATE_PENDING]
        entries: list[Entry] = []
        for outcome in final:
            self._outcomes += 1
            entries.append(entry_of(outcome, self._unit, self._outcomes, self._clock.now()))
        mark = Mark("outcomes", self._outcomes, self._outbox.published)
        async with self._journal.transaction(self._epochs) as transaction:
            await ItemStore.conclude(transaction.connection, outcomes)
            await transaction.commit(entries, {self._unit: mark})
        gone = {outcome.item.message_id for outcome in final}
        self._known -= gone
        self._waiting = collections.deque(
            item for item in self._waiting if item.message_id not in gone
        )
        await self._outbox.hand_over(entries, self._outcomes)

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return


def _until_merge(
    opened: list[tuple[Item, Disclosure]],
) -> list[tuple[Item, Disclosure]]:
    """A merge is sent alone, after all that was routed before it.

    It moves resources of another person, whose own messages are ordered under another key: one of
    those that came after it would give the receiver the old person back.
    """
    for place, (_, disclosure) in enumerate(opened):
        if disclosure.is_merge:
            return opened[: max(1, place)]
    return opened
