"""`plexus run`: one service in this process."""

import sys

import click
import pydantic

from plexus.errors import ConfigurationError
from plexus.service import run_service
from services.registry import SERVICES, load_service

__all__ = ["command"]


@click.command()
@click.argument("service", type=click.Choice(list(SERVICES)))
def command(service: str) -> None:
    """Run one SERVICE until SIGTERM or Ctrl-C.

    Its settings come from the environment (PLEXUS_…); `plexus config print SERVICE` shows each with
    its meaning and value. This is what a container runs.
    """
    entry = load_service(service)
    try:
        settings = entry.settings()
    except pydantic.ValidationError as exc:
        problems = "; ".join(
            f"PLEXUS_{'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"settings of {service}: {problems}") from exc
    sys.exit(run_service(service, settings, entry.wire))
