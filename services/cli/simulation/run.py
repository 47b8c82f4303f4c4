"""One run of the simulator: its messages written or sent, counted, and told of while it goes on."""

import asyncio
import collections
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import click

from services.cli.sending import Channel, MllpChannel, Outgoing, Sent, send_to_feeds
from services.cli.simulation.folder import MessageFolder
from services.cli.simulation.hospital import Simulated

__all__ = ["Run"]

_PROGRESS_SECONDS = 0.5
_TOLD_REFUSALS: Final = 10
_NO_ANSWER: Final = "none"


class Run:
    """Counts what is made and what becomes of it; keeps only what is on its way."""

    def __init__(self, *, shows: bool) -> None:
        self._shows = shows
        self._began = time.monotonic()
        self._types: dict[str, collections.Counter[str]] = {}
        self._dirt: collections.Counter[str] = collections.Counter()
        self._flying: dict[str, Simulated] = {}
        self._count = self._refused = 0

    def write(self, messages: Iterable[Simulated], folder: MessageFolder | None) -> None:
        """Write all of them, or only count."""
        looked = time.monotonic()
        for message in messages:
            self._made(message)
            self._types[message.kind]["made"] += 1
            self._count += 1
            if folder is not None:
                folder.write(message)
            if self._shows and time.monotonic() - looked > _PROGRESS_SECONDS:
                looked = time.monotonic()
                self._progress()
        self._wipe()

    async def send(
        self,
        messages: Iterable[Simulated],
        addresses: Mapping[str, tuple[str, int]],
        rate: float | None,
        connections: int,
    ) -> None:
        """Send all of them, and wait for the answers."""
        feeds = {name: _channel_to(*address) for name, address in addresses.items()}
        ticking = asyncio.create_task(self._tick())
        try:
            await send_to_feeds(
                self._outgoing(messages),
                feeds,
                connections=connections,
                rate_per_second=rate,
                on_sent=self._sent,
            )
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            self._wipe()

    def summary(self) -> dict[str, Any]:
        """What has happened."""
        seconds = time.monotonic() - self._began
        codes: collections.Counter[str] = collections.Counter()
        for counts in self._types.values():
            codes.update(counts)
        return {
            "messages": self._count,
            "codes": {code: n for code, n in sorted(codes.items()) if code != "made"},
            "unanswered": codes[_NO_ANSWER],
            "refused_whole": self._refused,
            "seconds": round(seconds, 3),
            "rate_per_s": round(self._count / seconds, 1) if seconds > 0 else 0.0,
            "types": {kind: dict(sorted(n.items())) for kind, n in sorted(self._types.items())},
            "dirt": dict(self._dirt.most_common()),
        }

    def _outgoing(self, messages: Iterable[Simulated]) -> Iterator[tuple[str, Outgoing]]:
        # Runs in a thread of its own, one message after the other; the loop only takes away.
        for message in messages:
            label = f"{message.system} {message.number} {message.kind}"
            self._made(message)
            self._flying[label] = message
            yield (
                message.system,
                Outgoing(message.content, message.control_id, message.person, label),
            )

    def _made(self, message: Simulated) -> None:
        self._types.setdefault(message.kind, collections.Counter())
        if dirt := message.truth.get("dirt"):
            self._dirt[dirt] += 1

    def _sent(self, sent: Sent) -> None:
        message = self._flying.pop(sent.label)
        self._count += 1
        self._types[message.kind][sent.code or _NO_ANSWER] += 1
        if sent.accepted or message.truth.get("spoiled"):
            return
        self._refused += not sent.problem
        if self._refused <= _TOLD_REFUSALS or sent.problem:
            self._wipe()
            why = sent.problem or "; ".join(sent.errors) or "no reason given"
            click.echo(f"{sent.label}: {sent.code or 'no answer'} {why}", err=True)

    async def _tick(self) -> None:
        while self._shows:
            await asyncio.sleep(_PROGRESS_SECONDS)
            self._progress()

    def _progress(self) -> None:
        rate = self._count / max(1e-9, time.monotonic() - self._began)
        click.echo(f"\r{self._count} messages, {rate:.0f}/s ", nl=False, err=True)

    def _wipe(self) -> None:
        if self._shows:
            click.echo("\r\x1b[K", nl=False, err=True)


def _channel_to(host: str, port: int) -> Callable[[], Channel]:
    return lambda: MllpChannel(host, port)
