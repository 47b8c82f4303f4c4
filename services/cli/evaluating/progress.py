"""What is being done and how much of it is done, on stderr."""

import dataclasses
import sys
from typing import Final

import click

__all__ = ["Progress"]

_WORDS: Final = {
    "strangers": "comparing random pairs",
    "candidates": "comparing candidates",
    "weights": "finding weights",
}


@dataclasses.dataclass(slots=True)
class Progress:
    """One line on a terminal that is written over; elsewhere a line for each step."""

    last: str = ""

    def __call__(self, what: str, share: float) -> None:
        """Tell that the share, from 0 to 1, of something is done."""
        words = _WORDS.get(what, what)
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{words}: {share:.0%}", err=True, nl=False)
        elif words != self.last:
            click.echo(words, err=True)
        self.last = words

    def count(self, what: str, number: int) -> None:
        """Tell that so many of an unknown number are done."""
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{what}: {number:,}", err=True, nl=False)
        elif what != self.last:
            click.echo(what, err=True)
        self.last = what

    def end(self) -> None:
        """Leave the line empty."""
        if self.last and sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)
