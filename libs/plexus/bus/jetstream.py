"""The bus on NATS JetStream: connection, streams and publishing. Neighbours: `pull`, `kv_leases`.

Each stream takes `<stream>.<key>` and stores it under `<stream>.<shard>`, by the server's own
`partition` transform. JetStream is a transport here: the promise to senders is kept in PostgreSQL,
so its default sync is right (docs/adr/0001).
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    PubAck,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
    SubjectTransform,
)

from plexus.bus.contract import Bus, Consumer, Outgoing, StreamState
from plexus.bus.frames import framed, last_of
from plexus.bus.kv_leases import KvLeases
from plexus.bus.pull import PullConsumer
from plexus.errors import ConfigurationError, DeadlineExceeded, Unavailable
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import BUS_ERRORS

__all__ = ["JetStreamBus", "connect_bus"]

_log = get_log(__name__)

_PUBLISH_SECONDS = 5.0
_REQUEST_SECONDS = 3.0
_WINDOW = 512  # messages in flight: enough to hide the round trip, little enough to bound memory
# Less than the client's buffer (2 MiB), so that a window goes out in one piece. A window in pieces
# could lose the first one with the connection and send the second one after reconnecting, and what is
# published again would then stand behind its successors.
_WINDOW_BYTES = 1024 * 1024
_MAX_AGE_SECONDS = 72 * 3600
_MAX_BYTES = 4 * 1024**3
_DUPLICATE_WINDOW_SECONDS = 120


class JetStreamBus(Bus):
    """A bus on one NATS connection."""

    def __init__(self, client: Client, *, shards: int, create: bool, lease_seconds: float) -> None:
        self.shards = shards
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=_REQUEST_SECONDS)
        self._create = create
        self._leases = KvLeases(
            self._js, self._check_connected, lease_seconds=lease_seconds, create=create
        )
        self._consumers: set[PullConsumer] = set()
        self._publishing = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected)

    @property
    def connections(self) -> int:
        return int(self._client.stats["reconnects"])

    @property
    def leases(self) -> KvLeases:
        return self._leases

    def lose_consumers(self) -> None:
        """After a reconnection nobody knows what was in flight: all consumers start afresh."""
        for consumer in self._consumers:
            consumer.lose()

    async def state(self, stream: str) -> StreamState:
        info = await self._info(stream)
        created = info.created.isoformat() if info.created else ""
        return StreamState(created, last_of(info.state.last_seq))

    async def publish(self, items: Sequence[Outgoing]) -> None:
        # One batch at a time: a batch that failed half way is published again before the next.
        async with self._publishing:
            for window in _windows(items):
                await self._publish_window(window)

    async def _publish_window(self, items: Sequence[Outgoing]) -> None:
        self._check_connected()
        acks: list[asyncio.Future[PubAck]] = []
        try:
            for subject, headers, body in framed(items, self.shards):
                acks.append(await self._js.publish_async(subject, body, headers=headers))
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await asyncio.gather(*acks)
        except TimeoutError as exc:
            raise DeadlineExceeded("NATS did not confirm a publication in time") from exc
        except (nats.js.errors.Error, nats.errors.Error) as exc:
            # No responders: the stream is gone. Make it again; the caller publishes again.
            if isinstance(
                exc, nats.js.errors.NoStreamResponseError | nats.errors.NoRespondersError
            ):
                for stream in {item.stream for item in items}:
                    await self._info(stream)
            raise Unavailable("NATS refused a publication") from exc
        finally:
            # What nobody waits for any more must give its place in the client's window back.
            for ack in acks:
                ack.cancel()

    async def consume(
        self, stream: str, shards: Collection[int], after: int, name: str
    ) -> Consumer:
        self._check_connected()
        consumer = PullConsumer(self._client, self._js, stream, name)
        # Known before it is open, so that a reconnection meanwhile loses it too.
        self._consumers.add(consumer)
        consumer.on_close = lambda: self._consumers.discard(consumer)
        try:
            await consumer.open(sorted(shards), after)
        except (nats.js.errors.Error, nats.errors.Error, TimeoutError) as exc:
            await consumer.close()
            raise Unavailable("NATS could not make a consumer") from exc
        return consumer

    async def close(self) -> None:
        for consumer in list(self._consumers):
            await consumer.close()
        # The connection may have gone already; uvloop calls that a RuntimeError.
        with contextlib.suppress(OSError, RuntimeError):
            await self._client.close()

    def _check_connected(self) -> None:
        # What is asked meanwhile would wait in the client, and be done when nobody wants it any more.
        if not self._client.is_connected:
            raise Unavailable("NATS is not connected")

    async def _info(self, stream: str) -> StreamInfo:
        self._check_connected()
        try:
            try:
                return await self._js.stream_info(stream)
            except nats.js.errors.NotFoundError:
                if not self._create:
                    raise Unavailable(f"stream {stream} is missing and may not be made") from None
            try:
                return await self._js.add_stream(self._config(stream))
            except nats.js.errors.BadRequestError:  # another service was faster
                return await self._js.stream_info(stream)
        except (nats.js.errors.Error, nats.errors.Error, TimeoutError) as exc:
            raise Unavailable("NATS cannot be asked about a stream") from exc

    def _config(self, stream: str) -> StreamConfig:
        return StreamConfig(
            name=stream,
            subjects=[f"{stream}.*"],
            subject_transform=SubjectTransform(
                src=f"{stream}.*", dest=f"{stream}.{{{{partition({self.shards},1)}}}}"
            ),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=_MAX_AGE_SECONDS,
            max_bytes=_MAX_BYTES,
            duplicate_window=_DUPLICATE_WINDOW_SECONDS,
        )


def _windows(items: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    window: list[Outgoing] = []
    size = 0
    for item in items:
        if window and (len(window) == _WINDOW or size + len(item.data) > _WINDOW_BYTES):
            yield window
            window, size = [], 0
        window.append(item)
        size += len(item.data)
    if window:
        yield window


async def connect_bus(
    url: str,
    *,
    name: str,
    shards: int,
    create_streams: bool,
    lease_seconds: float,
    on_reconnect: Callable[[], None] | None = None,
) -> JetStreamBus:
    """Connect, with one try; once it was connected it keeps reconnecting for ever.

    Raises:
        ConfigurationError: the URL is wrong or the credentials are refused.
        Unavailable: NATS cannot be reached.
    """
    client = Client()
    holder: list[JetStreamBus] = []

    async def errored(exc: Exception) -> None:
        BUS_ERRORS.labels(kind=type(exc).__name__).inc()

    async def disconnected() -> None:
        if not client.is_closed:
            _log.warning("bus disconnected")

    async def reconnected() -> None:
        _log.info("bus reconnected")
        for bus in holder:
            bus.lose_consumers()
        if on_reconnect is not None:
            on_reconnect()

    try:
        await client.connect(
            url,
            name=name,
            # Else the client would try for ever, and say nothing of refused credentials.
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            connect_timeout=2,
            ping_interval=5,
            max_outstanding_pings=2,
            error_cb=errored,
            disconnected_cb=disconnected,
            reconnected_cb=reconnected,
        )
    except (nats.errors.Error, OSError, TimeoutError) as exc:
        if "connect url" in str(exc):  # found before anything was opened
            raise ConfigurationError("PLEXUS_NATS_URL is no address of a NATS server") from exc
        with contextlib.suppress(OSError, RuntimeError):
            await client.close()
        if "authorization" in str(exc).lower():
            raise ConfigurationError("NATS refuses the credentials of PLEXUS_NATS_URL") from exc
        raise Unavailable("NATS cannot be reached; check PLEXUS_NATS_URL") from exc
    client.options["allow_reconnect"] = True
    client.options["max_reconnect_attempts"] = -1
    bus = JetStreamBus(client, shards=shards, create=create_streams, lease_seconds=lease_seconds)
    holder.append(bus)
    return bus
