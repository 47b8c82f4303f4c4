"""`plexus judge`: everything R4 says of resources that a program can check, told of files."""

import dataclasses
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click
import orjson

from plexus.codecs.fhir.judge import judge
from plexus.codecs.fhir.validation import Finding
from services.cli.telling import echo_json, json_option

__all__ = ["command"]

_SUFFIXES: Final = (".json", ".ndjson", ".jsonl")
_NOT_JSON: Final = Finding("", "type", "JSON")


@dataclasses.dataclass(slots=True)
class _Tally:
    """What was judged.

    Attributes:
        documents: bundles and single resources.
        places: where each finding was made, the first one first.
    """

    documents: int = 0
    valid: int = 0
    dangling: int = 0
    places: dict[Finding, list[str]] = dataclasses.field(default_factory=dict)

    def add(self, place: str, found: Sequence[Finding]) -> None:
        self.documents += 1
        self.valid += not found
        self.dangling += sum(finding.rule == "dangling" for finding in found)
        for finding in found:
            self.places.setdefault(finding, []).append(place)

    def by_frequency(self) -> list[tuple[Finding, list[str]]]:
        return sorted(self.places.items(), key=lambda item: (-len(item[1]), item[0]))


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=pathlib.Path),
    metavar="PATH...",
)
@json_option
def command(paths: tuple[pathlib.Path, ...], as_json: bool) -> None:
    """Judge FHIR R4 in files, in folders (.json, .ndjson) or from standard input (-).

    A file holds a Bundle, a resource, or one of them a line. Lines of one file may point at each
    other as Type/id. Findings name places and rules, never values. Exit code 1: something is wrong.
    """
    tally = _Tally()
    for name, content in _contents(paths):
        _judge_file(tally, name, content)
    if not tally.documents:
        raise click.UsageError("there is nothing to judge: no .json or .ndjson file holds anything")
    if as_json:
        echo_json(_as_json(tally))
    else:
        click.echo(_as_text(tally))
    if tally.valid < tally.documents:
        sys.exit(1)


def _contents(paths: Sequence[pathlib.Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if str(path) == "-":
            yield "-", sys.stdin.buffer.read()
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix in _SUFFIXES and file.is_file():
                    yield str(file), file.read_bytes()
        else:
            yield str(path), path.read_bytes()


def _judge_file(tally: _Tally, name: str, content: bytes) -> None:
    try:
        tally.add(name, judge(orjson.loads(content)))
    except orjson.JSONDecodeError:
        _judge_lines(tally, name, content)


def _judge_lines(tally: _Tally, name: str, content: bytes) -> None:
    lines = [
        (f"{name}:{number}", _read(line))
        for number, line in enumerate(content.splitlines(), 1)
        if line.strip()
    ]
    known = {
        f"{line.get('resourceType')}/{line.get('id')}"
        for _, line in lines
        if isinstance(line, dict)
    }
    for place, line in lines:
        tally.add(place, [_NOT_JSON] if line is None else judge(line, known=known))


def _read(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _as_text(tally: _Tally) -> str:
    told = [
        f"{len(places):6} x {finding}  (first in {places[0]})"
        for finding, places in tally.by_frequency()
    ]
    share = 100 * tally.valid / tally.documents
    told.append(
        f"judged {tally.documents}: {tally.valid} valid ({share:.1f} %),"
        f" {tally.documents - tally.valid} not; {tally.dangling} dangling references"
    )
    return "\n".join(told)


def _as_json(tally: _Tally) -> dict[str, Any]:
    return {
        "judged": tally.documents,
        "valid": tally.valid,
        "dangling_references": tally.dangling,
        "findings": [
            finding._asdict() | {"count": len(places), "first": places[0]}
            for finding, places in tally.by_frequency()
        ],
    }
