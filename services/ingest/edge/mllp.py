"""MLLP listeners: one per feed, many persistent connections each.

Frames of one connection are answered in their order. What is broken is refused and kept, and the
connection goes on where that is possible; no connection can harm another one. While receipts cannot
be stored fast enough connections are simply not read, so TCP slows the senders down.
"""

import asyncio
import collections
import contextlib

from plexus.codecs.mllp import Frame, FrameDecoder, FrameFault, frame
from plexus.errors import ConfigurationError, Reason
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import FEED_CONNECTIONS
from services.ingest.actors import FeedActor, Reply
from services.ingest.domain import Refusal

__all__ = ["MllpListener"]

_log = get_log(__name__)

_MOST_WAITING = 64  # frames of one connection; past it the connection is not read
_PIPELINED = 32  # frames of one connection that may share a commit
_WRITE_SECONDS = 10.0
_WATCH_SECONDS = 1.0


class MllpListener:
    """Listens for one feed."""

    def __init__(self, actor: FeedActor) -> None:
        self.actor = actor
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises ConfigurationError where the address cannot be taken."""
        host, _, port = self.actor.feed.listen.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self), host or None, int(port), backlog=512
            )
        except (OSError, ValueError) as exc:
            raise ConfigurationError(
                f"feed {self.actor.feed.name}: cannot listen on {self.actor.feed.listen}"
            ) from exc
        port = self._server.sockets[0].getsockname()[1]
        self.actor.address = f"mllp://{host}:{port}"
        self._watching = asyncio.create_task(self._watch())
        _log.info("feed listens", feed=self.actor.feed.name, address=self.actor.address)

    async def stop(self) -> None:
        """Take no new connection, and close those that are open after their messages at hand."""
        if self._server is None or self._watching is None:
            return
        self._server.close()
        self._watching.cancel()
        closing = [connection.finish() for connection in list(self.connections)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WRITE_SECONDS):
                await asyncio.gather(*closing)

    def count(self) -> None:
        """Tell how many connections are open."""
        self.actor.connections = len(self.connections)
        FEED_CONNECTIONS.labels(feed=self.actor.feed.name).set(len(self.connections))

    async def _watch(self) -> None:
        """One look a second at all connections costs less than a timer for every read."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = loop.time()
            for connection in list(self.connections):
                connection.check(now)


class _Place:
    """Where the answer to one frame goes, among those of its connection."""

    __slots__ = ("_connection", "answer", "is_told")

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self.answer: bytes | None = None
        self.is_told = False

    def tell(self, reply: Reply) -> None:
        self.answer = reply.content
        self.is_told = True
        self._connection.told()


class _Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, listener: MllpListener) -> None:
        self._listener = listener
        self._actor = listener.actor
        self._loop = asyncio.get_running_loop()
        self._decoder = FrameDecoder(max_frame_bytes=self._actor.feed.max_frame_bytes)
        self._events: collections.deque[Frame | FrameFault] = collections.deque()
        self._places: collections.deque[_Place] = collections.deque()
        self._transport: asyncio.Transport | None = None
        self._heard = self._loop.time()
        self._is_paused = False
        self._is_writing = False  # answers will be written in a moment
        self._wants_room = False
        self._unread: asyncio.TimerHandle | None = None  # runs while the sender reads nothing
        self._resting: asyncio.Future[None] | None = None
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        feed = self._actor.feed
        # uvloop's transports do not descend from asyncio.Transport, and do all that it does.
        self._transport = transport  # type: ignore[assignment]
        if len(self._listener.connections) >= feed.max_connections:
            _log.warning("too many connections", feed=feed.name, count=feed.max_connections)
            transport.close()
            return
        self._listener.connections.add(self)
        self._listener.count()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._take(self._decoder.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            _log.info("connection broken", feed=self._actor.feed.name, error=type(exc).__name__)
        self._is_over = True
        self.resume_writing()
        fault = self._decoder.close()
        if fault is not None:
            self._take([fault])
        self._listener.connections.discard(self)
        self._listener.count()

    def pause_writing(self) -> None:
        if self._unread is None:
            self._unread = self._loop.call_later(_WRITE_SECONDS, self._stop_waiting)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
            self._work()

    def check(self, now: float) -> None:
        """Close the connection where it has been silent for too long."""
        if self._transport is None or self._is_working or self._is_over:
            return
        feed, silent = self._actor.feed, now - self._heard
        if self._decoder.inside_frame and silent > feed.frame_seconds:
            fault = self._decoder.close()
            if fault is not None:
                self._is_over = True
                self._take([fault])
        elif silent > feed.idle_seconds:
            _log.info("idle connection closed", feed=feed.name, seconds=round(silent))
            self._transport.close()

    async def finish(self) -> None:
        """Answer what has arrived whole, then close."""
        if self._transport is not None:
            self._transport.pause_reading()
            if self._is_working:
                self._resting = self._loop.create_future()
                await self._resting
            self._transport.close()

    def told(self) -> None:
        """Write what can be written now: answers keep the order of their frames."""
        if len(self._places) == 1:
            self._write()
        else:
            # The others may be told in this moment, too.
            self._write_soon()

    @property
    def _is_working(self) -> bool:
        return bool(self._places or self._events)

    def _take(self, events: list[Frame | FrameFault]) -> None:
        if not events:
            return
        self._events.extend(events)
        if len(self._events) > _MOST_WAITING and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._work()

    def _work(self) -> None:
        """Have taken what waits, as far as there is room for it and its answers are read."""
        while self._events and self._unread is None and len(self._places) < _PIPELINED:
            if self._actor.is_full:
                if not self._wants_room:
                    self._wants_room = True
                    self._actor.when_room(self._work_again)
                return
            place = _Place(self)
            self._places.append(place)
            event = self._events.popleft()
            try:
                self._begin(event, place)
            except Exception as exc:  # noqa: BLE001 - a defect must not stop the other connections
                _log.error("message could not be judged", exc, feed=self._actor.feed.name)
                place.is_told = True
                self._write_soon()
                self._give_up()

    def _work_again(self) -> None:
        self._wants_room = False
        self._work()

    def _write_soon(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._is_writing = False
        answers: list[bytes] = []
        while self._places and self._places[0].is_told:
            answer = self._places.popleft().answer
            if answer is not None:
                answers.append(frame(answer))
        if answers and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(answers))
        self._work()
        if not self._is_working:
            self._rest()

    def _rest(self) -> None:
        """Everything is answered."""
        if self._resting is not None:
            if not self._resting.done():
                self._resting.set_result(None)
        elif self._transport is not None and not self._transport.is_closing():
            if self._is_paused:
                self._is_paused = False
                self._transport.resume_reading()
            if self._is_over:
                self._transport.close()

    def _stop_waiting(self) -> None:
        _log.info("sender does not read its answers", feed=self._actor.feed.name)
        self._give_up()

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _begin(self, event: Frame | FrameFault, place: _Place) -> None:
        if isinstance(event, Frame):
            self._actor.take(event.content, place.tell)
            return
        _log.warning(
            "broken frame",
            feed=self._actor.feed.name,
            reason=Reason.Name(event.reason).removeprefix("REASON_"),
            detail=event.detail,
            bytes=event.discarded_bytes,
        )
        self._actor.take_broken(Refusal(event.reason, event.detail), event.head, place.tell)
