"""The command group: loads subcommands on demand, and turns errors into advice and exit codes.

Exit codes: 0 done; 1 it did not work, the message says what to do; 2 the command line is wrong.
"""

import importlib
import sys
from typing import Final

import click

from plexus.errors import PlexusError

__all__ = ["main"]

_COMMANDS: Final = {
    "up": "run the whole mesh on this machine",
    "demo": "run the mesh on sample messages and tell what happened",
    "run": "run one service",
    "list": "show services, feeds and destinations, and how they do",
    "config": "print or verify settings and the mesh document",
    "convert": "turn HL7 v2 in files into FHIR or canonical events, without a server",
    "explain": "show where each field of a message goes, by which rule, and what is left",
    "lint": "hold HL7 v2 messages against the standard and a partner's profile",
    "send": "send HL7 v2 messages to a feed",
    "simulate": "be a hospital that sends: believable patients, with the truth on the side",
    "receive": "be a FHIR server that takes what a destination gets",
    "judge": "judge FHIR in files: structure, invariants, references, terminology",
    "consent": "directives of persons: file, end, list, explain, simulate, check",
    "why": "tell the story of one message",
    "parked": "list, show and replay parked messages",
    "maps": "which maps run, and which fields no rule takes",
    "identity": "who is who: reviews, decisions, and how well people are matched",
    "terms": "code maps, unmapped codes, and releases of LOINC, SNOMED CT, RxNorm, ICD",
    "conservation": "check that nothing was lost",
    "audit": "ask the audit log, prove what it says, and find what was changed in it",
    "bench": "measure the pipeline, the maps and consent",
}


class _Commands(click.Group):
    """Knows the names without importing what stands behind them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(f"services.cli.{cmd_name}"), "command")  # noqa: B009
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plexus", prog_name="plexus")
def plexus() -> None:
    """Plexus, a healthcare integration mesh.

    Start with `plexus up`, send something with `plexus send`, and ask what became of it with
    `plexus why`.
    """


def main() -> None:
    """Run the command line and exit."""
    try:
        code = plexus.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except PlexusError as exc:
        click.echo(f"plexus: {exc.detail}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
