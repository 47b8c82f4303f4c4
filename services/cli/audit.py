"""`plexus audit`: the audit log and the tree over it."""

import pathlib
import sys

import click

from services.audit.domain.tree import root_of
from services.cli.auditing.lines import lines_of

__all__ = ["command"]


@click.group()
def command() -> None:
    """Questions to the audit log, its proofs, and whether it was changed."""


@command.command("root")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=pathlib.Path)
)
def root(file: pathlib.Path) -> None:
    """Print the RFC 6962 root, in hex, over the lines of FILE (- is standard input).

    Each line is a leaf, without the line feed that ends it. A last line feed makes no empty leaf more; a
    carriage return belongs to its line. An empty file has the root of the empty tree.
    """
    if str(file) == "-":
        click.echo(root_of(lines_of(sys.stdin.buffer)).hex())
        return
    with file.open("rb") as opened:
        click.echo(root_of(lines_of(opened)).hex())
