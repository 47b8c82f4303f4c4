"""MLLP listeners: one per feed, many persistent connections each.

Frames of one connection are answered in their order. What is broken is refused and kept, and the
connection goes on where that is possible; no connection can harm another one. While receipts cannot
be stored fast enough connections are simply not read, so TCP slows the senders down.
"""

import asyncio
import contextlib

from plexus.codecs.mllp import Frame, FrameDecoder, FrameFault, frame
from plexus.errors import ConfigurationError, Reason
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import FEED_CONNECTIONS
from services.ingest.actors import FeedActor, Reply
from services.ingest.domain import Refusal

__all__ = ["MllpListener"]

_log = get_log(__name__)

_READ_BYTES = 64 * 1024
_WRITE_SECONDS = 10.0


class MllpListener:
    """Listens for one feed."""

    def __init__(self, actor: FeedActor) -> None:
        self._actor = actor
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises ConfigurationError where the address cannot be taken."""
        host, _, port = self._actor.feed.listen.rpartition(":")
        try:
            self._server = await asyncio.start_server(
                self._accept, host or None, int(port), limit=_READ_BYTES, backlog=512
            )
        except (OSError, ValueError) as exc:
            raise ConfigurationError(
                f"feed {self._actor.feed.name}: cannot listen on {self._actor.feed.listen}"
            ) from exc
        port = self._server.sockets[0].getsockname()[1]
        self._actor.address = f"mllp://{host}:{port}"
        _log.info("feed listens", feed=self._actor.feed.name, address=self._actor.address)

    async def stop(self) -> None:
        """Take no new connection, and end those that are open after their message at hand."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        feed = self._actor.feed
        if len(self._connections) >= feed.max_connections:
            _log.warning("too many connections", feed=feed.name, count=len(self._connections))
            writer.close()
            return
        self._connections.add(task)
        self._actor.connections = len(self._connections)
        FEED_CONNECTIONS.labels(feed=feed.name).set(len(self._connections))
        try:
            await self._serve(reader, writer)
        except (ConnectionError, TimeoutError) as exc:
            _log.info("connection broken", feed=feed.name, error=type(exc).__name__)
        except asyncio.CancelledError:
            pass  # the listener stops; the sender connects again
        finally:
            self._connections.discard(task)
            self._actor.connections = len(self._connections)
            FEED_CONNECTIONS.labels(feed=feed.name).set(len(self._connections))
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        feed = self._actor.feed
        decoder = FrameDecoder(max_frame_bytes=feed.max_frame_bytes)
        while True:
            limit = feed.frame_seconds if decoder.inside_frame else feed.idle_seconds
            try:
                async with asyncio.timeout(limit):
                    data = await reader.read(_READ_BYTES)
            except TimeoutError:
                if not decoder.inside_frame:
                    _log.info("idle connection closed", feed=feed.name, seconds=limit)
                    return
                data = b""
            if not data:
                break
            await self._answer(decoder.feed(data), writer)
        fault = decoder.close()
        if fault is not None:
            with contextlib.suppress(ConnectionError):
                await self._answer([fault], writer)

    async def _answer(self, events: list[Frame | FrameFault], writer: asyncio.StreamWriter) -> None:
        if not events:
            return
        # Pipelined frames share a commit; their answers keep their order. A message that is being
        # stored is stored even if the listener stops meanwhile: hence the shield.
        taken = [asyncio.ensure_future(self._take(event)) for event in events]
        for reply in await asyncio.shield(asyncio.gather(*taken)):
            if reply.content is not None:
                writer.write(frame(reply.content))
        async with asyncio.timeout(_WRITE_SECONDS):
            await writer.drain()

    async def _take(self, event: Frame | FrameFault) -> Reply:
        if isinstance(event, Frame):
            return await self._actor.receive(event.content)
        _log.warning(
            "broken frame",
            feed=self._actor.feed.name,
            reason=Reason.Name(event.reason).removeprefix("REASON_"),
            detail=event.detail,
            bytes=event.discarded_bytes,
        )
        return await self._actor.refuse(Refusal(event.reason, event.detail), event.head)
