"""The plain HTTP server of a service: /livez, /readyz, /metrics. It never shows patient data."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from plexus.errors import PlexusError

__all__ = ["AdminServer"]

Check = Callable[[], Awaitable[None]]
_CHECK_SECONDS = 2.0


class AdminServer:
    """Answers probes and scrapes."""

    def __init__(self, listen: str) -> None:
        self._listen = listen
        self._checks: dict[str, Check] = {}
        self._runner: web.AppRunner | None = None
        self.address = ""

    def add_check(self, name: str, check: Check) -> None:
        """The service is ready only while `check` raises nothing."""
        self._checks[name] = check

    async def start(self) -> str:
        """Listen. Returns host and port. Raises PlexusError where the port is taken."""
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, _, port = self._listen.rpartition(":")
        try:
            site = web.TCPSite(self._runner, host, int(port))
            await site.start()
        except OSError as exc:
            raise PlexusError(f"cannot listen on {self._listen} for HTTP") from exc
        self.address = f"{host}:{self._runner.addresses[0][1]}"
        return self.address

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def unready(self) -> dict[str, str]:
        """What is not ready, with its reason; empty where all is."""
        problems: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await check()
            except TimeoutError:
                problems[name] = "no answer in time"
            except PlexusError as exc:
                problems[name] = exc.detail
        return problems

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        problems = await self.unready()
        body = {"ready": not problems, "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        # Reads files of /proc, and takes a while where there are many labels.
        body = await asyncio.to_thread(generate_latest)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
