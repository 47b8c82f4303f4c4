"""The sources of a benchmark, in a process of their own: `python -m services.cli.benchmark.load`.

Orders come as JSON lines on standard input, results leave as JSON lines on standard output. Each
connection has its own persons, so each person's messages keep their order. Three kinds of load:

- open loop: messages are due at fixed times, whatever the answers do. Latency counts from the time a
  message was due, so a pause of the mesh is charged with every message that it delayed.
- closed loop: each connection sends its next message when it has the answer to the last one.
- sustained: the same, but never more than so many messages are between source and receiver. So the
  mesh takes in what it brings, and its queues neither grow nor run dry.
"""

import asyncio
import collections
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import aiohttp
import uvloop

from plexus.errors import PlexusError
from plexus.garbage import collect_seldom
from plexus.mllp import MllpClient
from services.cli.sending.generator import TrafficGenerator
from services.cli.sending.latency import percentiles_ms

__all__ = ["Load"]

_PROGRESS_SECONDS = 1.0
_TIMEOUT_SECONDS = 60.0
# Between an order and its first message, so that every connection is ready when its time comes.
_HEAD_START_SECONDS = 0.1
_LOOK_SECONDS = 0.1


@dataclasses.dataclass(slots=True)
class _Connection:
    client: MllpClient
    source: TrafficGenerator


@dataclasses.dataclass(slots=True)
class _Count:
    """What a phase has seen so far."""

    codes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    latencies: list[float] = dataclasses.field(default_factory=list)
    samples: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    sent_bytes: int = 0
    problem: str = ""

    def result(self, seconds: float, began_at: float) -> dict[str, Any]:
        return {
            "messages": len(self.latencies),
            "codes": dict(self.codes),
            "bytes": self.sent_bytes,
            "began_at": began_at,
            "seconds": seconds,
            "latency_ms": percentiles_ms(self.latencies),
            "samples": self.samples,
            "problem": self.problem,
        }


class Load:
    """Connections to the feeds of a mesh, and what is sent over them."""

    def __init__(self, ports: Sequence[int], *, connections: int, people: int) -> None:
        """Spread connections over listeners on this machine, and persons over connections."""
        self._connections = [
            _Connection(
                MllpClient("127.0.0.1", ports[n % len(ports)], timeout_seconds=_TIMEOUT_SECONDS),
                TrafficGenerator(prefix=f"B{n:03d}-", people=range(n, people, connections)),
            )
            for n in range(connections)
        ]
        self._count = _Count()

    async def connect(self) -> None:
        """Open all connections. Raises Unavailable."""
        await asyncio.gather(*(one.client.connect() for one in self._connections))

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(one.client.close() for one in self._connections))

    async def open_loop(self, rate_per_second: float, seconds: float) -> dict[str, Any]:
        """Messages at a fixed rate, spread over the connections; `samples` has each of them."""
        self._count = _Count()
        began, began_at = time.perf_counter() + _HEAD_START_SECONDS, time.time()
        ahead = began_at + _HEAD_START_SECONDS - began
        width = len(self._connections)
        total = int(rate_per_second * seconds)

        async def one_connection(number: int) -> None:
            connection = self._connections[number]
            for place in range(number, total, width):
                due = began + place / rate_per_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                control_id = await self._exchange(connection, due)
                self._count.samples.append((control_id, due + ahead))

        await self._all(one_connection)
        return self._count.result(time.perf_counter() - began, began_at)

    async def closed_loop(self, seconds: float) -> dict[str, Any]:
        """As many messages as the connections can carry, one after the other on each."""
        self._count = _Count()
        began, began_at = time.perf_counter(), time.time()
        until = began + seconds

        async def one_connection(number: int) -> None:
            connection = self._connections[number]
            while (now := time.perf_counter()) < until:
                await self._exchange(connection, now)

        await self._all(one_connection)
        return self._count.result(time.perf_counter() - began, began_at)

    async def sustained(self, seconds: float, most: int, stats_url: str) -> dict[str, Any]:
        """As many messages as the mesh can bring, with at most `most` of them on their way.

        Args:
            seconds: how long.
            most: messages sent that the receiver has not got.
            stats_url: where the receiver tells how many `distinct_messages` it has.
        """
        self._count = _Count()
        sent = 0
        async with _arrivals(stats_url) as arrivals:
            began, began_at = time.perf_counter(), time.time()
            until = began + seconds

            async def one_connection(number: int) -> None:
                nonlocal sent
                connection = self._connections[number]
                while time.perf_counter() < until:
                    if sent - arrivals.count >= most:
                        await arrivals.look()
                        continue
                    sent += 1
                    await self._exchange(connection, time.perf_counter())

            await self._all(one_connection)
            return self._count.result(time.perf_counter() - began, began_at)

    async def _all(self, work: Any) -> None:
        telling = asyncio.create_task(self._tell())
        try:
            await asyncio.gather(*(work(number) for number in range(len(self._connections))))
        except PlexusError as exc:
            self._count.problem = exc.detail
        finally:
            telling.cancel()

    async def _exchange(self, connection: _Connection, due: float) -> str:
        message = next(connection.source)
        answer = await connection.client.send(message.content)
        count = self._count
        count.latencies.append(time.perf_counter() - due)
        # The answers of the mesh to these messages are known in form; reading them whole would
        # cost the machine what it is to be measured with.
        place = answer.find(b"\rMSA|") + 5
        count.codes[answer[place : place + 2].decode("ascii", "replace")] += 1
        count.sent_bytes += len(message.content)
        return message.control_id

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            _write({"progress": len(self._count.latencies)})


class _Arrivals:
    """How many messages have come to the receiver since the beginning."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask
        self._looked = asyncio.Event()
        self._before = 0
        self.count = 0

    async def start(self) -> None:
        self._before = await self._ask()

    async def look(self) -> None:
        """Wait for the next count."""
        await self._looked.wait()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.count = await self._ask() - self._before
            self._looked.set()
            self._looked.clear()


@contextlib.asynccontextmanager
async def _arrivals(stats_url: str) -> AsyncIterator[_Arrivals]:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:

        async def ask() -> int:
            async with session.get(stats_url) as answer:
                return int((await answer.json())["distinct_messages"])

        arrivals = _Arrivals(ask)
        await arrivals.start()
        counting = asyncio.create_task(arrivals.run())
        try:
            yield arrivals
        finally:
            counting.cancel()


def _write(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _do(load: Load, order: Mapping[str, Any]) -> dict[str, Any]:
    if order["act"] == "open_loop":
        return await load.open_loop(order["rate_per_second"], order["seconds"])
    if order["act"] == "sustained":
        return await load.sustained(order["seconds"], order["most"], order["stats_url"])
    return await load.closed_loop(order["seconds"])


def main() -> None:
    """Take orders until standard input ends; the arguments are those of `Load`, as JSON."""
    arguments = json.loads(sys.argv[1])
    collect_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

        async def ready() -> Load:
            load = Load(**arguments)
            await load.connect()
            return load

        load = runner.run(ready())
        _write({"ready": True})
        for line in sys.stdin:
            _write({"result": runner.run(_do(load, json.loads(line)))})
        runner.run(load.close())


if __name__ == "__main__":
    main()
