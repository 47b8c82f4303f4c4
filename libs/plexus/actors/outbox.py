"""Publishes what a batch has committed: outputs to their streams, custody to the audit stream.

One batch is published while the next one is worked off, never two at once, so that order holds. A
publication that fails is repeated with the same ids until it succeeds; the streams keep one copy.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence

from plexus.api.audit.v1.audit_pb2 import Custody, EvidenceBatch, Outcome
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.bus import Bus, ConsumerLost, Outgoing, pack
from plexus.clock import Clock
from plexus.errors import Transient
from plexus.ids import IdSource
from plexus.retry import Backoff
from plexus.store import Done, Entry
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import OUTCOMES
from plexus.telemetry.tracing import SpanKind, Tracing

__all__ = ["AUDIT_STREAM", "Outbox", "evidence"]

_log = get_log(__name__)

AUDIT_STREAM = "audit"


def evidence(service: str, message_id: str, custody: Sequence[Custody]) -> Outgoing:
    """A message for the audit stream that reports custody entries, in order."""
    batch = EvidenceBatch(service=service)
    batch.custody.extend(custody)
    return _evidence(batch, message_id)


def _evidence(batch: EvidenceBatch, message_id: str) -> Outgoing:
    service = batch.service
    envelope = Envelope(
        message_id=message_id,
        schema_version=1,
        key=service,
        attempt=1,
        kind=PayloadKind.PAYLOAD_KIND_EVIDENCE,
        payload=batch.SerializeToString(),
    )
    return Outgoing(AUDIT_STREAM, service, message_id, pack(envelope))


class Outbox:
    """Publishes for one stage.

    Attributes:
        published: up to this sequence everything is known to be published.
        connections: of the bus, as it was when the streams were looked at; None where it is all the
            same if they have been lost since.
    """

    def __init__(
        self, bus: Bus, *, service: str, ids: IdSource, clock: Clock, tracing: Tracing
    ) -> None:
        self._bus = bus
        self._service = service
        self._ids = ids
        self._clock = clock
        self._tracing = tracing
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._backoff = Backoff(first_seconds=0.05, longest_seconds=2.0)
        self._task: asyncio.Task[None] | None = None
        self.published = 0
        self.connections: int | None = None

    async def hand_over(
        self,
        entries: Sequence[Entry],
        sequence: int,
        fresh: Mapping[Done, Sequence[Envelope]] | None = None,
    ) -> None:
        """Start publishing `entries`; first waits for those handed over before.

        Once they are published, `published` becomes `sequence`. `fresh` has the envelopes of entries
        that were made just now, in the order of their outputs; those of others are read.

        Raises:
            ConsumerLost: as `flush` does; then these entries have not been taken.
        """
        await self.flush()
        items = self._items(entries, fresh or {})
        if not items:
            self.published = sequence
            return
        self._task = asyncio.create_task(self._publish(items, sequence))

    async def flush(self) -> None:
        """Wait until everything that was handed over is published.

        Raises:
            ConsumerLost: it was given up, for the bus was connected again; the journal has it.
        """
        if self._task is not None:
            task, self._task = self._task, None
            await task

    async def _publish(self, items: Sequence[Outgoing], sequence: int) -> None:
        tries = 0
        while True:
            # Streams that were lost meanwhile must not get these messages before their predecessors.
            if self.connections is not None and self._bus.connections != self.connections:
                raise ConsumerLost("the bus was connected again; the journal has what is left")
            try:
                await self._bus.publish(items)
            except Transient as exc:
                tries += 1
                if tries in {1, 10} or tries % 60 == 0:
                    _log.warning("publishing failed", exc, service=self._service, count=len(items))
                await self._clock.sleep(self._backoff.wait(tries, self._random))
            else:
                self.published = sequence
                return

    def _items(
        self, entries: Sequence[Entry], fresh: Mapping[Done, Sequence[Envelope]]
    ) -> list[Outgoing]:
        items: list[Outgoing] = []
        told = EvidenceBatch(service=self._service)
        counts: dict[Outcome.ValueType, int] = {}
        for entry in entries:
            made = fresh.get(entry.done)
            for number, (stream, data) in enumerate(entry.outputs):
                envelope = Envelope.FromString(data) if made is None else made[number]
                items.append(self._item(stream, envelope, data, number))
            if entry.custody:
                custody = told.custody.add()
                custody.ParseFromString(entry.custody)
                counts[custody.outcome] = counts.get(custody.outcome, 0) + 1
        if counts:
            items.append(_evidence(told, self._ids.message_id()))
        for outcome, count in counts.items():
            short = Outcome.Name(outcome).removeprefix("OUTCOME_").lower()
            OUTCOMES.labels(stage=self._service, outcome=short).inc(count)
        return items

    def _item(self, stream: str, envelope: Envelope, data: bytes, number: int) -> Outgoing:
        traceparent = envelope.traceparent
        message_id, key = envelope.message_id, envelope.key
        if self._tracing.records(traceparent):
            with self._tracing.span(
                f"send {stream}",
                traceparent,
                SpanKind.PRODUCER,
                {
                    "messaging.system": "nats",
                    "messaging.destination.name": stream,
                    "messaging.operation.type": "send",
                    "plexus.message_id": message_id,
                },
            ) as span:
                envelope.traceparent = traceparent = span.traceparent
            data = pack(envelope)  # the same message, one hop on
        # The key belongs to the name: a message that is handed from record to record goes to the same
        # stream more than once, under another key each time.
        name = f"{message_id}:{stream}:{envelope.kind}:{key}:{envelope.attempt}:{number}"
        if envelope.part:
            name = f"{name}:{envelope.part}"
        return Outgoing(stream, key, name, data, traceparent)
