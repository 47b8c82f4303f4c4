"""`plexus identity generate`: an invented population with the truth, to try matching on."""

import csv
import pathlib
import random

import click

from services.cli.evaluating.population import COLUMNS, invent, tell
from services.cli.telling import count

__all__ = ["generate"]


@click.command("generate")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=pathlib.Path))
@click.option(
    "--people",
    type=click.IntRange(1, 2_000_000),
    default=5_000,
    show_default=True,
    help="How many; of each there are one to four records.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same file.")
def generate(file: pathlib.Path, people: int, seed: int) -> None:
    """Write an invented population to FILE, a CSV with the truth in the column `entity`.

    Families that share name, home and telephone, twins with numbers that follow each other, fathers and
    sons of one name, moves, marriages, nicknames, typing errors, placeholders and gaps: what makes
    matching hard. `plexus identity evaluate FILE --truth entity` says how well it goes.
    """
    chance = random.Random(seed)  # noqa: S311 - invented people, no secret
    number = 0
    humans = list(invent(people, chance))
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, COLUMNS)
        rows.writeheader()
        for record in tell(humans, chance):
            rows.writerow(record)
            number += 1
    click.echo(f"{count(number, 'record')} of {count(people, 'person')} in {file}")
