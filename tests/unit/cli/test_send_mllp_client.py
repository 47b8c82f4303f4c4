"""One MLLP connection against a real listener on this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from plexus.codecs.mllp import Frame, FrameDecoder, frame
from plexus.errors import DeadlineExceeded, InvalidMessage, Unavailable
from plexus.mllp import MllpClient

Talk = Callable[[list[bytes], asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listener(talk: Talk) -> AsyncIterator[tuple[str, int]]:
    """Hands what arrived in one read to `talk`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = FrameDecoder(max_frame_bytes=1_000_000)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                events = decoder.feed(data)
                await talk([e.content for e in events if isinstance(e, Frame)], writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "127.0.0.1", server.sockets[0].getsockname()[1]


async def echo(messages: list[bytes], writer: asyncio.StreamWriter) -> None:
    for message in messages:
        writer.write(frame(b"re:" + message))


async def test_each_message_gets_its_own_answer_when_messages_are_pipelined() -> None:
    async with listener(echo) as (host, port), MllpClient(host, port) as client:
        messages = [b"m%d" % n for n in range(200)]
        answers = await asyncio.gather(*(client.send(message) for message in messages))
    assert answers == [b"re:" + message for message in messages]


def test_it_works_on_uvloop_as_well() -> None:
    async def talk() -> bytes:
        async with listener(echo) as (host, port), MllpClient(host, port) as client:
            return await client.send(b"one")

    assert uvloop.run(talk()) == b"re:one"


async def test_an_answer_in_pieces_is_one_answer() -> None:
    async def drip(messages: list[bytes], writer: asyncio.StreamWriter) -> None:
        for byte in frame(b"re:" + messages[0]):
            writer.write(bytes([byte]))
            await writer.drain()

    async with listener(drip) as (host, port), MllpClient(host, port) as client:
        assert await client.send(b"one") == b"re:one"


async def test_a_connection_that_ends_fails_what_waits_and_can_be_made_again() -> None:
    broken: list[bytes] = []

    async def break_once(messages: list[bytes], writer: asyncio.StreamWriter) -> None:
        if broken:
            await echo(messages, writer)
        else:
            broken.extend(messages)
            writer.transport.abort()

    async with listener(break_once) as (host, port), MllpClient(host, port) as client:
        with pytest.raises(Unavailable, match="before the answer"):
            await client.send(b"one")
        assert not client.is_open
        with pytest.raises(Unavailable, match="closed"):
            await client.send(b"one")
        await client.connect()
        assert await client.send(b"one") == b"re:one"


async def test_after_a_missing_answer_no_later_answer_is_taken_for_it() -> None:
    async def silent(messages: list[bytes], writer: asyncio.StreamWriter) -> None:
        if b"late" in messages:
            return
        await echo(messages, writer)

    async with (
        listener(silent) as (host, port),
        MllpClient(host, port, timeout_seconds=0.05) as client,
    ):
        with pytest.raises(DeadlineExceeded):
            await client.send(b"late")
        with pytest.raises(Unavailable):
            await client.send(b"next")


@pytest.mark.parametrize("content", [b"a\x1cb", b"a\x0bb"])
async def test_content_that_would_break_the_frame_is_not_sent(content: bytes) -> None:
    seen: list[bytes] = []

    async def note(messages: list[bytes], writer: asyncio.StreamWriter) -> None:
        seen.extend(messages)
        await echo(messages, writer)

    async with listener(note) as (host, port), MllpClient(host, port) as client:
        with pytest.raises(InvalidMessage):
            await client.send(content)
        assert await client.send(b"whole") == b"re:whole"
    assert seen == [b"whole"]


async def test_nobody_listening_is_unavailable(unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable, match=str(unused_tcp_port)):
        await MllpClient("127.0.0.1", unused_tcp_port).connect()
