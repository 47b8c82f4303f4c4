"""The admin server: alive at once, ready only while every check holds, metrics for a scraper."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from plexus.errors import PlexusError, Unavailable
from plexus.service.admin import AdminServer


@pytest_asyncio.fixture
async def admin() -> AsyncIterator[AdminServer]:
    server = AdminServer("127.0.0.1:0")
    await server.start()
    yield server
    await server.stop()


async def get(admin: AdminServer, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{admin.address}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def test_it_is_alive_and_ready_without_checks(admin: AdminServer) -> None:
    assert (await get(admin, "/livez"))[0] == 200
    assert await get(admin, "/readyz") == (200, '{"ready": true, "problems": {}}')


async def test_it_is_ready_again_when_its_checks_hold_again(admin: AdminServer) -> None:
    problems: list[PlexusError] = [Unavailable("NATS is not connected")]

    async def check() -> None:
        if problems:
            raise problems[0]

    admin.add_check("nats", check)
    status, body = await get(admin, "/readyz")
    assert status == 503
    assert '"nats": "NATS is not connected"' in body
    assert (await get(admin, "/livez"))[0] == 200
    problems.clear()
    assert (await get(admin, "/readyz"))[0] == 200


async def test_a_check_that_hangs_is_not_ready(
    admin: AdminServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexus.service.admin._CHECK_SECONDS", 0.02)

    async def hang() -> None:
        await asyncio.Event().wait()

    admin.add_check("postgresql", hang)
    assert await admin.unready() == {"postgresql": "no answer in time"}


async def test_metrics_are_told_to_a_scraper(admin: AdminServer) -> None:
    status, body = await get(admin, "/metrics")
    assert status == 200
    assert "# HELP plexus_event_loop_lag_seconds " in body


async def test_a_port_that_is_taken_is_told(admin: AdminServer) -> None:
    other = AdminServer(admin.address)
    with pytest.raises(PlexusError, match="cannot listen"):
        await other.start()
    await other.stop()
