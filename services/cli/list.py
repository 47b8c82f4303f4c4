"""`plexus list`: services, feeds and destinations, and how they do. The first look of a night.

A service is ready when its plain HTTP server says so (/readyz, with the reason where it is not); where
only gRPC addresses are known, its gRPC health is asked instead.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import importlib.metadata
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import click
from grpc_health.v1 import health_pb2, health_pb2_grpc

from plexus.api.delivery.v1 import delivery_pb2, delivery_pb2_grpc
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.errors import PlexusError
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.telling import (
    advice_on,
    ago,
    as_dict,
    echo_json,
    json_option,
    moment,
    paint,
    plain,
    reason_name,
    table,
)
from services.registry import SERVICES

__all__ = ["Overview", "command", "look", "watch"]

_SECONDS = 3.0


@dataclasses.dataclass(slots=True)
class Overview:
    """How a mesh does.

    Attributes:
        services: what is wrong with each service, by name; empty text where it is ready.
        feeds, destinations: as ingest and delivery tell them; None where they did not answer.
    """

    services: dict[str, str]
    feeds: list[ingest_pb2.Feed] | None = None
    destinations: list[delivery_pb2.Destination] | None = None

    @property
    def is_ready(self) -> bool:
        """Every service is ready, and every destination takes deliveries."""
        return (
            not any(self.services.values())
            and self.feeds is not None
            and self.destinations is not None
            and all(destination.available for destination in self.destinations)
        )


async def look(mesh: Mesh) -> Overview:
    """Ask everybody at once. Raises nothing: who does not answer is told."""
    overview = Overview({})
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
        *problems, _, _ = await asyncio.gather(
            *(_problem(mesh, session, name) for name in SERVICES),
            _ask_feeds(mesh, overview),
            _ask_destinations(mesh, overview),
        )
    overview.services = dict(zip(SERVICES, (problem or "" for problem in problems), strict=True))
    return overview


async def _problem(mesh: Mesh, session: aiohttp.ClientSession, name: str) -> str:
    address = mesh.admin.get(name)
    if address is None:
        return await _grpc_problem(mesh, name)
    try:
        async with session.get(f"http://{address}/readyz") as answer:
            if answer.status == 200:
                return ""
            body = await answer.json()
            problems = body["problems"].items()
            return ", ".join(f"{part}: {why}" for part, why in problems) or "not ready"
    except TimeoutError:
        return f"no answer within {_SECONDS:g} s on {address}"
    except (aiohttp.ClientError, ValueError, KeyError, AttributeError):
        return f"does not answer on {address}"


async def _grpc_problem(mesh: Mesh, name: str) -> str:
    try:
        async with mesh.peer(name) as peer:
            answer = await peer.ask(
                health_pb2_grpc.HealthStub(peer.channel).Check,
                health_pb2.HealthCheckRequest(),
                deadline_seconds=_SECONDS,
            )
    except PlexusError as exc:
        return exc.detail
    is_serving = answer.status == health_pb2.HealthCheckResponse.ServingStatus.SERVING
    return "" if is_serving else "its gRPC health says so"


async def _ask_feeds(mesh: Mesh, overview: Overview) -> None:
    with contextlib.suppress(PlexusError):
        async with mesh.peer("ingest") as peer:
            answer = await peer.ask(
                ingest_pb2_grpc.IngestServiceStub(peer.channel).ListFeeds,
                ingest_pb2.ListFeedsRequest(),
                deadline_seconds=_SECONDS,
            )
            overview.feeds = list(answer.feeds)


async def _ask_destinations(mesh: Mesh, overview: Overview) -> None:
    with contextlib.suppress(PlexusError):
        async with mesh.peer("delivery") as peer:
            answer = await peer.ask(
                delivery_pb2_grpc.DeliveryServiceStub(peer.channel).ListDestinations,
                delivery_pb2.ListDestinationsRequest(),
                deadline_seconds=_SECONDS,
            )
            overview.destinations = list(answer.destinations)


@click.command()
@data_option
@click.option(
    "--watch",
    "every_seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0.2),
    help="Look again every so often, until Ctrl-C.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, data: Any, every_seconds: float | None, as_json: bool) -> None:
    """Show services, feeds and destinations, and how they do.

    Exit code 1 where a service is not ready or a destination does not take deliveries.
    """
    mesh = load_mesh(data)

    def show() -> bool:
        overview = run_async(look(mesh))
        if as_json:
            echo_json(_overview_dict(overview), compact=every_seconds is not None)
        else:
            if every_seconds is not None:
                click.clear()
            click.echo(_told(overview, datetime.datetime.now(datetime.UTC)))
        return overview.is_ready

    is_ready = show() if every_seconds is None else watch(show, every_seconds, time.sleep)
    if not is_ready:
        ctx.exit(1)


def watch(show: Callable[[], bool], seconds: float, sleep: Callable[[float], None]) -> bool:
    """Show again and again until Ctrl-C. Returns what the last look said."""
    is_ready = False
    try:
        while True:
            is_ready = show()
            sleep(seconds)
    except KeyboardInterrupt:
        return is_ready


def _overview_dict(overview: Overview) -> dict[str, Any]:
    return {
        "ready": overview.is_ready,
        "services": {
            name: {"ready": not problem, "problem": problem}
            for name, problem in overview.services.items()
        },
        "feeds": _dicts(overview.feeds),
        "destinations": _dicts(overview.destinations),
    }


def _dicts(
    messages: list[ingest_pb2.Feed] | list[delivery_pb2.Destination] | None,
) -> list[dict[str, Any]] | None:
    return None if messages is None else [as_dict(message) for message in messages]


def _told(overview: Overview, now: datetime.datetime) -> str:
    version = importlib.metadata.version("plexus")
    parts = [f"plexus {version}, {now:%Y-%m-%d %H:%M:%S} UTC", _services_told(overview)]
    parts.append(_feeds_told(overview.feeds, now))
    parts.append(_destinations_told(overview.destinations, now))
    steps = _steps(overview)
    if steps:
        parts.append("\n".join(f"What to do: {step}." for step in steps))
    return "\n\n".join(parts)


def _services_told(overview: Overview) -> str:
    rows = [
        [name, paint("not ready", "red") if problem else paint("ready", "green"), plain(problem)]
        for name, problem in overview.services.items()
    ]
    return table(["SERVICE", "STATE", "WHY" if any(overview.services.values()) else ""], rows)


def _feeds_told(feeds: list[ingest_pb2.Feed] | None, now: datetime.datetime) -> str:
    if feeds is None:
        return "  Feeds are not known: ingest did not answer."
    headings = [
        "FEED",
        "ADDRESS",
        "LAST MESSAGE",
        "ACCEPTED",
        "REJECTED",
        "DUPLICATES",
        "CONNECTIONS",
        "UNRELAYED",
    ]
    rows = [
        [
            feed.name,
            feed.address or "gRPC only",
            ago(moment(feed.last_received_at), now),
            f"{feed.accepted:,}",
            f"{feed.rejected:,}",
            f"{feed.duplicates:,}",
            f"{feed.connections:,}",
            f"{feed.unrelayed:,}",
        ]
        for feed in feeds
    ]
    return table(headings, rows, right=headings[3:]) or "  No feed is configured."


def _destinations_told(
    destinations: list[delivery_pb2.Destination] | None, now: datetime.datetime
) -> str:
    if destinations is None:
        return "  Destinations are not known: delivery did not answer."
    rows = [
        [
            one.name,
            one.kind,
            paint("available", "green") if one.available else paint("failing", "red"),
            f"{one.pending:,}",
            ago(moment(one.oldest_pending_at), now) if one.pending else "",
            reason_name(one.last_failure),
        ]
        for one in destinations
    ]
    headings = ["DESTINATION", "KIND", "STATE", "PENDING", "OLDEST", "LAST FAILURE"]
    return table(headings, rows, right={"PENDING"}) or "  No destination is configured."


def _steps(overview: Overview) -> list[str]:
    steps: list[str] = []
    broken = [name for name, problem in overview.services.items() if problem]
    if len(broken) == len(overview.services):
        steps.append("Nobody answers: start the mesh with plexus up, or name its --data folder")
    elif broken:
        steps.append(
            f"Look at the logs of {', '.join(broken)}; with plexus up they are in DATA/logs."
            " Messages wait meanwhile and are not lost"
        )
    for one in overview.destinations or ():
        if not one.available:
            words = advice_on(one.last_failure).words
            steps.append(
                f"Destination {one.name} fails, {words}: its messages wait and are tried again;"
                " look at its system, its url and its token_file"
            )
    return steps
