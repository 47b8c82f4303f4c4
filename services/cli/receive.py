"""`plexus receive`: a small FHIR server, to see what a destination gets."""

import asyncio
import pathlib
import signal

import click
import uvloop

from plexus.errors import ConfigurationError
from services.cli.receiver import Faults, FhirReceiver

__all__ = ["command"]


@click.command()
@click.option(
    "--listen", default="127.0.0.1:8099", show_default=True, help="Host and port; port 0 takes any."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Folder for transactions.ndjson (one line a commit) and, at the end, resources.ndjson.",
)
@click.option(
    "--validate", is_flag=True, help="Hold every resource against FHIR R4; count what is wrong."
)
@click.option("--count-only", is_flag=True, help="Keep only which messages came, and when.")
@click.option(
    "--bearer",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="File with the token that requests must bring.",
)
@click.option(
    "--answer",
    type=click.IntRange(300, 599),
    help="Answer every write with this status, and do nothing.",
)
@click.option(
    "--fail-rate",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Share of writes that fail with 503, half of them after they were carried out.",
)
@click.option(
    "--delay-ms", type=click.FloatRange(0), default=0.0, help="Wait before each write is done."
)
def command(
    listen: str,
    out: pathlib.Path | None,
    validate: bool,
    count_only: bool,
    bearer: pathlib.Path | None,
    answer: int | None,
    fail_rate: float,
    delay_ms: float,
) -> None:
    """Be a FHIR R4 server until Ctrl-C: what a destination of kind fhir sends to.

    It takes transactions of conditional updates and keeps everything in memory. Resources can be
    read at /Type/id and searched at /Type?identifier=system|value; /_stats counts.
    """
    if count_only and validate:
        raise click.UsageError("--count-only looks at no resource, so there is nothing to validate")
    receiver = FhirReceiver(
        listen,
        out=out,
        validate=validate,
        count_only=count_only,
        bearer=_token(bearer) if bearer is not None else "",
        faults=Faults(answer, fail_rate, delay_ms / 1000),
        on_finding=_Teller().finding,
    )
    uvloop.run(_serve(receiver))


async def _serve(receiver: FhirReceiver) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with receiver:
        click.echo(f"FHIR R4 at {receiver.url}; Ctrl-C stops it")
        await stopped.wait()
    stats = receiver.stats()
    click.echo(
        f"{stats['transactions']} transactions of {stats['distinct_messages']} messages,"
        f" {stats['resources']} resources"
    )
    for finding, count in receiver.findings.most_common():
        click.echo(f"  {count} x {finding}")


def _token(file: pathlib.Path) -> str:
    token = file.read_text(encoding="utf-8").strip()
    if not token:
        raise ConfigurationError(f"{file} holds no token")
    return token


class _Teller:
    """Tells each kind of finding once, when it is first seen."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def finding(self, finding: str) -> None:
        if finding not in self._told:
            self._told.add(finding)
            click.echo(f"not valid: {finding}", err=True)
