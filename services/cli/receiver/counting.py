"""The server of a receiver that only counts: what it spends is taken from the machine it measures.

A transaction is answered as soon as its last byte has been read: it is counted under its X-Request-Id,
and its JSON is looked at only where it has none. What has to wait, and everything else that is asked,
takes the usual way. Requests of one connection are answered in their order.
"""

import asyncio
import collections
from collections.abc import Awaitable, Callable
from typing import Final

import httptools

from services.cli.receiver.documents import FhirError
from services.cli.receiver.exchange import Answer, Asked, refusal

__all__ = ["CountingConnection"]

_MOST_WAITING: Final = 64  # requests of one connection; past it the connection is not read
_MOST_HEADER_BYTES: Final = 64 * 1024
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class CountingConnection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(
        self,
        at_once: Callable[[Asked], Answer | None],
        ask: Callable[[Asked], Awaitable[Answer]],
        *,
        most_bytes: int,
        connections: set["CountingConnection"],
    ) -> None:
        """Know who answers.

        Args:
            at_once: answers what needs no waiting; None for what does.
            ask: answers everything, in its time.
            most_bytes: largest body.
            connections: has this one in it while it is open.
        """
        self._at_once = at_once
        self._ask = ask
        self._most_bytes = most_bytes
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: collections.deque[tuple[Asked, bool]] = collections.deque()
        self._working: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._target = bytearray()
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's do not descend from it
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        if self._working is not None:
            self._working.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(FhirError(400, "not-supported", "the protocol cannot be changed here"))
        except httptools.HttpParserCallbackError as exc:
            cause = exc.__context__
            if not isinstance(cause, FhirError):
                raise
            self._refuse(cause)
        except httptools.HttpParserError:
            self._refuse(FhirError(400, "structure", "this is no HTTP request"))

    async def finish(self) -> None:
        """Answer what is under way, then close."""
        if self._working is not None:
            await asyncio.wait({self._working})
        if self._transport is not None:
            self._transport.close()

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._target = bytearray()
        self._headers = {}
        self._header_bytes = 0
        self._body = []
        self._size = 0

    def on_url(self, target: bytes) -> None:
        self._target += target
        self._count_header(len(target))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._count_header(len(name) + len(value))

    def on_headers_complete(self) -> None:
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            raise FhirError(415, "not-supported", "compressed bodies are not counted")
        size = self._headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > self._most_bytes:
            raise FhirError(413, "too-long", "the body is too large")
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._most_bytes:
            raise FhirError(413, "too-long", "the body is too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("ascii")
        asked = Asked(method, self._target.decode("latin-1"), self._headers, body)
        keeps = self._parser.should_keep_alive()
        if self._working is None:
            answer = self._at_once(asked)
            if answer is not None:
                self._write(answer, keeps=keeps)
                return
        self._waiting.append((asked, keeps))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        elif len(self._waiting) > _MOST_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise FhirError(431, "too-long", "the head of the request is too large")

    async def _work(self) -> None:
        while self._waiting:
            asked, keeps = self._waiting.popleft()
            self._write(await self._ask(asked), keeps=keeps, is_head=asked.method == "HEAD")
        self._working = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _refuse(self, error: FhirError) -> None:
        self._write(refusal(error), keeps=False)

    def _write(self, answer: Answer, *, keeps: bool, is_head: bool = False) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        head = answer.head(keeps=keeps)
        transport.write(head if is_head else head + answer.body)
        if not keeps:
            transport.close()
