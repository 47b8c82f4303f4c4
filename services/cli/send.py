"""`plexus send`: an HL7 v2 source on the command line."""

import asyncio
import collections
import contextlib
import json
import pathlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import click

from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import ConfigurationError, NotFound
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.sending.channels import Channel, GrpcChannel, MllpChannel
from services.cli.sending.latency import percentiles_ms
from services.cli.sending.outgoing import read_files
from services.cli.sending.sender import Sent, send_all

__all__ = ["command", "feed_address", "host_and_port"]

_PROGRESS_SECONDS = 0.5
_ASK_SECONDS = 10.0
_ANYWHERE = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - recognised, not listened on


@click.command()
@click.argument("feed")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=pathlib.Path),
)
@data_option
@click.option("--to", metavar="HOST:PORT", help="Send there over MLLP; no mesh is asked.")
@click.option("--grpc", "over_grpc", is_flag=True, help="Send over gRPC instead of MLLP.")
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Connections at once. One patient's messages stay on one of them, in order.",
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Messages a second at most.")
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Send everything that often; the same bytes are recognised as repeats.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds to wait for an answer before the message is sent again.",
)
@click.option("--quiet", is_flag=True, help="Print nothing but the summary.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    feed: str,
    files: tuple[pathlib.Path, ...],
    data: pathlib.Path,
    to: str | None,
    over_grpc: bool,
    connections: int,
    rate: float | None,
    repeat: int,
    timeout: float,
    quiet: bool,
    as_json: bool,
) -> int:
    """Send HL7 v2 messages to FEED and wait for the answer to each.

    FILES are files with one message or many, folders of such files, or - for standard input.
    Exit code 0: all were answered positively; 1: some were not.
    """
    if to is not None and over_grpc:
        raise click.UsageError("--to is about MLLP; leave out --grpc")
    teller = _Teller(feed, quiet=quiet)
    work = _send(
        feed,
        files * repeat,
        mesh=load_mesh(data),
        to=to,
        over_grpc=over_grpc,
        connections=connections,
        rate=rate,
        timeout_seconds=timeout,
        teller=teller,
    )
    began = time.monotonic()
    history = run_async(work)
    summary = _summary(feed, history, time.monotonic() - began)
    click.echo(json.dumps(summary) if as_json else _in_words(summary))
    return 0 if all(sent.accepted for sent in history) else 1


async def feed_address(mesh: Mesh, feed: str) -> tuple[str, int]:
    """Host and port of a feed's MLLP listener, as ingest tells.

    Raises:
        NotFound: there is no such feed.
        ConfigurationError: it has no listener.
        Unavailable: ingest does not answer.
    """
    async with mesh.peer("ingest") as peer:
        stub = ingest_pb2_grpc.IngestServiceStub(peer.channel)
        answer = await peer.ask(
            stub.ListFeeds, ingest_pb2.ListFeedsRequest(), deadline_seconds=_ASK_SECONDS
        )
    addresses = {one.name: one.address for one in answer.feeds}
    if feed not in addresses:
        raise NotFound(f"there is no feed {feed}; there are: {', '.join(sorted(addresses))}")
    if not addresses[feed]:
        raise ConfigurationError(f"feed {feed} has no MLLP listener; use --grpc")
    host, port = host_and_port(addresses[feed].removeprefix("mllp://"))
    if host in _ANYWHERE:
        # It listens on all of its addresses; the one that its gRPC server has will do.
        host = mesh.grpc["ingest"].rpartition(":")[0]
    return host, port


async def _send(
    feed: str,
    files: Sequence[pathlib.Path],
    *,
    mesh: Mesh,
    to: str | None,
    over_grpc: bool,
    connections: int,
    rate: float | None,
    timeout_seconds: float,
    teller: "_Teller",
) -> list[Sent]:
    async with _channels(feed, mesh, to, over_grpc, timeout_seconds) as open_channel:
        progress = asyncio.create_task(teller.progress())
        try:
            return await send_all(
                read_files(files, teller.warn),
                open_channel,
                feed=feed,
                connections=connections,
                rate_per_second=rate,
                on_sent=teller.sent,
            )
        finally:
            progress.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await progress
            teller.wipe()


@contextlib.asynccontextmanager
async def _channels(
    feed: str, mesh: Mesh, to: str | None, over_grpc: bool, timeout_seconds: float
) -> AsyncIterator[Callable[[], Channel]]:
    if over_grpc:
        async with mesh.peer("ingest") as peer:
            yield lambda: GrpcChannel(peer, feed, timeout_seconds=timeout_seconds)
        return
    host, port = host_and_port(to) if to is not None else await feed_address(mesh, feed)
    yield lambda: MllpChannel(host, port, timeout_seconds=timeout_seconds)


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of an address as it is written on a command line. Raises click.UsageError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise click.UsageError(f"{address} is no address of the form HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _summary(feed: str, history: Sequence[Sent], seconds: float) -> dict[str, Any]:
    codes = collections.Counter(sent.code for sent in history if sent.code)
    return {
        "feed": feed,
        "messages": len(history),
        "accepted": sum(sent.accepted for sent in history),
        "codes": dict(sorted(codes.items())),
        "unanswered": sum(1 for sent in history if sent.problem),
        "sent_again": sum(max(0, sent.tries - 1) for sent in history),
        "seconds": round(seconds, 3),
        "rate_per_s": round(len(history) / seconds, 1) if seconds > 0 else 0.0,
        "latency_ms": percentiles_ms(sent.latency_seconds for sent in history if sent.code),
    }


def _in_words(summary: dict[str, Any]) -> str:
    parts = [f"{summary['messages']} messages", f"{summary['accepted']} accepted"]
    parts += [f"{code} {count}" for code, count in summary["codes"].items()]
    parts += [
        f"{summary[name]} {words}"
        for name, words in (("unanswered", "without an answer"), ("sent_again", "sent again"))
        if summary[name]
    ]
    parts.append(f"{summary['rate_per_s']:.0f}/s")
    if latency := summary["latency_ms"]:
        parts.append(f"answered in {latency['p50']:.1f} ms (p50), {latency['p99']:.1f} ms (p99)")
    return ", ".join(parts)


class _Teller:
    """Tells of what was refused as it happens, and of progress where a person looks on."""

    def __init__(self, feed: str, *, quiet: bool) -> None:
        self._feed = feed
        self._quiet = quiet
        self._shows = not quiet and sys.stderr.isatty()
        self._count = 0
        self._began = time.monotonic()

    def sent(self, sent: Sent) -> None:
        self._count += 1
        if sent.accepted or self._quiet:
            return
        self.wipe()
        why = sent.problem or "; ".join(sent.errors) or "no reason given"
        click.echo(f"{sent.label}: {sent.code or 'no answer'} {why}")

    def warn(self, text: str) -> None:
        """Tell on standard error, whatever else is asked to be quiet."""
        self.wipe()
        click.echo(text, err=True)

    async def progress(self) -> None:
        """Show progress until cancelled."""
        while self._shows:
            await asyncio.sleep(_PROGRESS_SECONDS)
            seconds = time.monotonic() - self._began
            click.echo(
                f"\r{self._feed}: {self._count} messages, {self._count / seconds:.0f}/s ",
                nl=False,
                err=True,
            )

    def wipe(self) -> None:
        """Clear the line of progress."""
        if self._shows:
            click.echo("\r\x1b[K", nl=False, err=True)
