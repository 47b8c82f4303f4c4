"""receipt → raw: the relay hands receipts to the mesh, in the order of receipt, and reports custody.

The relay is fed from memory while it keeps up, and from the store when it does not or after a start.
When the raw stream was lost and made again (another incarnation) it first sends again, in order, every
accepted message that has not come to its end, and only then goes on. So a NATS store that is lost
whole costs time, not messages, and not the order of anybody's messages.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import random
from collections.abc import Callable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.actors.outbox import evidence
from plexus.api.audit.v1.audit_pb2 import Custody, Outcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.api.ingest.v1.ingest_pb2 import ReceiptOutcome
from plexus.bus import Bus, Outgoing, pack
from plexus.clock import Clock
from plexus.codecs.fhir.reading import FHIR_JSON, is_fhir
from plexus.errors import Fenced, Transient, Unavailable
from plexus.ids import IdSource
from plexus.retry import Backoff
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import UNRELAYED
from plexus.telemetry.tracing import SpanKind, Tracing, trace_id_of
from services.ingest.flow.custodian import Custodian
from services.ingest.store import ReceiptStore, Stored, Writer

__all__ = ["Relay"]

_log = get_log(__name__)

_BATCH = 256
_MEMORY = 4096
_PAGE = 500
_SAVE_SECONDS = 1.0
_IDLE_SECONDS = 0.5
_RAW = PayloadKind.PAYLOAD_KIND_RAW
_INGEST = StageName.STAGE_INGEST
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_ACCEPTED = ReceiptOutcome.RECEIPT_OUTCOME_ACCEPTED
_OUTCOMES = {
    _ACCEPTED: Outcome.OUTCOME_RECEIVED,
    ReceiptOutcome.RECEIPT_OUTCOME_REJECTED: Outcome.OUTCOME_REJECTED,
    ReceiptOutcome.RECEIPT_OUTCOME_DUPLICATE: Outcome.OUTCOME_DUPLICATE,
}


class Relay:
    """Hands on the receipts of one writer.

    Attributes:
        writer: the writer, with how far its receipts were handed on.
    """

    def __init__(
        self,
        store: ReceiptStore,
        writer: Writer,
        custodian: Custodian,
        *,
        connect: Callable[[], Bus | None],
        last_origin: Callable[[], int],
        ids: IdSource,
        clock: Clock,
        tracing: Tracing,
        pace_seconds: float,
    ) -> None:
        """Prepare; `run` hands on.

        Args:
            store: has the receipts.
            writer: whose receipts, and how far they were handed on.
            custodian: knows what has come to its end.
            connect: gives the bus, or None while there is none.
            last_origin: number of the last receipt that was committed.
            ids: names evidence.
            clock: time.
            tracing: spans.
            pace_seconds: batches begin no closer together. A lone receipt is handed on at once; in a
                stream of them, many share frames and a report of custody.
        """
        self.writer = writer
        self._store = store
        self._custodian = custodian
        self._connect = connect
        self._last_origin = last_origin
        self._ids = ids
        self._clock = clock
        self._tracing = tracing
        self._pace_seconds = pace_seconds
        self._waiting: collections.deque[Stored] = collections.deque()
        self._behind = True  # the store has receipts that memory has not: true after every start
        self._in_doubt = False
        self._arrived = asyncio.Event()
        self._publishing = asyncio.Lock()
        self._connections = -1
        self._saved_at = 0.0
        self._backoff = Backoff(first_seconds=0.1, longest_seconds=2.0)
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._stopping = False

    @property
    def unrelayed(self) -> int:
        """At least this many receipts wait; more may, where the relay is behind."""
        return max(len(self._waiting), self._last_origin() - self.writer.relayed)

    def offer(self, stored: Sequence[Stored]) -> None:
        """Receipts that were just committed, in order."""
        self._in_doubt = False
        if self._behind or len(self._waiting) + len(stored) > _MEMORY:
            self._behind = True
        else:
            self._waiting.extend(stored)
        self._arrived.set()

    def doubt(self) -> None:
        """A commit has failed, and nobody knows if it took place: look into the store.

        It stays open until a later commit succeeds: each takes the writer's row first, so by then
        the one in doubt has ended, one way or the other.
        """
        self._in_doubt = True
        self._behind = True
        self._arrived.set()

    def stop(self) -> None:
        """Hand on what is in memory, if that is possible at once, and return from `run`."""
        self._stopping = True
        self._arrived.set()

    async def run(self) -> None:
        """Hand on until stopped. Raises Fenced."""
        failures = 0
        while not self._stopping:
            try:
                batch = await self._next()
                if batch:
                    began = self._clock.monotonic()
                    await self._hand_on(batch)
                    if len(batch) < _BATCH:
                        await self._keep_pace(began)
                else:
                    await self._idle()
                failures = 0
            except Fenced:
                raise
            except Transient as exc:
                failures += 1
                if failures in {1, 10} or failures % 60 == 0:
                    _log.warning("relay waits", exc, attempt=failures, count=self.unrelayed)
                await self._clock.sleep(self._backoff.wait(failures, self._random))
        while self._waiting and not self._behind:
            await self._hand_on(list(self._waiting)[:_BATCH])
        await self._store.save(self.writer)

    async def send_again(self, stored: Sequence[Stored], label: str) -> None:
        """Publish messages once more, in order, under a new name so that the stream takes them.

        Raises:
            Unavailable: NATS cannot be reached.
        """
        async with self._publishing:
            bus = self._bus()
            for start in range(0, len(stored), _BATCH):
                batch = stored[start : start + _BATCH]
                await bus.publish([self._outgoing(one, label) for one in batch])

    async def report(self, custody: Sequence[Custody]) -> None:
        """Publish custody entries. Raises Unavailable."""
        await self._bus().publish([evidence("ingest", self._ids.message_id(), custody)])

    async def _next(self) -> list[Stored]:
        if self._behind:
            self._waiting.clear()
            page = await self._store.page(self.writer.name, self.writer.relayed, _PAGE)
            if page:
                return page
            if self._in_doubt:
                await self._wait()
            elif self.writer.relayed >= self._last_origin():
                self._behind = False
            return []
        if not self._waiting:
            await self._wait()
            if self._behind:
                return []
        return [self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))]

    async def _keep_pace(self, began: float) -> None:
        left = began + self._pace_seconds - self._clock.monotonic()
        if left > 0 and not self._stopping:
            await self._clock.sleep(left)

    async def _wait(self) -> None:
        self._arrived.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._arrived.wait()

    async def _hand_on(self, batch: Sequence[Stored]) -> None:
        bus = self._bus()
        await self._after_reconnection(bus)
        items = [self._outgoing(one, "") for one in batch if one.outcome == _ACCEPTED]
        custody = [self._custody(one) for one in batch]
        async with self._publishing:
            await bus.publish([*items, evidence("ingest", self._ids.message_id(), custody)])
        if bus.connections != self._connections:
            # It was connected again in between: look at the stream before trusting what was said.
            raise Unavailable("NATS was connected again while receipts were handed on")
        if not self._behind:
            for _ in batch:
                self._waiting.popleft()
        self.writer = dataclasses.replace(self.writer, relayed=batch[-1].origin)
        UNRELAYED.set(self.unrelayed)

    async def _idle(self) -> None:
        UNRELAYED.set(self.unrelayed)
        now = self._clock.monotonic()
        if now - self._saved_at >= _SAVE_SECONDS:
            self._saved_at = now
            await self._store.save(self.writer)
        bus = self._connect()
        if bus is not None and bus.connected:
            await self._after_reconnection(bus)

    async def _after_reconnection(self, bus: Bus) -> None:
        """Where the streams were lost, send again what has not come to its end."""
        connections = bus.connections
        if connections == self._connections:
            return
        incarnation = (await bus.state("raw")).incarnation
        if self.writer.incarnation and incarnation != self.writer.incarnation:
            _log.warning("the raw stream was lost and made again", incarnation=incarnation)
            await self._rewind(bus)
        self.writer = dataclasses.replace(self.writer, incarnation=incarnation)
        await self._store.save(self.writer)
        self._connections = connections

    async def _rewind(self, bus: Bus) -> None:
        after, until, count = self.writer.settled, self.writer.relayed, 0
        while page := await self._store.accepted_between(self.writer.name, after, until, _PAGE):
            after = page[-1][0]
            unfinished = await self._custodian.unfinished([name for _, name, _ in page])
            again = await self._store.by_ids(list(unfinished), content=True)
            async with self._publishing:
                await bus.publish(
                    [
                        *(self._outgoing(one, "") for one in again),
                        *(
                            [
                                evidence(
                                    "ingest",
                                    self._ids.message_id(),
                                    [self._custody(one) for one in again],
                                )
                            ]
                            if again
                            else []
                        ),
                    ]
                )
            count += len(again)
        _log.warning("unfinished messages were sent again", count=count)

    def _bus(self) -> Bus:
        bus = self._connect()
        if bus is None or not bus.connected:
            raise Unavailable("NATS is not connected")
        return bus

    def _outgoing(self, stored: Stored, label: str) -> Outgoing:
        traceparent = stored.traceparent
        if self._tracing.records(traceparent):
            attributes = {
                "messaging.system": "nats",
                "messaging.destination.name": "raw",
                "messaging.operation.type": "send",
                "plexus.message_id": stored.message_id,
            }
            span = self._tracing.start("send raw", traceparent, SpanKind.PRODUCER, attributes)
            traceparent = span.traceparent
            span.end()
        envelope = Envelope()
        envelope.message_id = envelope.correlation_id = stored.message_id
        envelope.tenant = stored.tenant
        envelope.source = stored.source
        envelope.feed = stored.feed
        envelope.schema_version = 1
        envelope.traceparent = traceparent
        envelope.key = stored.key
        envelope.origin = stored.origin
        envelope.attempt = stored.attempt
        envelope.kind = _RAW
        envelope.payload = stored.content
        # Only feeds of FHIR take in what begins like JSON, and no other dialect does.
        envelope.content_type = FHIR_JSON if is_fhir(stored.content) else "application/hl7-v2"
        envelope.charset = stored.charset
        envelope.message_type = stored.message_type
        _stamp(envelope.received_at, stored.received_at)
        return Outgoing(
            "raw",
            stored.key,
            f"{stored.message_id}:raw:{stored.attempt}{label}",
            pack(envelope),
            traceparent,
        )

    def _custody(self, stored: Stored) -> Custody:
        custody = Custody()
        custody.message_id = stored.message_id
        custody.tenant = stored.tenant
        custody.feed = stored.feed
        custody.stage = _INGEST
        custody.outcome = _OUTCOMES[stored.outcome]
        custody.attempt = 1
        custody.trace_id = trace_id_of(stored.traceparent)
        custody.message_type = stored.message_type
        custody.origin = stored.origin
        _stamp(custody.at, stored.received_at)
        custody.facts["ack"] = stored.ack_code
        if stored.first_id:
            custody.facts["first"] = stored.first_id
        if stored.conflict:
            custody.facts["control_id_conflict"] = "true"
        if stored.issues:
            first = stored.issues[0]
            custody.reason = first.reason
            custody.detail = f"{first.location}: {first.detail}" if first.location else first.detail
        return custody


def _stamp(made: Timestamp, moment: datetime.datetime) -> None:
    """As `FromDatetime`, which takes four times as long; every message has two."""
    since = moment - _EPOCH
    made.seconds = since.days * 86_400 + since.seconds
    made.nanos = since.microseconds * 1000
