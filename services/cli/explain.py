"""`plexus explain`: where each field of a message went, by which rule, and what is left over."""

import pathlib
from typing import Any

import click

from plexus.codecs.hl7v2 import read_batch
from plexus.errors import InvalidMessage
from services.cli.converting import Dialect, dialect_options
from services.cli.converting.explained import as_json as explained_json
from services.cli.converting.explained import lines
from services.cli.sending.outgoing import content_of
from services.cli.telling import echo_json, json_option, paint, why_text
from services.transform.domain import explain_parts

__all__ = ["command"]

_OUTCOMES = ("mapped", "dropped", "residue")


@click.command()
@click.argument(
    "path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=pathlib.Path),
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(_OUTCOMES),
    help="Tell of these leaves only. Repeatable.",
)
@click.option("--no-values", is_flag=True, help="Leave out what the fields say.")
@click.option(
    "--message", "number", type=click.IntRange(1), help="Only this one of a file with several."
)
@dialect_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    path: pathlib.Path,
    only: tuple[str, ...],
    no_values: bool,
    number: int | None,
    dialect: Dialect,
    as_json: bool,
) -> None:
    """Show what becomes of each field of an HL7 v2 message, and why.

    FILE holds one message or many; - is standard input. Each populated leaf (the smallest part of a
    field) is one of three:

    \b
      mapped   a rule has put it into the canonical event; after the arrow, where FHIR shows it
      dropped  a rule leaves it out on purpose, with its reason
      residue  no rule took it: it travels in the event as it was written

    Below a mapped leaf stand its rules: the file and line of the segment's map, then those of data
    types, and the row of the v2-to-FHIR guide that the last one follows. A place that no FHIR path
    follows is shown nowhere in FHIR, or it cannot be told where.

    What decides the outcome beside the bytes is said by a mesh document (--config, --source) or by
    the other options. No server is needed. The output holds what the message says; --no-values
    leaves it out. A message about several persons is told part by part.

    \b
    Examples:
      plexus explain adt.hl7
      plexus explain adt.hl7 --only residue
      plexus explain adt.hl7 --config plexus.yaml --source north --json

    Exit code 1: a message cannot be converted; it says why.
    """  # noqa: D301 - \b keeps lines apart
    parts = [part.content for part in read_batch(content_of(path)).parts]
    if not parts:
        raise click.UsageError(f"there is no message in {path}")
    if number is not None and number > len(parts):
        raise click.UsageError(f"{path} holds {len(parts)} messages")
    wanted = [number] if number is not None else range(1, len(parts) + 1)
    told: list[dict[str, Any]] = []
    failed = False
    for nth in wanted:
        content = parts[nth - 1]
        label = str(path) if len(parts) == 1 else f"{path}[{nth}]"
        try:
            found = explain_parts(dialect.maps, content, dialect.context(content))
        except InvalidMessage as exc:
            failed = True
            reason = why_text(exc.reason, exc.detail)
            where = f" at {exc.location}" if exc.location else ""
            if as_json:
                told.append({"file": label, "error": {"reason": reason, "location": exc.location}})
            else:
                click.echo(f"{label}: {paint('not converted', 'red')}{where}: {reason}")
            continue
        version = dialect.coder.version
        for part, explained in enumerate(found, 1):
            of = label if len(found) == 1 else f"{label}, part {part}"
            if as_json:
                told.append({"file": of} | explained_json(explained, version, values=not no_values))
                continue
            click.echo(f"{of}  ", nl=False)
            for line in lines(explained, version, only=only, values=not no_values):
                click.echo(line)
    if as_json:
        echo_json(told[0] if len(told) == 1 else told)
    if failed:
        ctx.exit(1)
