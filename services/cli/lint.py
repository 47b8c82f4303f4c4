"""`plexus lint`: does a message keep to HL7 v2, and to what was agreed with a partner?"""

import collections
import dataclasses
import pathlib

import click

from plexus.errors import ConfigurationError
from services.cli.linting import Finding, lint_file
from services.cli.linting.standard import VERSIONS
from services.cli.sending.outgoing import content_of, files_of
from services.cli.telling import echo_json, json_option, paint
from services.transform.settings import load_profile

__all__ = ["command"]

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=pathlib.Path),
)
@click.option(
    "--profile",
    "profile_file",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="A partner's profile (YAML), beside the standard.",
)
@click.option(
    "--version",
    type=click.Choice(VERSIONS),
    help="Hold against this version of HL7.  [default: what MSH-12 tells]",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[pathlib.Path, ...],
    profile_file: pathlib.Path | None,
    version: str | None,
    as_json: bool,
) -> None:
    """Hold HL7 v2 messages against the standard and a partner's profile.

    PATHS are files with one message or many, folders of such files, or - for standard input. Strict
    on purpose: real feeds break the standard in many places, and Plexus takes their messages all the
    same. Findings repeat no values. Exit code 1 where there is an error.
    """
    profile = load_profile(profile_file) if profile_file is not None else None
    counts: collections.Counter[str] = collections.Counter()
    findings: list[Finding] = []
    for path in paths:
        for file in files_of(path):
            counts["files"] += 1
            found = list(
                lint_file(str(file), content_of(file), version=version or "", profile=profile)
            )
            counts.update(finding.level for finding in found)
            if as_json:
                findings += found
            else:
                _tell(found)
    if not counts["files"]:
        raise ConfigurationError("there is no file to look at")
    summary = {name: counts[name] for name in ("files", "error", "warning", "note")}
    if as_json:
        echo_json(
            {"findings": [dataclasses.asdict(finding) for finding in findings], "summary": summary}
        )
    else:
        click.echo(
            f"{summary['files']} files: {summary['error']} errors, {summary['warning']} warnings,"
            f" {summary['note']} notes"
        )
    if counts["error"]:
        ctx.exit(1)


def _tell(findings: list[Finding]) -> None:
    for found in findings:
        place = f" {found.place}" if found.place else ""
        level = paint(found.level, _COLOURS[found.level])
        click.echo(f"{found.file}:{found.line}: {level} [{found.rule}]{place}: {found.text}")
