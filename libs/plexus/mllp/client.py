"""One MLLP connection, from the sender's side.

HL7 Version 3 Standard: Transport Specification - MLLP, Release 1. Answers come in the order of the
messages, so messages may be sent one after the other or pipelined. Once an answer is missing nobody
can say which message the next answer belongs to: the connection is closed then, and the outcome of
what was not answered is unknown.
"""

import asyncio
import collections
import contextlib
import socket
import ssl
from types import TracebackType
from typing import Self, cast

from plexus.codecs.mllp import Frame, FrameDecoder, frame
from plexus.errors import DeadlineExceeded, InvalidMessage, Unavailable

__all__ = ["MllpClient"]

_MAX_ANSWER_BYTES = 1024 * 1024
_CLOSE_SECONDS = 2.0


class MllpClient:
    """A connection to one listener. May be connected again after it was closed."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout_seconds: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Know the address.

        Args:
            host: name or address.
            port: of TCP.
            timeout_seconds: how long connecting, and an answer, may take.
            tls: for MLLP over TLS; None for plain TCP.
        """
        self._tls = tls
        self._host = host
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._wire: _Wire | None = None

    @property
    def is_open(self) -> bool:
        """True while messages can be sent."""
        return self._wire is not None and not self._wire.lost.done()

    async def connect(self) -> None:
        """Connect; does nothing where it is connected.

        Raises:
            Unavailable: nobody listens there, or not in time.
        """
        if self.is_open:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                _, self._wire = await loop.create_connection(
                    _Wire, self._host, self._port, ssl=self._tls
                )
        except TimeoutError as exc:
            raise DeadlineExceeded(f"{self._host}:{self._port} does not accept") from exc
        except OSError as exc:
            raise Unavailable(f"{self._host}:{self._port} cannot be reached") from exc

    async def send(self, content: bytes) -> bytes:
        """Send one message, and give the content of its answer.

        Raises:
            InvalidMessage: it holds bytes that MLLP keeps for itself; nothing was sent.
            Unavailable: the connection is not there or broke; whether the message was taken is
                unknown.
            DeadlineExceeded: no answer in time; unknown as well, and the connection is closed.
        """
        wire = self._ready(content)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        wire.waiting.append(answer)
        wire.transport.write(frame(content))
        # A timer of the loop costs a fraction of a timeout block, and every message has one.
        expiry = answer.get_loop().call_later(self._timeout_seconds, _expire, answer)
        try:
            return await answer
        except (DeadlineExceeded, asyncio.CancelledError):
            wire.transport.abort()
            raise
        finally:
            expiry.cancel()

    async def post(self, content: bytes) -> None:
        """Send one message that asks for no answer (MSH-15 NE, HL7 table 0155).

        Raises:
            InvalidMessage, Unavailable: as `send`.
        """
        self._ready(content).transport.write(frame(content))

    async def close(self) -> None:
        """Send what is still to be sent, and hang up."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        wire.transport.close()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.shield(wire.lost)
        except TimeoutError:
            wire.transport.abort()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _ready(self, content: bytes) -> "_Wire":
        if b"\x0b" in content or b"\x1c" in content:
            raise InvalidMessage("the message holds 0x0B or 0x1C, which MLLP keeps for itself")
        wire = self._wire
        if wire is None or wire.lost.done():
            raise Unavailable("the connection is closed")
        return wire


class _Wire(asyncio.Protocol):
    """The connection as the event loop sees it.

    Attributes:
        waiting: who waits for an answer, in the order sent.
        lost: done when the connection has ended.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.waiting: collections.deque[asyncio.Future[bytes]] = collections.deque()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._decoder = FrameDecoder(max_frame_bytes=_MAX_ANSWER_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports, but no subclasses of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            # An answer is waited for after every message: nothing is gained by holding bytes back.
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        for event in self._decoder.feed(data):
            if not isinstance(event, Frame) or not self.waiting:
                self.transport.abort()
                return
            answer = self.waiting.popleft()
            if not answer.done():
                answer.set_result(event.content)

    def connection_lost(self, exc: Exception | None) -> None:
        while self.waiting:
            answer = self.waiting.popleft()
            if not answer.done():
                answer.set_exception(Unavailable("the connection ended before the answer came"))
        if not self.lost.done():
            self.lost.set_result(None)


def _expire(answer: asyncio.Future[bytes]) -> None:
    if not answer.done():
        answer.set_exception(DeadlineExceeded("no answer came in time"))
