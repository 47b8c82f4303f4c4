"""HTTP to one URL, against servers that answer byte for byte what a test says.

Out of scope: TLS, which the event loop does, and what an answer means for a message.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from plexus.errors import ConfigurationError
from plexus.testing.waiting import eventually
from services.delivery.edge.posting import Answer, Poster

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on loopback.

    Attributes:
        requests: each as it came, head and body.
        connections: how many were opened.
        port: where it listens.
    """

    port = 0

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self.requests: list[bytes] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                request = head + await reader.readexactly(length)
                self.requests.append(request)
                await self._behave(request, writer)
        writer.close()


@contextlib.asynccontextmanager
async def posting(
    behave: Behaviour, path: str = "/", timeout_seconds: float = 10.0
) -> AsyncIterator[tuple[Poster, Server]]:
    server = Server(behave)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    poster = Poster(
        f"http://127.0.0.1:{server.port}{path}", {"Accept": "a/b"}, timeout_seconds=timeout_seconds
    )
    try:
        yield poster, server
    finally:
        await poster.close()
        for writer in server.writers:
            writer.close()
        listening.close()
        await listening.wait_closed()


def saying(*answers: bytes, then_close: bool = False) -> Behaviour:
    """Answer the first request with the first text, and so on; the last one again and again."""
    left = list(answers)

    async def behave(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        if then_close:
            writer.close()

    return behave


async def test_a_request_says_what_it_should_and_no_more() -> None:
    async with posting(saying(OK), "/fhir/r4 x/") as (poster, server):
        assert await poster.post({"X-Request-Id": "m"}, b"body") == Answer(200, b"{}")
        assert server.requests == [
            b"POST /fhir/r4%%20x/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: a/b\r\n"
            b"X-Request-Id: m\r\nContent-Length: 4\r\n\r\nbody" % server.port
        ]


async def test_a_user_in_the_url_is_basic_authentication() -> None:
    async with posting(saying(OK)) as (_, server):
        url = f"http://us%40er:pa%3Ass@127.0.0.1:{server.port}/"
        poster = Poster(url, {}, timeout_seconds=10)
        await poster.post({}, b"")
        await poster.close()
        assert b"Authorization: Basic dXNAZXI6cGE6c3M=\r\n" in server.requests[-1]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, b"")),
        (
            b"HTTP/1.1 422 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            Answer(422, b"abcde"),
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Answer(200, b"{}")),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", Answer(302, b"")),
        (
            b"HTTP/1.1 500 X\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
            Answer(500, b"x" * 65_536),
        ),
    ],
    ids=["empty", "chunked", "after 100", "a redirect is not followed", "cut"],
)
async def test_any_answer_is_read_whole_and_the_connection_kept(
    answer: bytes, expected: Answer
) -> None:
    async with posting(saying(answer, OK)) as (poster, server):
        assert await poster.post({}, b"1") == expected
        assert await poster.post({}, b"2") == Answer(200, b"{}")
        assert server.connections == 1


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    answer = b"HTTP/1.1 503 X\r\nConnection: close\r\n\r\nbusy"
    async with posting(saying(answer, then_close=True)) as (poster, server):
        assert await poster.post({}, b"1") == Answer(503, b"busy")
        assert await poster.post({}, b"2") == Answer(503, b"busy")
        assert server.connections == 2


async def test_a_connection_that_the_server_gives_up_is_not_used_again() -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    async with posting(saying(answer)) as (poster, server):
        for _ in range(2):
            assert await poster.post({}, b"") == Answer(200, b"")
        assert server.connections == 2


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with posting(saying(OK)) as (poster, server):
        await poster.post({}, b"")
        server.writers[0].close()
        await server.writers[0].wait_closed()
        await eventually(lambda: poster.kept == 0, timeout_seconds=10)
        assert await poster.post({}, b"") == Answer(200, b"{}")
        assert server.connections == 2


async def test_what_comes_unasked_is_not_taken_for_the_next_answer() -> None:
    async with posting(saying(OK + b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", OK)) as (
        poster,
        server,
    ):
        assert await poster.post({}, b"") == Answer(200, b"{}")
        await eventually(lambda: poster.kept == 0, timeout_seconds=10)
        assert await poster.post({}, b"") == Answer(200, b"{}")
        assert server.connections == 2


async def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_said() -> None:
    async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        return

    async with posting(silent, timeout_seconds=0.05) as (poster, server):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await poster.post({}, b"")
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0\r\n",
    ],
    ids=["nothing", "half a body", "half a head", "another protocol"],
)
async def test_no_whole_answer_is_an_error_of_the_connection(answer: bytes) -> None:
    async with posting(saying(answer, then_close=True)) as (poster, _):
        with pytest.raises(OSError, match=r"hung up|no HTTP"):
            await poster.post({}, b"")


async def test_many_at_once_have_a_connection_each_and_their_own_answers() -> None:
    async def echo(request: bytes, writer: asyncio.StreamWriter) -> None:
        body = request.split(b"\r\n\r\n")[1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with posting(echo) as (poster, server):
        for _ in range(3):
            bodies = [b"%d" % number for number in range(8)]
            answers = await asyncio.gather(*(poster.post({}, body) for body in bodies))
            assert [answer.content for answer in answers] == bodies
        assert server.connections == 8


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "ä", "\0"])
async def test_a_header_cannot_smuggle_another_one(value: str) -> None:
    async with posting(saying(OK)) as (poster, server):
        with pytest.raises(ConfigurationError, match="token_file"):
            await poster.post({"Authorization": value}, b"")
        assert not server.requests


@pytest.mark.parametrize("url", ["ftp://x/", "http:///x", "http://x:port/", "http://[::1/"])
def test_a_url_that_cannot_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Poster(url, {}, timeout_seconds=1)
