"""Anchors: they keep checkpoints where who rules the database does not.

Whoever rewrites the log has to rewrite what an anchor keeps as well. So an anchor is worth as much as it is
out of the reach of that person: a folder on another machine, a receiver of another organisation.
"""

import asyncio
import hashlib
import os
import pathlib
import re
import secrets
import time
from collections.abc import Callable
from typing import Final

import aiohttp

from plexus.bus import Leases
from plexus.errors import Unavailable

__all__ = ["FolderAnchor", "NatsAnchor", "WebhookAnchor", "file_name"]

_HISTORY_SECONDS: Final = 600.0
_WEBHOOK_SECONDS: Final = 5.0
_is_plain: Final = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


def file_name(tenant: str) -> str:
    """What stands for a tenant where only plain names are allowed."""
    return tenant if _is_plain(tenant) else "tenant-" + hashlib.sha256(tenant.encode()).hexdigest()


class FolderAnchor:
    """Two files for each log: `NAME.checkpoint` is the latest, `NAME.history` gets one every ten minutes."""

    name = "folder"

    def __init__(
        self, folder: pathlib.Path, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._told: dict[str, float] = {}

    async def keep(self, tenant: str, note: str) -> None:
        """See `Anchor`."""
        name = file_name(tenant)
        now = self._monotonic()
        is_due = name not in self._told or now - self._told[name] >= _HISTORY_SECONDS
        try:
            await asyncio.to_thread(self._write, name, note, is_due)
        except OSError as exc:
            raise Unavailable("the folder of checkpoints cannot be written") from exc
        if is_due:
            self._told[name] = now

    def _write(self, name: str, note: str, is_due: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f".{name}.{secrets.token_hex(4)}"
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._folder / f"{name}.checkpoint")
        if is_due:
            # Notes end with a signature line; an empty line keeps them apart.
            with (self._folder / f"{name}.history").open(
                "a", encoding="utf-8", newline="\n"
            ) as file:
                file.write(note + "\n")
                file.flush()
                os.fsync(file.fileno())


class NatsAnchor:
    """The latest note of each log in the bucket of marks, under `checkpoint.NAME`."""

    name = "nats"

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    async def keep(self, tenant: str, note: str) -> None:
        """See `Anchor`."""
        await self._leases.save_mark("checkpoint", file_name(tenant), note)


class WebhookAnchor:
    """Posts each note to a URL, as text. Any 2xx answer is a promise that it is kept."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def keep(self, tenant: str, note: str) -> None:
        """See `Anchor`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_WEBHOOK_SECONDS)
            )
        try:
            async with self._session.post(
                self._url,
                data=note.encode(),
                headers={"Content-Type": "text/plain; charset=utf-8"},
                allow_redirects=False,
            ) as answer:
                if not 200 <= answer.status < 300:
                    raise Unavailable(f"the web hook for checkpoints answers {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise Unavailable("the web hook for checkpoints does not answer") from exc

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()
