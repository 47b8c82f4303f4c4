"""Works off a stream for the shards that this replica owns, one turn batch at a time.

A batch is: pull what has arrived; within one transaction look up what was done before, let the stage
take its turns, and commit its state, the outbox, custody and the marks, fenced by the epochs; then
publish while the next batch is worked off. On a crash after the commit only publishing is repeated.
Poison is parked and the batch run again without it; weather holds the place and is tried again.
"""

import contextlib
import dataclasses
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from plexus.actors.outbox import Outbox
from plexus.actors.parking import ParkingLimit
from plexus.actors.turn import Directive, Turn, TurnFailed, supervise
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.bus import Bus, Consumer, ConsumerLost, Incoming, Ownership, unpack
from plexus.clock import Clock
from plexus.errors import Fenced, InvalidMessage, PlexusError, Reason, Transient
from plexus.ids import IdSource
from plexus.retry import Backoff
from plexus.store import Done, Entry, Journal, Mark, Transaction
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import (
    BATCH_SECONDS,
    BATCH_SIZE,
    BUS_ERRORS,
    CONSUMER_PENDING,
    PARKING_PAUSED,
    REDELIVERIES,
)
from plexus.telemetry.tracing import SpanKind, Started, Tracing

__all__ = ["Flow", "Stage"]

_log = get_log(__name__)

# As RFC 9562, section 4 writes it.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_IDLE_SECONDS = 0.5
_REPUBLISH = 500


class Stage(Protocol):
    """What a service plugs into a flow."""

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        """Take all turns, in order for each key, within `transaction`.

        Raises:
            TurnFailed: one message is poison or met a defect.
            Transient: the batch must be tried again.
        """


class Flow:
    """One stage on one replica."""

    def __init__(
        self,
        stage: Stage,
        *,
        name: str,
        stage_name: StageName.ValueType,
        stream: str,
        bus: Bus,
        journal: Journal,
        ownership: Ownership,
        ids: IdSource,
        clock: Clock,
        tracing: Tracing,
        batch: int,
        park_limit_per_minute: int,
        journals_turns: bool = True,
        pace_seconds: float = 0.0,
        on_repeated: Callable[[Sequence[Turn]], Awaitable[None]] | None = None,
    ) -> None:
        """Prepare; `run` works.

        Args:
            stage: takes the turns.
            name: of the service, for custody, logs and metrics.
            stage_name: of the stage in the ledger; STAGE_UNSPECIFIED for the ledger's own stage, which
                reports no custody: every report would lead to another one.
            stream: what is worked off.
            bus: carries the streams.
            journal: keeps marks, outbox and fences.
            ownership: of this replica's shards.
            ids: names evidence.
            clock: time.
            tracing: spans.
            batch: most messages of a batch.
            park_limit_per_minute: most messages parked in a minute.
            journals_turns: False for a stage whose own state already tells repeats apart.
            pace_seconds: batches begin no closer together. A lone message is taken at once; in a
                stream of them, a batch of many costs little more than a batch of few.
            on_repeated: told of messages that were worked off before, after their outputs were
                handed over again.
        """
        self._stage = stage
        self._name = name
        self._stage_name = stage_name
        self._stream = stream
        self._bus = bus
        self._journal = journal
        self._ownership = ownership
        self._clock = clock
        self._tracing = tracing
        self._batch = batch
        self._parking = ParkingLimit(park_limit_per_minute, clock)
        self._outbox = Outbox(bus, service=name, ids=ids, clock=clock, tracing=tracing)
        self._journals_turns = journals_turns
        self._pace_seconds = pace_seconds
        self._on_repeated = on_repeated
        self._backoff = Backoff(first_seconds=0.1, longest_seconds=5.0)
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._epochs: dict[str, int] = {}
        self._marks: dict[str, Mark] = {}
        self._repeated: list[Turn] = []
        self._envelopes: dict[Done, list[Envelope]] = {}
        self._on_the_way: dict[Done, int] = {}  # places of what is not known to be published
        self._dirty = False
        self._stopping = False

    def stop(self) -> None:
        """Finish the batch at hand, then return from `run`."""
        self._stopping = True
        self._ownership.changed.set()

    async def run(self) -> None:
        """Work until stopped. Weather is waited for; only a defect ends it."""
        failures = 0
        while not self._stopping:
            if not self._ownership.owned:
                self._ownership.changed.clear()
                if not self._ownership.owned and not self._stopping:
                    await self._ownership.changed.wait()
                continue
            try:
                await self._work_off(self._ownership.owned)
                failures = 0
            except Fenced:
                _log.warning("fenced: another owner has these shards", stage=self._name)
                await self._clock.sleep(0.5)
            except Transient as exc:
                failures += 1
                if failures > 1 or not isinstance(exc, ConsumerLost):
                    _log.warning("stage waits", exc, stage=self._name, attempt=failures)
                    await self._clock.sleep(self._backoff.wait(failures, self._random))
        with contextlib.suppress(Transient):  # whoever comes next publishes what is left
            await self._outbox.flush()

    async def _work_off(self, owned: frozenset[str]) -> None:
        consumer = await self._open(owned)
        try:
            while not self._stopping and self._ownership.owned == owned:
                batch = await consumer.next_batch(self._batch, _IDLE_SECONDS)
                if batch:
                    began = self._clock.monotonic()
                    CONSUMER_PENDING.labels(stage=self._name).set(batch[-1].pending)
                    await self._take(batch)
                    if len(batch) < self._batch:
                        await self._keep_pace(began)
                else:
                    await self._settle()
            await self._outbox.flush()
            await self._settle()
        finally:
            await consumer.close()

    async def _keep_pace(self, began: float) -> None:
        left = began + self._pace_seconds - self._clock.monotonic()
        if left > 0 and not self._stopping:
            await self._clock.sleep(left)

    async def _open(self, owned: frozenset[str]) -> Consumer:
        """Claim the shards, finish what a predecessor left, and read on after its marks."""
        await self._outbox.flush()
        connections = self._bus.connections
        self._outbox.connections = connections
        self._epochs = await self._journal.claim(owned)
        marks = await self._journal.marks(owned)
        # Asked after the marks are final, or a predecessor's last commit would look like a loss.
        state = await self._bus.state(self._stream)
        # Where the streams were lost, predecessors of what is left may be lost too: all come again
        # from the left, and are handed on in order.
        intact = [
            unit
            for unit, mark in marks.items()
            if mark.incarnation == state.incarnation and mark.sequence <= state.last_sequence
        ]
        while left := await self._journal.unpublished(intact, _REPUBLISH):
            _log.info("publishing what was left", stage=self._name, count=len(left))
            await self._outbox.hand_over(left, left[-1].sequence)
            await self._outbox.flush()
            if len(left) < _REPUBLISH:
                break
            await self._note_published(left)
        marks = await self._journal.marks(owned)
        for unit in owned:
            mark = marks.get(unit, Mark())
            if mark.incarnation != state.incarnation:
                mark = Mark(state.incarnation, 0, 0)
            elif mark.sequence > state.last_sequence:  # the stream has lost its youngest part
                mark = Mark(state.incarnation, state.last_sequence, state.last_sequence)
            self._marks[unit] = mark
        self._marks, self._on_the_way = {unit: self._marks[unit] for unit in owned}, {}
        # What was left is published by now; `_settle` is to note it, or it would be left again.
        self._dirty = any(mark.published < mark.sequence for mark in self._marks.values())
        after = min(mark.sequence for mark in self._marks.values())
        self._outbox.published = after
        consumer = await self._bus.consume(
            self._stream, [int(unit) for unit in owned], after, self._name
        )
        if self._bus.connections != connections:
            await consumer.close()
            raise ConsumerLost("the bus was connected again; its streams may be others now")
        return consumer

    async def _note_published(self, entries: Sequence[Entry]) -> None:
        marks = await self._journal.marks(self._epochs)
        for entry in entries:
            mark = marks[entry.unit]
            marks[entry.unit] = Mark(mark.incarnation, mark.sequence, entry.sequence)
        async with self._journal.transaction(self._epochs) as transaction:
            await transaction.commit([], marks)

    async def _settle(self) -> None:
        """Nothing is to be done: note that everything is published."""
        await self._outbox.flush()
        if not self._dirty:
            return
        marks = {
            unit: Mark(mark.incarnation, mark.sequence, mark.sequence)
            for unit, mark in self._marks.items()
        }
        async with self._journal.transaction(self._epochs) as transaction:
            await transaction.commit([], marks)
        self._marks = marks
        self._dirty = False

    async def _take(self, batch: Sequence[Incoming]) -> None:
        began = time.perf_counter()
        turns, spans = self._begin(batch)
        poison: dict[Done, PlexusError] = {}
        restarted: set[Done] = set()
        tries = 0
        while True:
            try:
                entries = await self._commit(turns, batch[-1].sequence, poison, began)
                break
            except TurnFailed as failed:
                await self._judge(failed, poison, restarted)
            except Fenced:
                raise
            except Transient as exc:
                if self._stopping:
                    raise
                tries += 1
                _log.warning("batch is tried again", exc, stage=self._name, attempt=tries)
                await self._clock.sleep(self._backoff.wait(tries, self._random))
        for span in spans:
            span.end()
        await self._outbox.hand_over(entries, batch[-1].sequence, self._envelopes)
        self._envelopes = {}
        if self._repeated and self._on_repeated is not None:
            await self._on_repeated(self._repeated)
        BATCH_SECONDS.labels(stage=self._name).observe(time.perf_counter() - began)
        BATCH_SIZE.labels(stage=self._name).observe(len(batch))

    async def _commit(
        self, turns: Sequence[Turn], last: int, poison: dict[Done, PlexusError], began: float
    ) -> list[Entry]:
        """Run and commit one batch. Returns what is to be published, in the batch's order."""
        async with self._journal.transaction(self._epochs) as transaction:
            seen: Mapping[Done, Entry] = {}
            if self._journals_turns:
                seen = await transaction.seen([turn.done for turn in turns])
            fresh: dict[Done, Turn] = {}
            repeated: list[Turn] = []
            for turn in turns:
                known = seen.get(turn.done)
                earlier = fresh.get(turn.done)
                if known is not None and known.attempt >= turn.envelope.attempt:
                    repeated.append(turn)
                elif earlier is None or earlier.envelope.attempt < turn.envelope.attempt:
                    fresh[turn.done] = turn
            for turn in fresh.values():
                turn.reset()
                if turn.done in poison:
                    turn.park(poison[turn.done])
            await self._stage.turn_batch(
                [turn for turn in fresh.values() if turn.done not in poison], transaction
            )
            spent = int((time.perf_counter() - began) * 1e6 / max(1, len(turns)))
            # What is published again stands in the journal at its new place, or a crash would lose it;
            # what has yet to be published at all keeps its place, or those behind it could go first.
            made = {
                turn.done: seen[turn.done]
                if self._on_the_way.get(turn.done, 0) > self._outbox.published
                else dataclasses.replace(seen[turn.done], unit=turn.unit, sequence=turn.sequence)
                for turn in repeated
            }
            if self._journals_turns:
                made |= {done: self._entry(turn, spent) for done, turn in fresh.items()}
            marks = {
                # A shard that was read further than the others keeps its place.
                unit: Mark(
                    mark.incarnation,
                    max(mark.sequence, last),
                    max(mark.published, self._outbox.published),
                )
                for unit, mark in self._marks.items()
            }
            await transaction.commit(list(made.values()), marks)
        self._marks, self._dirty, self._repeated = marks, True, repeated
        self._note_on_the_way(made)
        self._envelopes = {
            done: [envelope for _, envelope in turn.outputs] for done, turn in fresh.items()
        }
        if repeated:
            REDELIVERIES.labels(stage=self._name).inc(len(repeated))
        return list({turn.done: made[turn.done] for turn in turns if turn.done in made}.values())

    def _note_on_the_way(self, made: Mapping[Done, Entry]) -> None:
        left = {d: at for d, at in self._on_the_way.items() if at > self._outbox.published}
        self._on_the_way = left | {done: entry.sequence for done, entry in made.items()}

    def _entry(self, turn: Turn, duration_us: int) -> Entry:
        entry = turn.entry(self._stage_name, duration_us)
        if not self._stage_name:  # STAGE_UNSPECIFIED
            return dataclasses.replace(entry, custody=b"")
        return entry

    async def _judge(
        self, failed: TurnFailed, poison: dict[Done, PlexusError], restarted: set[Done]
    ) -> None:
        done, error = failed.turn.done, failed.error
        if supervise(error) is Directive.RESTART and done not in restarted:
            restarted.add(done)
            _log.error("turn failed", error, stage=self._name, message_id=done.message_id)
            return
        while not self._parking.take():
            PARKING_PAUSED.labels(stage=self._name).set(1)
            _log.error("parking limit reached: the stage stands still", stage=self._name)
            if self._stopping:
                raise Transient("stopped while the stage stood still")
            await self._clock.sleep(5)
        PARKING_PAUSED.labels(stage=self._name).set(0)
        if not isinstance(error, PlexusError):
            error = PlexusError(
                f"a defect in stage {self._name}: {type(error).__name__}",
                reason=Reason.REASON_INTERNAL,
            )
        _log.warning("message parked", error, stage=self._name, message_id=done.message_id)
        poison[done] = error

    def _begin(self, batch: Sequence[Incoming]) -> tuple[list[Turn], list[Started]]:
        now = self._clock.now()
        turns: list[Turn] = []
        spans: list[Started] = []
        for incoming in batch:
            unit = str(incoming.shard)
            if incoming.sequence <= self._marks[unit].sequence:
                continue
            envelope = _opened(incoming)
            if envelope is None:
                BUS_ERRORS.labels(kind="envelope").inc()
                _log.error("unreadable envelope", stage=self._name, sequence=incoming.sequence)
                continue
            if self._tracing.records(envelope.traceparent):
                span = self._tracing.start(
                    f"process {self._stream}",
                    envelope.traceparent,
                    SpanKind.CONSUMER,
                    {
                        "messaging.system": "nats",
                        "messaging.destination.name": self._stream,
                        "messaging.operation.type": "process",
                        "plexus.message_id": envelope.message_id,
                    },
                )
                envelope.traceparent = span.traceparent
                spans.append(span)
            turns.append(Turn(envelope, unit=unit, sequence=incoming.sequence, now=now))
        return turns, spans


def _opened(incoming: Incoming) -> Envelope | None:
    try:
        envelope = unpack(incoming.data)
    except InvalidMessage:
        return None
    return envelope if _UUID.fullmatch(envelope.message_id) else None
