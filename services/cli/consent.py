"""`plexus consent`: what persons have said about their data, and what follows from it."""

import pathlib
import sys
from collections.abc import Sequence

import click

from plexus.errors import InvalidRequest
from services.cli.consent_vectors import Checked, check, read_vectors
from services.cli.telling import echo_json, json_option

__all__ = ["command"]


@click.group()
def command() -> None:
    """Ask what consents decide."""


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@json_option
def check_vectors(file: pathlib.Path, as_json: bool) -> None:
    """Run a file of consent vectors, without a server.

    One line for each case that is decided otherwise than it expects, with the rule that decided, and
    a summary. Exit code 1: there is one; 2: it is no file of vectors.
    """
    try:
        checked = [check(case) for case in read_vectors(file)]
    except InvalidRequest as exc:
        raise click.UsageError(exc.detail) from exc
    if as_json:
        echo_json(_as_json(checked))
    else:
        for each in checked:
            if not each.agrees:
                click.echo(_line(each))
        click.echo(_summary(checked))
    if not all(each.agrees for each in checked):
        sys.exit(1)


def _rule(checked: Checked) -> str:
    made = checked.decided
    return " ".join(part for part in (made.cause.value, made.rule, made.path) if part)


def _line(checked: Checked) -> str:
    told = (
        f"{checked.name} {checked.title}: expected {checked.expected},"
        f" decided {checked.decided.effect.upper()} ({_rule(checked)})"
    )
    return "; ".join((told, *checked.problems))


def _summary(checked: Sequence[Checked]) -> str:
    agree = sum(each.agrees for each in checked)
    return f"{len(checked)} cases: {agree} as expected, {len(checked) - agree} not"


def _as_json(checked: Sequence[Checked]) -> dict[str, object]:
    return {
        "cases": len(checked),
        "agree": sum(each.agrees for each in checked),
        "disagreements": [
            {
                "id": each.name,
                "title": each.title,
                "expected": each.expected,
                "decided": each.decided.effect.upper(),
                "rule": _rule(each),
                "decision": each.decided.as_json(),
                "problems": list(each.problems),
            }
            for each in checked
            if not each.agrees
        ],
    }
