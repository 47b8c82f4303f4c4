"""Sends many messages over some connections, and keeps the history of it.

Messages of one patient stay on one connection, and a connection sends one message after the other,
so their order is kept. What was not answered is sent again, over a new connection if need be; the
receiver recognises what it has taken. Where all tries failed, the later messages of that connection
are not sent either: they must not overtake.
"""

import asyncio
import dataclasses
import datetime
import itertools
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from plexus.clock import Clock, SystemClock
from plexus.errors import PlexusError, Transient
from plexus.retry import Backoff
from services.cli.sending.channels import Answer, Channel
from services.cli.sending.outgoing import Outgoing

__all__ = ["Sent", "send_all", "send_to_feeds"]

_READ_AT_ONCE = 64
_WAITING = 64
_BACKOFF = Backoff(first_seconds=0.1, longest_seconds=5.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message.

    Attributes:
        control_id: MSH-10.
        feed: where it was sent.
        sent_at: when it was first sent, in UTC.
        code: the answer, of HL7 table 0008; empty where none came.
        latency_seconds: from the last sending to the answer.
        accepted: it was answered positively, or asked for silence and got it.
        label: where it came from.
        patient: what ordered it.
        errors: codes and places that the receiver named.
        problem: why it has no answer; empty where it has.
        tries: how often it was sent; 0 where it never was.
        message_id: the mesh's name for it, where known.
    """

    control_id: str
    feed: str
    sent_at: datetime.datetime
    code: str
    latency_seconds: float
    accepted: bool
    label: str = ""
    patient: str = ""
    errors: tuple[str, ...] = ()
    problem: str = ""
    tries: int = 1
    message_id: str = ""


async def send_all(
    messages: Iterable[Outgoing],
    open_channel: Callable[[], Channel],
    *,
    feed: str,
    connections: int = 1,
    rate_per_second: float | None = None,
    tries: int = 6,
    backoff: Backoff = _BACKOFF,
    on_sent: Callable[[Sent], None] = lambda _: None,
    clock: Clock | None = None,
) -> list[Sent]:
    """Send messages; returns when each has its answer or none can be had.

    Args:
        messages: read in another thread, some at a time, as they are needed.
        open_channel: gives a channel for each connection.
        feed: for the history.
        connections: how many are sent at once, at most one of each patient.
        rate_per_second: no faster than this, all connections together; None for no limit.
        tries: how often one message is tried before its connection is given up.
        backoff: waits between tries.
        on_sent: told each outcome as it happens.
        clock: for times and waits.

    Returns:
        The history, in the order in which the outcomes were known.
    """
    history: list[Sent] = []

    def tell(sent: Sent) -> None:
        history.append(sent)
        on_sent(sent)

    await send_to_feeds(
        ((feed, message) for message in messages),
        {feed: open_channel},
        connections=connections,
        rate_per_second=rate_per_second,
        tries=tries,
        backoff=backoff,
        on_sent=tell,
        clock=clock,
    )
    return history


async def send_to_feeds(
    messages: Iterable[tuple[str, Outgoing]],
    feeds: Mapping[str, Callable[[], Channel]],
    *,
    connections: int = 1,
    rate_per_second: float | None = None,
    tries: int = 6,
    backoff: Backoff = _BACKOFF,
    on_sent: Callable[[Sent], None],
    clock: Clock | None = None,
) -> None:
    """Send one stream of messages to several feeds, and keep nothing: it may be endless.

    Messages are read in their order and no further ahead than the lanes of the slowest feed have
    room for. Within a feed the order of each patient is kept; feeds do not wait for one another.

    Args:
        messages: with the feed of each; read as `send_all` does.
        feeds: gives a channel for each connection, by feed.
        connections: to each feed.
        rate_per_second: of all feeds together.
        tries: as in `send_all`, as the next ones are.
        backoff: waits between tries.
        on_sent: told each outcome as it happens.
        clock: for times and waits.
    """
    sender = _Sender(tries, backoff, on_sent, clock or SystemClock(), rate_per_second)
    lanes = {
        feed: [_Lane(feed, asyncio.Queue(_WAITING), open_channel()) for _ in range(connections)]
        for feed, open_channel in feeds.items()
    }
    tasks = [asyncio.create_task(sender.run(lane)) for some in lanes.values() for lane in some]
    tasks.append(asyncio.create_task(sender.distribute(iter(messages), lanes)))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclasses.dataclass(slots=True)
class _Lane:
    feed: str
    queue: asyncio.Queue[Outgoing | None]
    channel: Channel
    problem: str = ""


class _Sender:
    def __init__(
        self,
        tries: int,
        backoff: Backoff,
        on_sent: Callable[[Sent], None],
        clock: Clock,
        rate_per_second: float | None,
    ) -> None:
        self._tries = tries
        self._backoff = backoff
        self._on_sent = on_sent
        self._clock = clock
        self._rate_per_second = rate_per_second
        self._random = random.Random()  # noqa: S311 - spreads load, guards nothing

    async def distribute(
        self, messages: Iterator[tuple[str, Outgoing]], lanes: Mapping[str, Sequence[_Lane]]
    ) -> None:
        began = self._clock.monotonic()
        count = 0
        while True:
            # Files are read in a thread, so that a slow disk does not delay answers.
            some = await asyncio.to_thread(lambda: list(itertools.islice(messages, _READ_AT_ONCE)))
            for feed, message in some:
                if self._rate_per_second is not None:
                    due = began + count / self._rate_per_second
                    await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
                count += 1
                mine = lanes[feed]
                await mine[zlib.crc32(message.patient.encode()) % len(mine)].queue.put(message)
            if not some:
                break
        for mine in lanes.values():
            for lane in mine:
                await lane.queue.put(None)

    async def run(self, lane: _Lane) -> None:
        try:
            while (message := await lane.queue.get()) is not None:
                if lane.problem:
                    now = self._clock.now()
                    self._on_sent(self._unanswered(lane, message, now, 0, lane.problem))
                else:
                    self._on_sent(await self._send(message, lane))
        finally:
            await lane.channel.close()

    async def _send(self, message: Outgoing, lane: _Lane) -> Sent:
        first_at = self._clock.now()
        problem = ""
        for attempt in range(1, self._tries + 1):
            if attempt > 1:
                await self._clock.sleep(self._backoff.wait(attempt - 1, self._random))
            try:
                await lane.channel.open()
                began = self._clock.monotonic()
                answer = await lane.channel.exchange(message)
            except Transient as exc:
                problem = exc.detail
                await lane.channel.close()
            except PlexusError as exc:
                return self._unanswered(lane, message, first_at, 0, exc.detail)
            else:
                latency_seconds = self._clock.monotonic() - began
                return self._answered(lane, message, first_at, attempt, answer, latency_seconds)
        lane.problem = "not sent: an earlier message of its connection has no answer"
        return self._unanswered(lane, message, first_at, self._tries, problem)

    def _answered(
        self,
        lane: _Lane,
        message: Outgoing,
        at: datetime.datetime,
        tries: int,
        answer: Answer,
        latency_seconds: float,
    ) -> Sent:
        return Sent(
            message.control_id,
            lane.feed,
            at,
            answer.code,
            latency_seconds,
            answer.accepted,
            message.label,
            message.patient,
            answer.errors,
            "",
            tries,
            answer.message_id,
        )

    def _unanswered(
        self, lane: _Lane, message: Outgoing, at: datetime.datetime, tries: int, problem: str
    ) -> Sent:
        return Sent(
            message.control_id,
            lane.feed,
            at,
            code="",
            latency_seconds=0.0,
            accepted=False,
            label=message.label,
            patient=message.patient,
            problem=problem,
            tries=tries,
        )
