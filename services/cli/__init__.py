"""The command `plexus`: one command, subcommands that teach.

Each subcommand is a module of its own and is imported only when it is called.
"""

from services.cli.command import main

__all__ = ["main"]
