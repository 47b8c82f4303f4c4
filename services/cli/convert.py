"""`plexus convert`: HL7 v2 in files to FHIR R4 or canonical events, without a server."""

import pathlib
import sys
import time
from collections.abc import Iterator, Sequence

import click

from plexus.codecs.fhir.validation import prepare
from plexus.codecs.hl7v2 import read_batch
from plexus.errors import NotFound
from services.cli.converting import Dialect, dialect_options
from services.cli.converting.batch import Converted, Form, Report, Tally, convert_one
from services.cli.sending.outgoing import content_of, files_of
from services.cli.telling import count, plain, table

__all__ = ["command"]

_REFRESH_SECONDS = 0.2
_MOST_TOLD = 20
_STDIN = pathlib.Path("stdin")


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="FILE|DIR|-...",
    type=click.Path(exists=True, allow_dash=True, path_type=pathlib.Path),
)
@click.option(
    "--to",
    "form",
    type=click.Choice(("fhir", "canonical")),
    default="fhir",
    show_default=True,
    help="A FHIR R4 transaction bundle for each message, or its canonical event as JSON.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Folder for the output: adt.hl7 becomes adt.hl7.json, the second message of it"
    " adt.hl7-2.json, the second person of it adt.hl7.part2.json; folders as they are. Left out: a JSON line for each to standard output.",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="JSON of each message: type, converted, output, issues, coverage, seconds; and a summary.",
)
@dialect_options
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[pathlib.Path, ...],
    form: Form,
    out: pathlib.Path | None,
    report_file: pathlib.Path | None,
    dialect: Dialect,
    quiet: bool,
) -> None:
    """Convert HL7 v2 messages to FHIR R4 or canonical events. No server is needed.

    A file holds one message, many, or a batch (FHS, BHS); a folder is walked with all that is below
    it. The maps are those of the mesh; what decides the outcome beside the bytes is said by a mesh
    document (--config, --source) or by the other options. Every bundle is held against a strict schema
    of R4. Same bytes, same maps, same output: ids follow from identifiers. Nobody asks who the person
    is: they are whoever the first identifier names.

    \b
    Examples:
      plexus convert adt.hl7
      plexus convert messages/ --out bundles/ --report report.json
      plexus convert messages/ --config plexus.yaml --source north --out bundles/
      cat feed.hl7 | plexus convert - --to canonical

    What is left over of a message stands in the residue of its canonical event; `plexus explain` shows
    it field by field. One file is held in memory at a time.

    Exit code 0: all are converted; 1: some are not, and standard error says which; 2: the command line
    is wrong.
    """  # noqa: D301 - \b keeps lines apart
    prepare()
    progress = _Progress(is_shown=not quiet)
    tally = Tally()
    with Report(report_file) as report:
        for label, place, content in _messages(paths):
            one = convert_one(content, dialect, form)
            tally.add(one)
            output = _put(out, place, one)
            report.add(label, one, output)
            progress.tell(tally, label, one)
        report.end(tally.as_json(progress.seconds))
    if not tally.messages:
        raise click.UsageError("there is no message in what was named")
    progress.end(tally)
    if tally.failed:
        ctx.exit(1)


def _messages(paths: Sequence[pathlib.Path]) -> Iterator[tuple[str, pathlib.Path, bytes]]:
    """Label, name of the output and content of each message, as it is asked for."""
    names = [_STDIN if str(path) == "-" else pathlib.Path(path.resolve().name) for path in paths]
    if len(set(names)) < len(names):
        raise click.UsageError(
            "two of the paths have the same name; their output would be one file"
        )
    for path, name in zip(paths, names, strict=True):
        for file in files_of(path):
            place = name
            if path.is_dir():
                below = file.relative_to(path)
                place = below if len(paths) == 1 else name / below
            parts = read_batch(content_of(file)).parts
            for number, part in enumerate(parts, 1):
                mark = "" if number == 1 else f"-{number}"
                label = str(file) if len(parts) == 1 else f"{file}[{number}]"
                yield label, place.with_name(f"{place.name}{mark}.json"), part.content


def _put(out: pathlib.Path | None, place: pathlib.Path, one: Converted) -> str:
    """Write what a message was converted to; gives the name of the file."""
    if not one.data:
        return ""
    if out is None:
        sys.stdout.buffer.writelines(each + b"\n" for each in one.data)
        return ""
    path = out / place
    for part, each in enumerate(one.data, 1):
        own = path if part == 1 else path.with_name(f"{path.stem}.part{part}{path.suffix}")
        try:
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_bytes(each + b"\n")
        except OSError as exc:
            raise NotFound(f"{own} cannot be written: {exc.strerror}") from exc
    return str(path)


class _Progress:
    """Tells on standard error how it goes: a line that renews itself, on a terminal only."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._renews = is_shown and sys.stderr.isatty()
        self._began = time.monotonic()
        self._told_at = 0.0
        self._told = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, tally: Tally, label: str, one: Converted) -> None:
        if not one.data and self._is_shown:
            self._told += 1
            if self._told <= _MOST_TOLD:
                self._tell_failure(label, one)
        if self._renews and self.seconds - self._told_at >= _REFRESH_SECONDS:
            self._told_at = self.seconds
            click.echo(f"\r\x1b[K{self._line(tally)}", nl=False, err=True)

    def _tell_failure(self, label: str, one: Converted) -> None:
        issue = one.issues[0]
        where = f" at {issue['location']}" if "location" in issue else ""
        clear = "\r\x1b[K" if self._renews else ""
        told = f"{issue.get('reason', '')}: {plain(issue.get('detail', ''))}"
        click.echo(f"{clear}{label}: not converted{where}: {told}", err=True)

    def _line(self, tally: Tally) -> str:
        rate = tally.messages / self.seconds if self.seconds else 0.0
        failed = f", {tally.failed:,} not converted" if tally.failed else ""
        return f"{count(tally.messages, 'message')}{failed}, {rate:,.0f}/s"

    def end(self, tally: Tally) -> None:
        if not self._is_shown:
            return
        if self._renews:
            click.echo("\r\x1b[K", nl=False, err=True)
        if self._told > _MOST_TOLD:
            more = f"and {self._told - _MOST_TOLD:,} more that are not converted; see --report"
            click.echo(more, err=True)
        rows = [
            [plain(name), f"{done:,}", f"{failed:,}"]
            for name, (done, failed) in sorted(tally.types.items())
        ]
        click.echo(table(["TYPE", "CONVERTED", "NOT"], rows, right={"CONVERTED", "NOT"}), err=True)
        coverage = tally.coverage
        leaves = (
            f"{coverage.share:.1%} of {coverage.mapped + coverage.residue:,} leaves mapped,"
            f" {coverage.residue:,} kept as residue, {coverage.dropped:,} dropped"
        )
        click.echo(f"{self._line(tally)}; {leaves}", err=True)
