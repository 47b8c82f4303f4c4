"""A CSV file as the records that identity compares."""

import array
import collections
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from plexus.errors import InvalidRequest
from services.cli.evaluating.columns import column_named, columns_of
from services.cli.evaluating.rows import Reading, person_of, reading_of, told
from services.cli.evaluating.tables import open_table
from services.cli.evaluating.workers import runner
from services.identity.domain.blocking import blocking_keys
from services.identity.domain.blocks import Blocks
from services.identity.domain.normalisation import Features, features_of

__all__ = ["Records", "read_records"]

_LOOKED_AT: Final = 100_000
"""Rows by which it is decided how dates and numbers are to be read."""
_EACH: Final = 2000


class Records(NamedTuple):
    """The records of a file, in its order.

    Attributes:
        features: what is compared.
        blocks: by their blocking keys.
        truth: whose each record is; a record of which nothing is said is nobody else's.
        columns: the column that each field was read from.
        fields: of how many records each field was told.
    """

    features: list[Features]
    blocks: Blocks
    truth: list[str]
    columns: dict[str, str]
    fields: collections.Counter[str]


class _Rows(NamedTuple):
    """What workers make of rows: features, number of keys of each, keys, and fields."""

    features: list[Features]
    sizes: "array.array[int]"
    keys: "array.array[int]"
    fields: collections.Counter[str]


def read_records(
    path: Path,
    truth: str,
    mapping: Mapping[str, str],
    on_progress: Callable[[int], None] | None = None,
) -> Records:
    """Read a CSV file with a header. `on_progress` is told how many rows are read.

    Raises:
        InvalidRequest: it is no table, there is no such column, or no field of a person among the columns.
    """
    with open_table(path) as table:
        truth = column_named(table.header, truth)
        columns = columns_of(table.header, mapping, (truth,))
        places = {field: table.header.index(column) for field, column in columns.items()}
        begin = list(itertools.islice(table.rows, _LOOKED_AT))
    if not {"surname", "given", "ssn"} & set(columns):
        raise InvalidRequest(
            "no column looks like a name or a national number; say which with --map "
            f"surname=COLUMN,given=COLUMN; the file has: {', '.join(table.header)}"
        )
    reading = reading_of(told(places, row) for row in begin)
    run = runner(len(begin))
    whose: list[str] = []
    found = Records([], Blocks(), whose, columns, collections.Counter())
    with open_table(path) as table:
        parts = _parts(table.rows, table.header.index(truth), whose)
        for part in run(_read, (places, reading), parts):
            _take(found, part)
            if on_progress is not None:
                on_progress(len(found.features))
    found.blocks.close()
    return found


def _parts(rows: Iterator[list[str]], truth: int, whose: list[str]) -> Iterator[list[list[str]]]:
    while part := list(itertools.islice(rows, _EACH)):
        for row in part:
            said = row[truth].strip() if truth < len(row) else ""
            whose.append(said or f"\0{len(whose)}")
        yield part


def _read(shared: tuple[Mapping[str, int], Reading], part: Sequence[Sequence[str]]) -> _Rows:
    places, reading = shared
    made = _Rows([], array.array("I"), array.array("q"), collections.Counter())
    for row in part:
        said = told(places, row)
        features = features_of(person_of(said, reading))
        numbers = [key.number for key in blocking_keys("", features)]
        made.features.append(features)
        made.sizes.append(len(numbers))
        made.keys.extend(numbers)
        made.fields.update(said.keys())
    return made


def _take(found: Records, part: _Rows) -> None:
    found.features.extend(part.features)
    found.fields.update(part.fields)
    start = 0
    for size in part.sizes:
        found.blocks.add(part.keys[start : start + size])
        start += size
