"""`plexus bench`: figures of the mesh on this machine."""

import dataclasses
import json
import pathlib
import tempfile
from typing import Any

import click

from services.cli.benchmark.audit_log import AuditPlan, audit_text, measure_audit_log
from services.cli.benchmark.audit_log import as_json as audit_figures
from services.cli.benchmark.conversion import Corpus, measure
from services.cli.benchmark.conversion_report import figures_of, figures_text
from services.cli.benchmark.decisions import measure_decisions
from services.cli.benchmark.pipeline import Plan, run_pipeline
from services.cli.benchmark.profiling import top_functions
from services.cli.benchmark.report import as_json, as_text
from services.cli.mesh import run_async
from services.cli.telling import echo_json, json_option, table
from services.registry import SERVICES

__all__ = ["command"]

_TOP = 25
_SECONDS = click.FloatRange(0, min_open=True)


@click.group()
def command() -> None:
    """Measure the mesh on this machine."""


@command.command()
@click.option(
    "--seconds",
    type=_SECONDS,
    default=60.0,
    show_default=True,
    help="How long sustained delivery is measured.",
)
@click.option(
    "--intake-seconds",
    type=_SECONDS,
    default=20.0,
    show_default=True,
    help="How long to send flat out.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 200, min_open=True),
    default=100.0,
    show_default=True,
    help="Messages a second while latency is measured.",
)
@click.option(
    "--latency-seconds",
    type=click.FloatRange(0, 20, min_open=True),
    default=15.0,
    show_default=True,
    help="How long latency is measured.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    help="Senders at once, over four feeds.",
)
@click.option(
    "--people", type=click.IntRange(1, 50_000), default=2000, show_default=True, help="Persons."
)
@click.option(
    "--drain-seconds",
    type=_SECONDS,
    default=1800.0,
    show_default=True,
    help="How long the mesh may take to deliver what it has taken.",
)
@click.option(
    "--profile", type=click.Choice(list(SERVICES)), help="Profile that service; figures suffer."
)
@click.option(
    "--json",
    "json_to",
    metavar="FILE",
    help="Write the figures as JSON as well; - for stdout only.",
)
def pipeline(
    seconds: float,
    intake_seconds: float,
    rate: float,
    latency_seconds: float,
    connections: int,
    people: int,
    drain_seconds: float,
    profile: str | None,
    json_to: str | None,
) -> int:
    """Measure the whole pipeline: MLLP in, FHIR out, durable as in production.

    A mesh of its own runs in a temporary folder, takes about 1.5 KB HL7 v2 messages over MLLP, and
    delivers each as a FHIR transaction. Latency is measured at a steady rate, intake flat out, and
    delivery while no more is taken in than is brought; everything has to arrive. Exit code 1: something was lost, brought twice or left behind.
    """
    if people < connections:
        raise click.UsageError("--people must be at least --connections: each sender has its own")
    plan = Plan(
        seconds=seconds,
        intake_seconds=intake_seconds,
        latency_seconds=latency_seconds,
        rate_per_second=rate,
        connections=connections,
        people=people,
        drain_seconds=drain_seconds,
        profile=profile,
    )
    with tempfile.TemporaryDirectory(prefix="plexus-profile-") as folder:
        run = run_async(run_pipeline(plan, pathlib.Path(folder), _tell))
        figures = as_json(plan, run)
        top = top_functions(pathlib.Path(folder), _TOP) if profile else []
    if json_to == "-":
        click.echo(json.dumps(figures, indent=1))
    else:
        click.echo(as_text(figures))
        if json_to is not None:
            pathlib.Path(json_to).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if profile:
        click.echo(_profile_text(profile, top), err=json_to == "-")
    return 0 if run.is_sound else 1


def _profile_text(service: str, top: list[tuple[str, int, float, float]]) -> str:
    if not top:
        return f"{service} has left no profile"
    headings = ["where", "calls", "own s", "with calls s"]
    rows = [[where, f"{n:,}", f"{own:.2f}", f"{whole:.2f}"] for where, n, own, whole in top]
    return f"{service}, by own time:\n\n" + table(headings, rows, right=set(headings[1:]))


def _tell(text: Any) -> None:
    click.echo(text, err=True)


@command.command("transform")
@click.option(
    "--corpus",
    type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
    help="Folder with messages and goldens of others, and their manifest.tsv.",
)
@json_option
def transform(corpus: pathlib.Path | None, as_json: bool) -> int:
    """Measure how well and how fast HL7 v2 becomes FHIR R4, without any server.

    Speed is CPU time of one process, strict validation included. With --corpus also how many of its
    messages are read, converted and valid, and how far the result agrees with other converters'
    goldens; differences that are meant are listed with their reasons. Exit code 1: something raised,
    is not valid, dangles, or differs when it is made again.
    """
    with tempfile.TemporaryDirectory(prefix="plexus-bench-") as folder:
        found = measure(Corpus(corpus) if corpus else None, pathlib.Path(folder), _tell)
    if as_json:
        echo_json(figures_of(found))
    else:
        click.echo(figures_text(found))
    return 0 if found.is_sound else 1


@command.command("consent")
@json_option
def consent(as_json: bool) -> None:
    """Measure how fast directives decide, in one process and without any server."""
    found = measure_decisions()
    if as_json:
        echo_json(dataclasses.asdict(found))
        return
    click.echo(
        f"decisions, directives of 5 provisions: {found.per_second:,.0f}/s on one core"
        f" ({100 * found.permitted:.0f} % permitted)\n"
        f"a bundle of 100 resources is decided in {1000 * found.bundle_seconds:.3f} ms\n"
        f"a directive is read and compiled in {1000 * found.compile_seconds:.3f} ms"
    )


@command.command("audit")
@click.option(
    "--seconds", type=_SECONDS, default=20.0, show_default=True, help="How long events are stored."
)
@click.option(
    "--batch", type=click.IntRange(1, 1000), default=256, show_default=True, help="Events at once."
)
@click.option(
    "--writers", type=click.IntRange(1, 32), default=2, show_default=True, help="Who store at once."
)
@json_option
def audit(seconds: float, batch: int, writers: int, as_json: bool) -> int:
    """Measure the audit log: storing while it is sealed, sealing, proofs, verification, size.

    A durable PostgreSQL of its own runs in a temporary folder. Exit code 1: a proof does not hold or
    the log does not verify.
    """
    plan = AuditPlan(seconds=seconds, batch=batch, writers=writers)
    with tempfile.TemporaryDirectory(prefix="plexus-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o711)  # PostgreSQL's user has to get through where we are root
        figures = run_async(measure_audit_log(plan, folder))
    if as_json:
        echo_json(audit_figures(figures))
    else:
        click.echo(audit_text(figures))
    return 0 if figures.is_sound else 1
