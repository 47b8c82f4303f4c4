"""One destination: brings what waits for it, one person's messages in order, many persons at once.

A round takes the oldest waiting messages, passes them through the gate, sends them, and commits what
became of them together. When the destination fails, the failed message keeps its place and its person
waits behind it; the whole destination pauses, longer each time, and is tried with one message first.
"""

import asyncio
import datetime
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

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
from services.delivery.actors.sampling import Sampler
from services.delivery.actors.waiting import Waiting
from services.delivery.actors.wire import Parcel, Wire
from services.delivery.settings import DeliverySettings, Destination
from services.delivery.store import Item, ItemStore, NewItem, Outcome

__all__ = ["OUTCOME_KIND", "DestinationActor", "unit_of"]

_log = get_log(__name__)

# Looking a protobuf enum's value up costs as much as setting it.
_PENDING: Final = ItemState.ITEM_STATE_PENDING
_DELIVERED: Final = ItemState.ITEM_STATE_DELIVERED

_IDLE_SECONDS = 1.0
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
        sampler: Sampler,
    ) -> None:
        self.destination = destination
        self.available = True
        self.last_failure: Reason.ValueType = Reason.REASON_UNSPECIFIED
        self._settings = settings
        self._wire = wire
        self._gate = gate
        self._journal = journal
        self._outbox = outbox
        self._ownership = ownership
        self._clock = clock
        self._tracing = tracing
        self._sampler = sampler
        self._unit = unit_of(destination.name)
        self._epochs: dict[str, int] = {}
        self._waiting = Waiting(destination.name, items)
        self._seconds = DELIVERY_SECONDS.labels(destination=destination.name)
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

    def expect(self, items: Iterable[NewItem]) -> None:
        """These will wait in a moment: they are being committed."""
        if self._epochs:
            self._waiting.expect(items)
        self._looks = _LOOKS
        self._wake.set()

    def rescan(self) -> None:
        """Look at everything that waits, not only at what is new."""
        self._waiting.rescan()
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
        self._epochs = epochs

    async def _round(self) -> bool:
        """Bring one window of messages. False where nothing waits."""
        await self._waiting.load(self._clock.monotonic())
        DESTINATION_PENDING.labels(destination=self.destination.name).set(len(self._waiting))
        if not self._waiting:
            return False
        # After a failure one message shows whether the destination is back.
        size = 1 if self._failures else self._settings.window
        opened, broken = await self._open(self._waiting.first(size))
        opened = _until_merge(opened)
        outcomes = list(broken)
        if opened:
            passed = await self._gate.ask(opened)
            outcomes.extend(await self._send_all(passed))
        await self._commit(outcomes)
        failed = next((o for o in outcomes if o.state == _PENDING), None)
        if failed is not None:
            await self._pause(failed)
        elif self._failures:
            _log.info("destination is back", destination=self.destination.name)
            self._failures = 0
            self.available = True
            self.last_failure = Reason.REASON_UNSPECIFIED
        return True

    async def _open(
        self, window: Sequence[Item]
    ) -> tuple[list[tuple[Item, Disclosure]], list[Outcome]]:
        events = await self._waiting.events(window)
        opened: list[tuple[Item, Disclosure]] = []
        broken: list[Outcome] = []
        for item in window:
            try:
                # An event that is gone is no event, and reads as one without a person.
                event = events.get(item.name, b"")
                opened.append((item, Disclosure(event, tenant=item.tenant)))
            except InvalidMessage as exc:
                broken.append(parked(item, exc))
        return opened, broken

    async def _send_all(self, passed: Sequence[Passed]) -> list[Outcome]:
        chains: dict[str, list[Passed]] = {}
        for one in passed:
            chains.setdefault(one.item.key, []).append(one)
        count = min(self.destination.concurrency, len(chains))
        # All take from the same iterator, each the next chain when it has brought its last one.
        left = iter(chains.values())
        done = await asyncio.gather(*(self._send_chains(left) for _ in range(count)))
        return [outcome for outcomes in done for outcome in outcomes]

    async def _send_chains(self, chains: Iterator[Sequence[Passed]]) -> list[Outcome]:
        """One person's messages, one after the other; a failure keeps the rest waiting."""
        outcomes: list[Outcome] = []
        for chain in chains:
            for passed in chain:
                outcome = await self._send(passed)
                if outcome is None:
                    break
                outcomes.append(outcome)
                if outcome.state == _PENDING:
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
                        item.name,
                        item.received_at,
                        span.traceparent,
                        item.feed,
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
            self._seconds.observe(time.perf_counter() - began)
        self._sampler.offer(item, passed.disclosure)
        return Outcome(
            item,
            _DELIVERED,
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
            _PENDING,
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
        final = [o for o in outcomes if o.state != _PENDING]
        now = Timestamp()
        now.FromDatetime(self._clock.now())
        entries: list[Entry] = []
        for outcome in final:
            self._outcomes += 1
            entries.append(entry_of(outcome, self._unit, self._outcomes, now))
        mark = Mark("outcomes", self._outcomes, self._outbox.published)
        async with self._journal.transaction(self._epochs) as transaction:
            await ItemStore.conclude(transaction.connection, self.destination.name, outcomes)
            await transaction.commit(entries, {self._unit: mark})
        self._waiting.forget([outcome.item for outcome in final])
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
