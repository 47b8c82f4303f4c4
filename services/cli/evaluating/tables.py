"""Files of rows below a header: CSV as spreadsheets, databases and data frames write it."""

import codecs
import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from plexus.errors import InvalidRequest

__all__ = ["Table", "open_table"]

_DELIMITERS: Final = ",;\t|"
_LOOKED_AT: Final = 1 << 20


class Table(NamedTuple):
    """A table that is open.

    Attributes:
        header: names of the columns.
        rows: what is below, without empty rows; a row may be shorter than the header.
    """

    header: list[str]
    rows: Iterator[list[str]]


@contextlib.contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a file for one reading. Its encoding and delimiter are found out.

    Raises:
        InvalidRequest: there is no header, or what is below is no CSV.
    """
    with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
        rows = _rows(path, csv.reader(file, delimiter=_delimiter(path)))
        header = [name.strip() for name in next(rows, [])]
        if not any(header):
            raise InvalidRequest(f"{path} has no header")
        yield Table(header, rows)


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from (row for row in reader if row)
    except csv.Error as exc:
        raise InvalidRequest(f"{path} is no CSV file: {exc}") from exc


def _encoding(path: Path) -> str:
    """UTF-8 or UTF-16 where it is, else what Windows writes; with or without a byte order mark."""
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(path: Path) -> str:
    with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
        head = file.readline()
    return max(_DELIMITERS, key=head.count)
