"""Starts the load process and gives it orders."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from plexus.errors import Unavailable

__all__ = ["LoadProcess"]

_LINE_BYTES = 64 * 1024 * 1024
_END_SECONDS = 10.0


class LoadProcess:
    """The load process; an order at a time."""

    def __init__(self, ports: Sequence[int], *, connections: int, people: int) -> None:
        self._arguments = {"ports": list(ports), "connections": connections, "people": people}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id, once started."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.cli.benchmark.load",
            json.dumps(self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        await self._line()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS if error is None else 0.0):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def open_loop(self, rate_per_second: float, seconds: float) -> dict[str, Any]:
        """See `Load.open_loop`. Raises Unavailable where the load fails."""
        order = {"act": "open_loop", "rate_per_second": rate_per_second, "seconds": seconds}
        return await self._order(order, lambda _: None)

    async def closed_loop(
        self, seconds: float, on_progress: Callable[[int], None]
    ) -> dict[str, Any]:
        """See `Load.closed_loop`; tells the number of answers every second."""
        return await self._order({"act": "closed_loop", "seconds": seconds}, on_progress)

    async def sustained(
        self, seconds: float, most: int, stats_url: str, on_progress: Callable[[int], None]
    ) -> dict[str, Any]:
        """See `Load.sustained`; tells the number of answers every second."""
        order = {"act": "sustained", "seconds": seconds, "most": most, "stats_url": stats_url}
        return await self._order(order, on_progress)

    async def _order(
        self, order: dict[str, Any], on_progress: Callable[[int], None]
    ) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        while True:
            line = await self._line()
            if "progress" in line:
                on_progress(line["progress"])
                continue
            result: dict[str, Any] = line["result"]
            if result["problem"]:
                raise Unavailable(f"the load generator failed: {result['problem']}")
            return result

    async def _line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise Unavailable("the load generator has ended; its last words are above")
        content: dict[str, Any] = json.loads(line)
        return content
