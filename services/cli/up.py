"""`plexus up`: the whole mesh here, supervised, until Ctrl-C."""

import asyncio
import contextlib
import importlib.resources
import pathlib
import signal

import click

from plexus.errors import PlexusError
from plexus.local.supervisor import Event
from plexus.settings import load_document
from services.cli.local_mesh import LocalMesh
from services.cli.mesh import data_option, run_async
from services.delivery.settings import Destination
from services.ingest.settings import Feed
from services.registry import SERVICES, sections_of

__all__ = ["command"]

_HEALTH_SECONDS = 10.0


@click.command()
@data_option
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    default=pathlib.Path("plexus.yaml"),
    show_default=True,
    help="The mesh document; a first one is written if it is missing.",
)
@click.option(
    "--trace/--no-trace", default=False, help="Record a trace of every message in DATA/spans."
)
def command(data: pathlib.Path, config: pathlib.Path, trace: bool) -> None:
    """Run the whole mesh on this machine: NATS, PostgreSQL and a process per service.

    Everything it keeps lies in the data folder. A process that ends is started again, with growing
    waits. Ctrl-C drains: no new messages, what has begun is finished, nothing is lost.
    """
    if not config.exists():
        starter = importlib.resources.files("services.cli") / "starter.yaml"
        config.write_text(starter.read_text(encoding="utf-8"), encoding="utf-8")
        click.echo(f"wrote {config}, a first mesh document: one feed, one folder")
    run_async(_up(data, config, trace))


async def _up(data: pathlib.Path, config: pathlib.Path, trace: bool) -> None:
    document = load_document(config)
    document.known({section for name in SERVICES for section in sections_of(name)})
    feeds = document.sections("feeds", Feed)
    destinations = document.sections("destinations", Destination)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    environment = {"PLEXUS_TRACE_EXPORTER": "file", "PLEXUS_TRACE_RATIO": "1"} if trace else {}
    mesh = LocalMesh(data, config, on_event=_tell, environment=environment)
    async with mesh:
        watching = asyncio.create_task(_watch(mesh))
        try:
            await mesh.ready()
            click.echo(_welcome(data, feeds, destinations))
        except PlexusError as exc:
            click.echo(f"plexus: {exc.detail}", err=True)
        await stopped.wait()
        click.echo("draining: what has begun is finished")
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def _tell(event: Event) -> None:
    click.echo(str(event))


async def _watch(mesh: LocalMesh) -> None:
    """A NATS whose disk was full refuses to publish until it is started again."""
    unhealthy = 0
    while True:
        await asyncio.sleep(_HEALTH_SECONDS)
        unhealthy = 0 if await mesh.nats.is_healthy() else unhealthy + 1
        if unhealthy >= 3:
            click.echo("nats is not healthy: starting it again")
            await mesh.supervisor.restart("nats")
            unhealthy = 0


def _welcome(data: pathlib.Path, feeds: list[Feed], destinations: list[Destination]) -> str:
    at = "" if data == pathlib.Path(".plexus") else f" --data {data}"
    lines = ["", "The mesh is ready. Ctrl-C stops it.", ""]
    for feed in feeds:
        where = f"MLLP on {feed.listen}" if feed.listen else "gRPC only"
        lines.append(f"  feed         {feed.name} ({feed.tenant}): {where}")
    for destination in destinations:
        where = destination.url or str(destination.path)
        lines.append(f"  destination  {destination.name} ({destination.tenant}): {where}")
    first = feeds[0].name if feeds else "FEED"
    lines += [
        "",
        f"  plexus send{at} {first} FILE…     send messages",
        f"  plexus list{at}                   how everything does",
        f"  plexus conservation{at}           what came, what left, what waits",
        "",
    ]
    return "\n".join(lines)
