"""`plexus terms`: what codes mean. Checks code maps, lists unmapped codes, loads licensed releases.

The releases stay on this machine: they are read where code maps are verified and where transform
looks for suggestions, never while messages are converted.
"""

import contextlib
import datetime
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import click

from plexus.api.transform.v1 import transform_pb2, transform_pb2_grpc
from plexus.codecs.terminology import code_system, system_of_name
from plexus.codecs.terminology.index import Index, load_release
from plexus.codecs.terminology.releases import RELEASES, open_release
from plexus.errors import ConfigurationError, NotFound
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.telling import (
    ago,
    as_dict,
    count,
    echo_json,
    json_option,
    moment,
    paint,
    plain,
    table,
)
from services.transform.domain import CodeMap, read_code_map

__all__ = ["command"]

_SECONDS = 30.0
_MOST = 1000
_MOST_NOTES = 20

_folder_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    envvar="PLEXUS_TERMINOLOGY_FOLDER",
    help="Folder of loaded releases.  [default: terminology in the data folder]",
)


@click.group()
def command() -> None:
    """Look after codes: code maps, unmapped codes, releases of standards."""


@command.group("map")
def _map() -> None:
    """Code maps: files that say what the local codes of a source are in a standard."""


@_map.command("verify")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
)
@data_option
@_folder_option
@json_option
@click.pass_context
def _verify(
    ctx: click.Context,
    files: Sequence[pathlib.Path],
    data: pathlib.Path,
    folder: pathlib.Path | None,
    as_json: bool,
) -> None:
    """Verify code maps before they are used. Names every problem with its line.

    Targets are held against the loaded release of their system, where there is one. Exit code 1
    where a file has a problem.
    """
    found: list[dict[str, Any]] = []
    with contextlib.closing(Index(_folder(data, folder))) as index:
        for path in files:
            try:
                made = read_code_map(path)
            except ConfigurationError as exc:
                found.append(_result(path, exc.detail.split("\n")))
            else:
                found.append(_result(path, [], _notes(path, made, index), made))
    if as_json:
        echo_json(found)
    else:
        for one in found:
            _tell(one)
    if any(one["problems"] for one in found):
        ctx.exit(1)


def _result(
    path: pathlib.Path, problems: list[str], notes: Sequence[str] = (), made: CodeMap | None = None
) -> dict[str, Any]:
    told = {"file": str(path), "ok": not problems, "problems": problems, "notes": list(notes)}
    if made is not None:
        added = sum(row.is_added for row in made.rows.values())
        told |= {"id": made.id, "version": made.version, "codes": len(made.rows), "added": added}
    return told


def _notes(path: pathlib.Path, made: CodeMap, index: Index) -> list[str]:
    """What the loaded release of the target system says against the targets."""
    if made.target not in {release.system for release in index.releases}:
        if made.target.startswith("http://terminology.hl7.org/") or not made.rows:
            return []
        return [f"{path}: no release of {made.target} is loaded: its codes are not looked up"]
    notes: list[str] = []
    for row in made.rows.values():
        if not row.code:
            continue
        known = index.look(made.target, row.code)
        if known is None:
            notes.append(f"{path}:{row.line}: {row.code} is not in the loaded release")
        elif known.status != "active":
            notes.append(f"{path}:{row.line}: {row.code} is {known.status} in the loaded release")
    return notes


def _tell(one: dict[str, Any]) -> None:
    for text in one["problems"]:
        click.echo(f"{paint('problem', 'red')}  {text}")
    for text in one["notes"][:_MOST_NOTES]:
        click.echo(f"{paint('note', 'yellow')}     {text}")
    if len(one["notes"]) > _MOST_NOTES:
        click.echo(f"{paint('note', 'yellow')}     and {len(one['notes']) - _MOST_NOTES} more")
    if one["ok"]:
        told = f"{one['id']} {one['version']}: {count(one['codes'], 'code')}, {one['added']} with a coding to add"
        click.echo(f"{paint('OK', 'green')}       {one['file']}: {told}")


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
    """List codes that came without a standard coding, the most frequent first.

    SUGGESTION is a code of a loaded release with a like name. It is for a person to decide on: put
    what is right into a code map of the source.
    """
    request = transform_pb2.ListUnmappedCodesRequest(tenant=tenant, source=source, limit=limit)
    codes = run_async(_ask(load_mesh(data), request))
    if as_json:
        echo_json([as_dict(code) for code in codes])
        return
    if not codes:
        click.echo("Every code has a standard coding, or was decided on in a code map.")
        return
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        [
            f"{code.count:,}",
            code.source,
            code.place,
            plain(code.system),
            plain(code.code),
            plain(code.display),
            ago(moment(code.first_at), now),
            ago(moment(code.last_at), now),
            code.message_id,
            _suggested(code),
        ]
        for code in codes
    ]
    headings = [
        "COUNT",
        "SOURCE",
        "PLACE",
        "SYSTEM",
        "CODE",
        "DISPLAY",
        "FIRST",
        "LAST",
        "MESSAGE",
        "SUGGESTION",
    ]
    click.echo(table(headings, rows, right={"COUNT"}))
    if len(codes) >= limit:
        click.echo(f"\n  These are the first {limit:,}; there may be more: --limit, --source")


async def _ask(
    mesh: Mesh, request: transform_pb2.ListUnmappedCodesRequest
) -> list[transform_pb2.UnmappedCode]:
    async with mesh.peer("transform") as peer:
        ask = transform_pb2_grpc.TransformServiceStub(peer.channel).ListUnmappedCodes
        answer = await peer.ask(ask, request, deadline_seconds=_SECONDS)
    return list(answer.codes)


def _suggested(code: transform_pb2.UnmappedCode) -> str:
    if not code.suggestions:
        return ""
    best = code.suggestions[0]
    return f"{best.code} {best.display} ({best.likeness:.0%} alike)"


@command.command("load")
@click.argument("kind", type=click.Choice(list(RELEASES)))
@click.argument("path", type=click.Path(exists=True, path_type=pathlib.Path))
@click.option("--release", default="", help="Version of it, where the file names do not tell it.")
@data_option
@_folder_option
@json_option
def _load(
    kind: str,
    path: pathlib.Path,
    release: str,
    data: pathlib.Path,
    folder: pathlib.Path | None,
    as_json: bool,
) -> None:
    """Load an unpacked release: Loinc.csv, RF2 snapshot, RXNCONSO.RRF, ICD-10-CM order file.

    PATH is the file, or a folder above it. You need the licence of its publisher. A release that
    was loaded before is replaced.
    """
    loaded = load_release(_folder(data, folder), open_release(kind, path), release)
    if as_json:
        echo_json(loaded._asdict())
    else:
        click.echo(f"Loaded {loaded.system} {loaded.version}: {count(loaded.codes, 'code')}.")


@command.command("show")
@click.argument("system")
@click.argument("code")
@data_option
@_folder_option
@json_option
def _show(
    system: str, code: str, data: pathlib.Path, folder: pathlib.Path | None, as_json: bool
) -> None:
    """Show what CODE of SYSTEM means: a URI, or a name as LN, SCT or HL70203."""
    uri = system_of_name(system) or system
    known = code_system(uri)
    if known is not None and code in known.codes:
        told = [known.version, *known.codes[code]]
    else:
        with contextlib.closing(Index(_folder(data, folder))) as index:
            found = index.look(uri, code)
            versions = {release.system: release.version for release in index.releases}
        if found is None:
            held = known is not None or uri in versions
            why = "has no such code" if held else "is not known here: plexus terms load"
            raise NotFound(f"{uri} {why}")
        told = [versions[uri], found.display, found.status]
    version, shown, status = told
    if as_json:
        echo_json(
            {"system": uri, "version": version, "code": code, "display": shown, "status": status}
        )
    else:
        click.echo(f"{code}  {shown}  ({status}, {uri} {version})")


def _folder(data: pathlib.Path, folder: pathlib.Path | None) -> pathlib.Path:
    return folder if folder is not None else data / "terminology"
