"""`plexus identity evaluate`: how right matching would be on a file of which the truth is known."""

import dataclasses
import pathlib
from typing import Any, Final

import click

from plexus.errors import InvalidRequest
from services.cli.evaluating.chart import draw
from services.cli.evaluating.columns import FIELDS, read_mapping
from services.cli.evaluating.progress import Progress
from services.cli.evaluating.records import Records, read_records
from services.cli.evaluating.workers import runner
from services.cli.telling import count, echo_json, json_option, paint, table
from services.identity.domain.evaluation import Evaluation, Figures
from services.identity.domain.evaluation import evaluate as evaluated
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import (
    DEFAULT_THRESHOLDS,
    Model,
    Thresholds,
    Verdict,
    score,
    shipped_model,
)
from services.identity.domain.training import LEAST_RECORDS, train

__all__ = ["evaluate"]

_MOST_TRAINED: Final = 60_000
_FIRST_LINE: Final = 2
"""Of the records in the file: the header is the first."""
_AROUND: Final = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 7.0, 10.0, 14.0)


@click.command("evaluate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--truth", required=True, metavar="COLUMN", help="Says whose each record is.")
@click.option(
    "--map",
    "mapping",
    default="",
    metavar="FIELD=COLUMN,...",
    help=f"Columns with other names than the usual ones. Fields: {', '.join(FIELDS)}.",
)
@click.option(
    "--model",
    "which",
    type=click.Choice(["trained", "shipped"]),
    default="trained",
    show_default=True,
    help=f"Weights found in the file itself, without looking at the truth (as `train` does), or those that "
    f"ship. With fewer than {LEAST_RECORDS} records those that ship.",
)
@click.option(
    "--match-bits", default=DEFAULT_THRESHOLDS.match, show_default=True, help="As in plexus.yaml."
)
@click.option(
    "--review-bits", default=DEFAULT_THRESHOLDS.review, show_default=True, help="As in plexus.yaml."
)
@click.option(
    "--seed", default=1, show_default=True, help="The same seed and file give the same figures."
)
@click.option(
    "--errors", "most_errors", type=click.IntRange(0, 1000), default=5, show_default=True,
    help="Explain so many of the worst errors of each kind.",
)  # fmt: skip
@click.option(
    "--chart",
    type=click.Path(dir_okay=False, writable=True, path_type=pathlib.Path),
    help="Draw precision, recall and F1 by threshold into this PNG.",
)
@json_option
def evaluate(
    file: pathlib.Path,
    truth: str,
    mapping: str,
    which: str,
    match_bits: float,
    review_bits: float,
    seed: int,
    most_errors: int,
    chart: pathlib.Path | None,
    as_json: bool,
) -> None:
    """Measure how right matching is on FILE, a CSV of records with a header.

    Every pair of records counts: those taken for one person (from --review-bits on; from --match-bits on
    nobody would look), those that are, and those that no blocking key brings together, which are missed.
    Nothing is stored, no server is needed, and explanations show levels and bits, never values.
    """
    if review_bits > match_bits:
        raise InvalidRequest("--review-bits must not be above --match-bits")
    thresholds = Thresholds(match_bits, review_bits)
    progress = Progress()
    records = read_records(
        file, truth, read_mapping(mapping), lambda number: progress.count("reading records", number)
    )
    if not records.features:
        raise InvalidRequest("the file has no records")
    model = _model(records.features, which, seed, progress)
    done = evaluated(
        records.features,
        records.truth,
        model,
        thresholds,
        lambda share: progress("scoring", share),
        blocks=records.blocks,
        run=runner(len(records.features)),
    )
    progress.end()
    if chart is not None:
        draw(chart, done)
    if as_json:
        echo_json(_as_dict(done, records, model, most_errors))
        return
    _tell(done, records, model)
    for words, pairs in zip(("taken wrongly", "missed"), done.errors(most_errors), strict=True):
        for one, other in pairs:
            verdict = score(records.features[one], records.features[other], model, thresholds)
            _explain(words, one, other, verdict)
    if chart is not None:
        click.echo(f"\nChart: {chart}")


def _model(features: list[Features], which: str, seed: int, progress: Progress) -> Model:
    if which == "trained" and len(features) >= LEAST_RECORDS:
        step = -(-len(features) // _MOST_TRAINED)
        return train(features[::step], seed, progress, run=runner(len(features)))
    return shipped_model().for_population(len(features))


def _figures(figures: Figures) -> dict[str, float]:
    return figures._asdict()


def _as_dict(done: Evaluation, records: Records, model: Model, most_errors: int) -> dict[str, Any]:
    wrong, missed = done.errors(most_errors)
    return {
        "records": done.records,
        "true_pairs": done.true_pairs,
        "default": _figures(done.at(done.thresholds.review)),
        "best": _figures(done.best()),
        "auto": _figures(done.at(done.thresholds.match)),
        "blocking_recall": done.blocking_recall,
        "mean_candidates": done.mean_candidates,
        "most_candidates": done.most_compared,
        "compared_pairs": done.compared,
        "linked": _figures(done.linked()),
        "persons": dataclasses.asdict(done.persons),
        "reviews_per_1000_records": done.reviews_per_thousand,
        "large_blocks": dict(done.large),
        "model": {"version": model.version, "trained_on": model.trained_on},
        "columns": records.columns,
        "errors": {
            name: [
                {
                    "lines": [one + _FIRST_LINE, other + _FIRST_LINE],
                    **score(
                        records.features[one], records.features[other], model, done.thresholds
                    ).to_json(),
                }
                for one, other in pairs
            ]
            for name, pairs in (("taken_wrongly", wrong), ("missed", missed))
        },
    }


def _tell(done: Evaluation, records: Records, model: Model) -> None:
    click.echo(f"{count(done.records, 'record')}, {count(done.true_pairs, 'pair')} of one person")
    told = ", ".join(
        f"{field}={column} ({records.fields[field] / done.records:.0%})"
        for field, column in records.columns.items()
    )
    click.echo(f"columns: {told}")
    kind = f"trained on {model.trained_on:,} of them" if model.trained_on else "as it ships"
    click.echo(f"model: {model.version}, {kind}\n")
    best = done.best()
    rows = [
        ["default", *_cells(done.at(done.thresholds.review))],
        ["without a look", *_cells(done.at(done.thresholds.match))],
        ["persons, without a look", *_cells(done.linked())],
        ["best", *_cells(best)],
    ]
    headings = ["", "FROM BITS", "PRECISION", "RECALL", "F1"]
    right = {"FROM BITS", "PRECISION", "RECALL", "F1"}
    click.echo(table(headings, rows, right=right))
    click.echo()
    rows = [["", *_cells(done.at(bits))] for bits in _AROUND]
    click.echo(table(headings, rows, right=right))
    click.echo(
        f"\nblocking recall {done.blocking_recall:.4f}, {done.mean_candidates:.1f} candidates a record, at most"
        f" {done.most_compared}"
    )
    persons = done.persons
    click.echo(
        f"had they arrived one by one: {count(persons.count, 'person')}, {persons.over_merged:,} of them with"
        f" records of several people; {persons.split:,} people with several persons;"
        f" {done.reviews_per_thousand:.1f} reviews for 1,000 records, {persons.right_tasks:,} of"
        f" {persons.tasks:,} of one human being"
    )
    for name, number in sorted(done.large.items()):
        click.echo(f"  {count(number, 'block')} of {name} too large to look into")


def _cells(figures: Figures) -> list[str]:
    return [
        f"{figures.threshold:.1f}",
        f"{figures.precision:.4f}",
        f"{figures.recall:.4f}",
        f"{figures.f1:.4f}",
    ]


def _explain(words: str, one: int, other: int, verdict: Verdict) -> None:
    lines = f"lines {one + _FIRST_LINE:,} and {other + _FIRST_LINE:,}"
    click.echo(f"\n{paint(words, 'yellow')}: {lines}, {verdict.bits:+.1f} bits")
    for row in verdict.rows:
        if row.bits:
            click.echo(f"  {row.bits:+6.1f}  {row.what}{': ' + row.level if row.level else ''}")
