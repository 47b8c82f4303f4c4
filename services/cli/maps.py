"""`plexus maps`: what turns messages into events: which maps run, and which fields no rule takes."""

import datetime
import pathlib

import click

from plexus.api.transform.v1 import transform_pb2, transform_pb2_grpc
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.telling import ago, as_dict, count, echo_json, json_option, moment, table

__all__ = ["command"]

_SECONDS = 30.0
_MOST = 1000


@click.group()
def command() -> None:
    """Look after maps: which run, and which fields no rule takes.

    What a map says and how an overlay of a tenant or source changes it: docs/maps.md. What becomes
    of each field of one message: plexus explain FILE.
    """


@command.command("list")
@data_option
@json_option
def _list(data: pathlib.Path, as_json: bool) -> None:
    """List the maps that run, with their numbers of rules, and the hash over all of them."""
    answer = run_async(_maps(load_mesh(data)))
    if as_json:
        echo_json(as_dict(answer))
        return
    rows = [[one.name, f"{one.rules:,}"] for one in answer.maps]
    click.echo(table(["MAP", "RULES"], rows, right={"RULES"}))
    click.echo(f"\n  {count(len(answer.maps), 'map')}, version {answer.maps_version}")


@command.command("unmapped")
@data_option
@click.option("--tenant", default="", help="Only of this tenant.")
@click.option("--source", default="", help="Only of this source.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=100,
    show_default=True,
    help="At most so many.",
)
@json_option
def _unmapped(data: pathlib.Path, tenant: str, source: str, limit: int, as_json: bool) -> None:
    """List fields that came and that no rule took, the newest first.

    Nothing of them is lost: they travel in the residue of the event. To take one, or to say that it
    is left out on purpose, write a rule for it into an overlay of the source. A field that a rule
    has taken since stays in this list.
    """
    request = transform_pb2.ListUnmappedFieldsRequest(tenant=tenant, source=source, limit=limit)
    fields = run_async(_fields(load_mesh(data), request))
    if as_json:
        echo_json([as_dict(field) for field in fields])
        return
    if not fields:
        click.echo("Every field that came is taken or dropped by a rule.")
        return
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        [
            field.source,
            field.trigger,
            field.place,
            ago(moment(field.first_at), now),
            field.message_id,
        ]
        for field in fields
    ]
    click.echo(table(["SOURCE", "MESSAGE TYPE", "FIELD", "FIRST", "MESSAGE"], rows))
    if len(fields) >= limit:
        click.echo(f"\n  These are the newest {limit:,}; there may be more: --limit, --source")


async def _maps(mesh: Mesh) -> transform_pb2.ListMapsResponse:
    async with mesh.peer("transform") as peer:
        ask = transform_pb2_grpc.TransformServiceStub(peer.channel).ListMaps
        return await peer.ask(ask, transform_pb2.ListMapsRequest(), deadline_seconds=_SECONDS)


async def _fields(
    mesh: Mesh, request: transform_pb2.ListUnmappedFieldsRequest
) -> list[transform_pb2.UnmappedField]:
    async with mesh.peer("transform") as peer:
        ask = transform_pb2_grpc.TransformServiceStub(peer.channel).ListUnmappedFields
        answer = await peer.ask(ask, request, deadline_seconds=_SECONDS)
    return list(answer.fields)
