"""Many messages over some connections: order, retries, and the history that is kept."""

import asyncio
import collections
import contextlib
import datetime
import random
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from plexus.clock import ManualClock
from plexus.codecs.hl7v2 import acknowledge, read
from plexus.codecs.mllp import Frame, FrameDecoder, frame
from plexus.errors import InvalidMessage, Unavailable
from plexus.retry import Backoff
from plexus.testing.waiting import eventually
from services.cli.sending import (
    Answer,
    MllpChannel,
    Outgoing,
    Sent,
    outgoing,
    send_all,
    send_to_feeds,
)
from services.cli.sending.latency import percentile, percentiles_ms

AT_ONCE = Backoff(first_seconds=0.0, longest_seconds=0.0)
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def message(number: int, patient: str = "1", fields: str = "") -> Outgoing:
    content = (
        f"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|C{number}|P|2.5{fields}\rPID|1||{patient}^^^A||Wick\r"
    )
    return outgoing(content.encode(), f"file[{number}]")


class Receiver:
    """A feed in memory: keeps what came, and does with each message what it is told."""

    def __init__(self, act: Callable[[Outgoing, int], Answer] | None = None) -> None:
        self.taken: list[Outgoing] = []
        self.tries: collections.Counter[str] = collections.Counter()
        self.opened = self.busy = self.busiest = 0
        self._act = act or (lambda message, attempt: Answer("AA", accepted=True))

    def channel(self) -> "MemoryChannel":
        return MemoryChannel(self)

    def has_taken(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.taken) >= count

    async def take(self, message: Outgoing) -> Answer:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        self.tries[message.control_id] += 1
        answer = self._act(message, self.tries[message.control_id])
        self.taken.append(message)
        return answer


class MemoryChannel:
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._open = False

    async def open(self) -> None:
        self._receiver.opened += not self._open
        self._open = True

    async def exchange(self, message: Outgoing) -> Answer:
        assert self._open
        return await self._receiver.take(message)

    async def close(self) -> None:
        self._open = False


async def send(receiver: Receiver, messages: list[Outgoing], **options: object) -> list[Sent]:
    return await send_all(
        messages,
        receiver.channel,
        feed="f",
        backoff=AT_ONCE,
        **options,  # type: ignore[arg-type]
    )


async def test_one_patients_messages_keep_their_order_over_many_connections() -> None:
    receiver = Receiver()
    chosen = random.Random(7)
    messages = [message(n, str(chosen.randrange(20))) for n in range(500)]
    history = await send(receiver, messages, connections=8)
    assert len(history) == 500
    assert receiver.busiest > 1
    for patient in {one.patient for one in messages}:
        assert [m for m in receiver.taken if m.patient == patient] == [
            m for m in messages if m.patient == patient
        ]


async def test_a_connection_that_broke_is_made_again_and_the_message_sent_again() -> None:
    def break_first_try(message: Outgoing, attempt: int) -> Answer:
        if attempt < 3:
            raise Unavailable("broken")
        return Answer("AA", accepted=True)

    receiver = Receiver(break_first_try)
    history = await send(receiver, [message(1), message(2)])
    assert [(sent.control_id, sent.code, sent.tries) for sent in history] == [
        ("C1", "AA", 3),
        ("C2", "AA", 3),
    ]
    assert receiver.opened == 5
    assert [one.control_id for one in receiver.taken] == ["C1", "C2"]


async def test_nothing_overtakes_a_message_that_got_no_answer() -> None:
    def refuse_second(message: Outgoing, attempt: int) -> Answer:
        if message.control_id == "C2":
            raise Unavailable("broken")
        return Answer("AA", accepted=True)

    receiver = Receiver(refuse_second)
    history = await send(receiver, [message(n) for n in (1, 2, 3)], tries=4)
    assert [(s.control_id, s.accepted, s.tries) for s in history] == [
        ("C1", True, 1),
        ("C2", False, 4),
        ("C3", False, 0),
    ]
    assert history[1].problem == "broken"
    assert [one.control_id for one in receiver.taken] == ["C1"]


async def test_a_refusal_is_final_and_the_next_message_goes_on() -> None:
    def refuse_first(message: Outgoing, attempt: int) -> Answer:
        if message.control_id == "C1":
            return Answer("AE", accepted=False, errors=("101 PID[1]-3[1].1",))
        return Answer("AA", accepted=True)

    receiver = Receiver(refuse_first)
    history = await send(receiver, [message(1), message(2)])
    assert [(s.code, s.errors, s.tries) for s in history] == [
        ("AE", ("101 PID[1]-3[1].1",), 1),
        ("AA", (), 1),
    ]


async def test_what_cannot_be_sent_at_all_is_told_and_passed_over() -> None:
    def unsendable(message: Outgoing, attempt: int) -> Answer:
        if message.control_id == "C1":
            raise InvalidMessage("holds 0x1C")
        return Answer("AA", accepted=True)

    history = await send(Receiver(unsendable), [message(1), message(2)])
    assert [(s.problem, s.accepted) for s in history] == [("holds 0x1C", False), ("", True)]


async def test_a_rate_spaces_the_messages() -> None:
    clock = ManualClock()
    receiver = Receiver()
    sending = asyncio.create_task(
        send(receiver, [message(n) for n in range(5)], rate_per_second=8.0, clock=clock)
    )
    for expected in (1, 2, 3, 4, 5):
        await eventually(receiver.has_taken(expected))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(receiver.taken) == expected
        clock.advance(0.125)
    history = await sending
    assert [(s.sent_at - history[0].sent_at).total_seconds() for s in history] == [
        0,
        0.125,
        0.25,
        0.375,
        0.5,
    ]


async def test_a_failure_to_read_ends_the_sending() -> None:
    def broken() -> list[Outgoing]:
        raise InvalidMessage("disk gone")

    def messages() -> object:
        yield message(1)
        broken()

    with pytest.raises(InvalidMessage, match="disk gone"):
        await send(Receiver(), messages())  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def mllp(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[MllpChannel]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = FrameDecoder(max_frame_bytes=1_000_000)
        while data := await reader.read(65_536):
            for event in decoder.feed(data):
                assert isinstance(event, Frame)
                content = answer(event.content)
                if content is not None:
                    writer.write(frame(content))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        channel = MllpChannel("127.0.0.1", server.sockets[0].getsockname()[1], timeout_seconds=0.2)
        try:
            await channel.open()
            yield channel
        finally:
            await channel.close()


def ack(code: str, errors: str = "") -> Callable[[bytes], bytes]:
    return lambda content: (
        acknowledge(read(content), code, [], control_id="X", now=NOW) + errors.encode()
    )


async def test_an_answer_is_told_with_code_and_places() -> None:
    errors = "ERR||PID^1^3^1^1|101^Required field missing^HL70357|E\r"
    async with mllp(ack("AE", errors)) as channel:
        assert await channel.exchange(message(1)) == Answer("AE", False, ("101 PID[1]-3[1].1",))


async def test_an_answer_about_another_message_is_not_believed() -> None:
    async with mllp(lambda _: b"MSH|^~\\&|||||||ACK|1|P|2.5\rMSA|AA|C999\r") as channel:
        with pytest.raises(Unavailable, match="another message"):
            await channel.exchange(message(1))


async def test_what_is_no_acknowledgement_is_not_believed() -> None:
    async with mllp(lambda _: b"hello") as channel:
        with pytest.raises(Unavailable, match="no acknowledgement"):
            await channel.exchange(message(1))


async def test_a_receiver_that_could_not_store_is_asked_again() -> None:
    errors = "ERR|||207^Application internal error^HL70357|E\r"
    async with mllp(ack("AR", errors)) as channel:
        with pytest.raises(Unavailable, match="207"):
            await channel.exchange(message(1))


@pytest.mark.parametrize(("condition", "accepted"), [("NE", True), ("ER", True), ("SU", False)])
async def test_silence_means_what_the_message_asked_for(condition: str, accepted: bool) -> None:
    async with mllp(lambda _: None) as channel:
        answer = await channel.exchange(message(1, fields=f"|||{condition}"))
    assert answer == Answer("", accepted)


async def test_an_answer_counts_where_silence_would_have_meant_success() -> None:
    async with mllp(ack("CE")) as channel:
        assert (await channel.exchange(message(1, fields="|||ER"))).code == "CE"


def test_percentiles_are_values_that_were_measured() -> None:
    values = [n / 1000 for n in range(1, 101)]
    assert percentiles_ms(reversed(values)) == {"p50": 50.0, "p99": 99.0, "max": 100.0}
    assert percentile([3.0], 0.99) == 3.0
    assert percentiles_ms([]) == {}


async def test_one_stream_goes_to_several_feeds_each_in_its_order_and_nothing_is_kept() -> None:
    receivers = {"a": Receiver(), "b": Receiver()}
    chosen = random.Random(7)
    stream = [(chosen.choice("ab"), message(n)) for n in range(300)]
    told: list[Sent] = []
    await send_to_feeds(
        iter(stream), {feed: one.channel for feed, one in receivers.items()}, on_sent=told.append
    )
    for feed, receiver in receivers.items():
        assert receiver.taken == [one for to, one in stream if to == feed]
        assert sum(sent.feed == feed for sent in told) == len(receiver.taken)


async def test_a_stream_is_read_no_further_ahead_than_there_is_room() -> None:
    receiver = Receiver()
    asked = most_ahead = 0

    def stream() -> Iterator[tuple[str, Outgoing]]:
        nonlocal asked, most_ahead
        while asked < 2000:
            asked += 1
            most_ahead = max(most_ahead, asked - len(receiver.taken))
            yield "a", message(asked)

    await send_to_feeds(stream(), {"a": receiver.channel}, on_sent=lambda _: None)
    assert len(receiver.taken) == 2000
    assert most_ahead <= 3 * 64
