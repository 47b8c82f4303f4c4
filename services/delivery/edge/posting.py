"""HTTP/1.1 (RFC 9112) to one URL: POST and the answer to it, over connections that are kept.

A destination gets one kind of request, some hundred times a second, and a client for all of the web costs
three times as much for each. Nothing is followed: an answer that points elsewhere is an answer like
others. Neighbour: `fhir`, which says what is posted and what an answer means.
"""

import asyncio
import base64
import contextlib
import ssl
import time
import urllib.parse
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, cast

import httptools

from plexus.errors import ConfigurationError

__all__ = ["Answer", "Poster"]

_KEEP_SECONDS: Final = 60.0
_MOST_ANSWER_BYTES: Final = 64 * 1024
_FINAL: Final = 200


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: HTTP status, 200 or more.
        content: the first 64 KiB of the body.
    """

    status: int
    content: bytes


class Poster:
    """Posts to one URL."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; connections are made when they are needed.

        Args:
            url: http or https; a user and password in it are sent as basic authentication.
            headers: of every request.
            timeout_seconds: for a request with its answer; half of it is for connecting.
            tls: for https; the system's authorities if None.
            monotonic: seconds, to tell how long a connection has been idle.

        Raises:
            ConfigurationError: it is no such URL.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            host = (parts.hostname or "").encode("idna").decode("ascii")
            port = parts.port
        except (ValueError, UnicodeError) as exc:
            raise ConfigurationError("a destination's url cannot be read") from exc
        if parts.scheme not in {"http", "https"} or not host:
            raise ConfigurationError("a destination's url needs http or https, and a host")
        is_tls = parts.scheme == "https"
        self._host = host
        self._port = port or (443 if is_tls else 80)
        self._tls = (tls or ssl.create_default_context()) if is_tls else None
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._idle: deque[tuple[float, _Connection]] = deque()
        target = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
        if parts.query:
            target += f"?{urllib.parse.quote(parts.query, safe='/?%:@!$&()*+,;=-._~')}"
        named = f"[{host}]" if ":" in host else host
        head = {"Host": f"{named}:{port}" if port else named, **headers}
        if parts.username is not None:
            known = f"{parts.username}:{parts.password or ''}"
            secret = base64.b64encode(urllib.parse.unquote(known).encode()).decode("ascii")
            head["Authorization"] = f"Basic {secret}"
        self._head = f"POST {target} HTTP/1.1\r\n{_lines(head)}"

    @property
    def kept(self) -> int:
        """How many connections are open and wait for a request."""
        return sum(connection.is_reusable for _, connection in self._idle)

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and wait for its answer.

        Args:
            headers: of this request, beside those of all.
            body: what is sent.

        Raises:
            TimeoutError: it took too long.
            OSError: the server cannot be reached, has hung up, or does not speak HTTP.
            ConfigurationError: a header holds what no header may.
        """
        head = f"{self._head}{_lines(headers)}Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
        async with asyncio.timeout(self._timeout_seconds):
            connection = self._take() or await self._connect()
            try:
                answer = await connection.exchange(head, body)
            except BaseException:
                connection.abort()
                raise
        if connection.is_reusable:
            self._idle.append((self._monotonic(), connection))
        else:
            connection.abort()
        return answer

    async def close(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop()[1].abort()

    def _take(self) -> "_Connection | None":
        """The connection that was used last; those that were idle for too long are closed."""
        oldest = self._monotonic() - _KEEP_SECONDS
        while self._idle and self._idle[0][0] < oldest:
            self._idle.popleft()[1].abort()
        while self._idle:
            connection = self._idle.pop()[1]
            if connection.is_reusable:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> "_Connection":
        async with asyncio.timeout(self._timeout_seconds / 2):
            _, connection = await asyncio.get_running_loop().create_connection(
                _Connection, self._host, self._port, ssl=self._tls
            )
        return connection


class _Connection(asyncio.Protocol):
    """One connection, with one request on it at a time.

    Attributes:
        is_reusable: another request may follow.
    """

    def __init__(self) -> None:
        self.is_reusable = True
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._has_status = False
        self._has_length = False
        self._content = b""

    async def exchange(self, head: bytes, body: bytes) -> Answer:
        """Send a request and wait for its answer. Raises OSError where the server hangs up."""
        if self._transport is None or not self.is_reusable:
            raise ConnectionResetError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._has_status = self._has_length = False
        self._content = b""
        self._transport.writelines([head, body])
        return await self._answer

    def abort(self) -> None:
        """Hang up at once."""
        self.is_reusable = False
        if self._transport is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.abort()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # as in on_message_begin
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._fail(ConnectionError(f"no HTTP answer ({type(exc).__name__})"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_reusable = False
        if exc is None and self._has_status and not self._has_length:
            self._finish()  # such a body ends with the connection (RFC 9112 6.3)
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("the server hung up"))

    # What the parser tells.

    def on_message_begin(self) -> None:
        # Nobody has asked: it could be taken for the answer to the next request.
        if self._answer is None or self._answer.done():
            self.is_reusable = False

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._has_length = True

    def on_headers_complete(self) -> None:
        self._has_status = self._parser.get_status_code() >= _FINAL

    def on_body(self, body: bytes) -> None:
        if len(self._content) < _MOST_ANSWER_BYTES:
            self._content = (self._content + body)[:_MOST_ANSWER_BYTES]

    def on_message_complete(self) -> None:
        if not self._has_status:  # 1xx: the answer proper follows
            self._has_length = False
            return
        transport = self._transport
        # Where it was answered before all was sent, the rest would be taken for the next request.
        if transport is None or transport.get_write_buffer_size():
            self.is_reusable = False
        if not self._parser.should_keep_alive():
            self.is_reusable = False
        self._finish()

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), self._content))

    def _fail(self, error: OSError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def _lines(headers: Mapping[str, str]) -> str:
    for value in headers.values():
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationError("a header holds what no header may; check token_file")
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
