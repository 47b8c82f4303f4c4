"""A pull consumer that never acknowledges: its owner keeps the mark in its own transaction.

One pull request is outstanding at a time, for as many messages as there is room for. What arrived is
handed out in order; anything that could mean a gap (reconnection, a jump in the consumer's own
sequence, silence past the request's expiry) loses the consumer, and the owner opens a fresh one after
its mark. Neighbour: `jetstream`.
"""

import asyncio
import collections
import contextlib
import os
from collections.abc import Callable, Sequence

import nats.errors
import nats.js.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from plexus.bus.contract import Consumer, ConsumerLost, Incoming
from plexus.bus.frames import FRAME_HEADER, PLACES, last_of, unframed
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import BUS_ERRORS

__all__ = ["PullConsumer"]

_log = get_log(__name__)

_EXPIRES_SECONDS = 5.0
_SILENCE_SECONDS = 8.0
_MAX_PULL_BYTES = 8 * 1024 * 1024
_INACTIVE_SECONDS = 60.0
# Messages in memory below which more are asked for, and how many of the broker's are asked for at
# once; each may be a frame of many, and the bytes of a pull are bounded as well.
_LOW = 256
_PULL = 256


class PullConsumer(Consumer):
    """Reads some shards of one stream from one ephemeral JetStream consumer."""

    def __init__(self, client: Client, js: JetStreamContext, stream: str, name: str) -> None:
        self._client = client
        self._js = js
        self._stream = stream
        # A name of its own per opening: a late pull of an old owner then hits nobody.
        self._name = f"{name}-{os.urandom(4).hex()}"
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._buffer: collections.deque[Incoming] = collections.deque()
        self._arrived = asyncio.Event()
        self._after = 0
        self._remaining = 0  # of the broker's messages, that the outstanding pull may still bring
        self._expected = 1  # the consumer sequence that must come next
        self._lost = False
        self._heard = asyncio.get_running_loop().time()
        self.on_close: Callable[[], object] = lambda: None

    async def open(self, shards: Sequence[int], after: int) -> None:
        self._after = after
        # The frame that holds the mark comes again where the mark is not its last place.
        sequence = after // PLACES
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)
        await self._js.add_consumer(
            self._stream,
            ConsumerConfig(
                name=self._name,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=max(1, sequence + 1 if after == last_of(sequence) else sequence),
                ack_policy=AckPolicy.NONE,
                filter_subjects=[f"{self._stream}.{shard}" for shard in shards],
                inactive_threshold=_INACTIVE_SECONDS,
                mem_storage=True,
                num_replicas=1,
            ),
        )
        await self._pull()

    def lose(self) -> None:
        """Nothing more will come."""
        self._lost = True
        self._arrived.set()

    async def next_batch(self, limit: int, wait_seconds: float) -> list[Incoming]:
        if not self._buffer:
            self._arrived.clear()
            if not self._lost:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_seconds):
                        await self._arrived.wait()
        if self._lost:
            raise ConsumerLost(f"the consumer of {self._stream} is gone")
        batch = [self._buffer.popleft() for _ in range(min(limit, len(self._buffer)))]
        silence = asyncio.get_running_loop().time() - self._heard
        if not batch and silence > _SILENCE_SECONDS:
            self.lose()
            raise ConsumerLost(f"the consumer of {self._stream} has gone silent")
        if self._remaining == 0 and len(self._buffer) < _LOW:
            await self._pull()
        return batch

    async def close(self) -> None:
        self.lose()
        self.on_close()
        if self._subscription is not None and self._client.is_connected:
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, TimeoutError):
                await self._subscription.unsubscribe()
                await self._js.delete_consumer(self._stream, self._name)

    async def _pull(self) -> None:
        # Silence counts from here: while its owner was busy nothing had been asked for.
        self._heard = asyncio.get_running_loop().time()
        self._remaining = _PULL
        request = {
            "batch": self._remaining,
            "expires": int(_EXPIRES_SECONDS * 1e9),
            "max_bytes": _MAX_PULL_BYTES,
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        try:
            await self._client.publish(subject, orjson.dumps(request), reply=self._inbox)
        except nats.errors.Error as exc:
            self.lose()
            raise ConsumerLost("NATS is not connected") from exc

    async def _on_message(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        headers = message.headers
        if headers is not None and "Status" in headers and not message.reply:
            await self._on_status(headers["Status"])
            return
        # $JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<time>.<pending>, with two
        # more parts before the stream's name where the server tells domain and account.
        parts = message.reply.rsplit(".", 5)
        sequence, place, pending = int(parts[2]), int(parts[3]), int(parts[5])
        if place != self._expected:
            self.lose()
            return
        self._expected += 1
        self._remaining = max(0, self._remaining - 1)
        shard = int(message.subject.rsplit(".", 1)[1])
        count = headers.get(FRAME_HEADER) if headers is not None else None
        try:
            bodies = unframed(count, message.data)
        except ValueError:
            # Nobody but the mesh writes here. What is lost with it is found missing, and sent again.
            _log.error("unreadable frame", sequence=sequence)
            BUS_ERRORS.labels(kind="frame").inc()
            return
        after = self._after
        for place, body in enumerate(bodies, last_of(sequence) - len(bodies) + 1):
            if place > after:
                self._buffer.append(Incoming(shard, place, body, pending))
        self._arrived.set()

    async def _on_status(self, status: str) -> None:
        if status == "100":  # idle heartbeat
            return
        self._remaining = 0
        if status in {"404", "408"}:  # the pull ended without more: ask again
            with contextlib.suppress(ConsumerLost):
                await self._pull()
        elif status != "409" or not self._client.is_connected:
            self.lose()
        else:
            # 409 is a full max_bytes (ask again) or a deleted consumer, which silence will show.
            self._arrived.set()
            if len(self._buffer) < _LOW:
                with contextlib.suppress(ConsumerLost):
                    await self._pull()
