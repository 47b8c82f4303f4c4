"""Code maps: from the local codes of a source to a standard, as a file that people review.

A file is CSV, so that it opens in any spreadsheet: a head of names and values, an empty line, rows.

    plexus code map,1
    id,central-lab-tests
    version,2025-11-03
    source system,99LAB
    target system,http://loinc.org
    places,OBX-3 OBR-4

    code,display,equivalence,target code,target display
    GLU,Glucose,equivalent,2345-7,Glucose [Mass/volume] in Serum or Plasma
    QC1,Control,unmatched,,

`source system` is as the source writes it in CWE.3, or its URI; empty for codes that come without one.
`places` may be left out: then the map holds everywhere. `equivalence` is FHIR R4's
ConceptMapEquivalence, seen from the local code: `wider` says that the target means more.
"""

import csv
import hashlib
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from plexus.codecs.terminology import (
    LOINC,
    SNOMED,
    code_system,
    display,
    has_loinc_check_digit,
    has_snomed_check_digit,
    system_of_name,
)
from plexus.errors import ConfigurationError

__all__ = ["CodeMap", "Row", "parse_code_map", "read_code_map"]

_TITLE = ["plexus code map", "1"]
_NEEDED = ("id", "version", "source system", "target system")
_HEAD = frozenset({*_NEEDED, "places", "title"})
_COLUMNS = ["code", "display", "equivalence", "target code", "target display"]
_MEANS_THE_SAME = frozenset({"equal", "equivalent", "wider", "subsumes"})
_MEANS_LESS = frozenset({"narrower", "specializes", "inexact", "relatedto"})
_MEANS_NOTHING = frozenset({"unmatched", "disjoint"})
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
_VERSION = re.compile(r"[\w.+-]{1,40}", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
_PLACE = re.compile(r"[A-Z][A-Z0-9]{2}-[0-9]{1,3}(?:\.[0-9]{1,2})?")
_MOST_BYTES = 32 << 20
_LONGEST_CELL = 500
_MOST_PROBLEMS = 50


class Row(NamedTuple):
    """What became of a local code.

    Attributes:
        line: in the file.
        equivalence: how the target relates to the code.
        code: of the target; empty where there is none.
        display: of the target, for people.
        is_added: the target holds wherever the code does, so it is added beside it.
    """

    line: int
    equivalence: str
    code: str
    display: str
    is_added: bool


class CodeMap(NamedTuple):
    """A read code map.

    Attributes:
        id, version: as the file says.
        source: URI of the local system, or its name as sent; empty for codes without a system.
        target: URI of the system of the target codes.
        places: fields it holds for; empty for all.
        rows: by local code.
        digest: content hash of the file.
    """

    id: str
    version: str
    source: str
    target: str
    places: frozenset[str]
    rows: Mapping[str, Row]
    digest: str


def read_code_map(path: pathlib.Path) -> CodeMap:
    """Read a file.

    Raises:
        ConfigurationError: it cannot be read, or is wrong; each problem begins with file and line.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot read the code map") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}: a code map must be UTF-8") from exc
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{path}: a code map has at most {_MOST_BYTES >> 20} MiB")
    return parse_code_map(str(path), text)


def parse_code_map(name: str, text: str) -> CodeMap:
    """Parse the text of a file.

    Raises:
        ConfigurationError: it is wrong; each problem begins with the name of the file and the line.
    """
    parser = _Parser(name, text)
    made = parser.parse()
    if parser.problems:
        shown = parser.problems[:_MOST_PROBLEMS]
        if more := len(parser.problems) - len(shown):
            shown.append(f"{name}: and {more} more")
        raise ConfigurationError("\n".join(shown))
    return made


class _Parser:
    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._line = 0
        self.problems: list[str] = []

    def parse(self) -> CodeMap:
        lines = self._lines()
        if next(lines, None) != _TITLE:
            self._problem(f"the first line must be {','.join(_TITLE)}")
            return CodeMap("", "", "", "", frozenset(), {}, "")
        head = self._read_head(lines)
        target = head.get("target system", "")
        target = system_of_name(target) or target
        if target and not _URI.fullmatch(target):
            self._problem("the target system must be a URI or a name of HL7 table 0396", 1)
        source = head.get("source system", "")
        places = frozenset(head.get("places", "").split())
        if wrong := sorted(place for place in places if not _PLACE.fullmatch(place)):
            self._problem(f"{wrong[0]} is no place of a field, as OBX-3", 1)
        return CodeMap(
            head.get("id", ""),
            head.get("version", ""),
            system_of_name(source) or source,
            target,
            places,
            self._read_rows(lines, target),
            hashlib.sha256("\n".join(self._text.split()).encode()).hexdigest(),
        )

    def _lines(self) -> Iterator[list[str]]:
        """The lines as cells without blanks around them and without empty ones at their end."""
        rows = csv.reader(self._text.splitlines(keepends=True), strict=True)
        try:
            for row in rows:
                self._line = rows.line_num
                cells = [cell.strip() for cell in row]
                while cells and not cells[-1]:
                    cells.pop()
                yield cells
        except csv.Error as exc:
            self._line = rows.line_num
            self._problem(f"is no CSV: {exc}")

    def _read_head(self, lines: Iterator[list[str]]) -> dict[str, str]:
        head: dict[str, str] = {}
        for cells in lines:
            if not cells:
                break
            name, value, *more = (*cells, "")
            if any(more) or name not in _HEAD:
                self._problem(f"{name} is nothing of a head: {', '.join(sorted(_HEAD))}")
            elif name in head:
                self._problem(f"{name} stands here twice")
            elif (name == "id" and not _ID.fullmatch(value)) or (
                name == "version" and not _VERSION.fullmatch(value)
            ):
                self._problem(f"{name} must be letters, digits, dots and hyphens")
            else:
                head[name] = value
        self._line = max(self._line, 1)
        if missing := [name for name in _NEEDED if name not in head]:
            self._problem(f"the head does not say {', '.join(missing)}")
        return head

    def _read_rows(self, lines: Iterator[list[str]], target: str) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        columns = next(lines, None)
        if columns != _COLUMNS:
            self._problem(f"expected the columns {','.join(_COLUMNS)} after an empty line")
            return rows
        for cells in lines:
            if not cells:
                continue
            if len(cells) > len(_COLUMNS) or max(map(len, cells)) > _LONGEST_CELL:
                self._problem(f"a row has {len(_COLUMNS)} cells of {_LONGEST_CELL} characters")
                continue
            code, _, equivalence, wanted, shown = cells + [""] * (len(_COLUMNS) - len(cells))
            if not code:
                self._problem("the row has no code")
            elif code in rows:
                self._problem(f"{code} stands here twice, first on line {rows[code].line}")
            elif problem := _problem_of(equivalence, target, wanted):
                self._problem(problem)
            else:
                is_added = equivalence in _MEANS_THE_SAME
                shown = shown or display(target, wanted)
                rows[code] = Row(self._line, equivalence, wanted, shown, is_added)
        return rows

    def _problem(self, text: str, line: int = 0) -> None:
        self.problems.append(f"{self._name}:{line or self._line}: {text}")


def _problem_of(equivalence: str, target: str, code: str) -> str:
    """What is wrong with the target of a row; empty where nothing is."""
    if equivalence in _MEANS_NOTHING:
        return f"{equivalence} has no target code" if code else ""
    if equivalence not in _MEANS_THE_SAME | _MEANS_LESS:
        known = ", ".join(sorted(_MEANS_THE_SAME | _MEANS_LESS | _MEANS_NOTHING))
        return f"equivalence must be one of {known}"
    if not code:
        return f"{equivalence} needs a target code"
    if target == LOINC and not has_loinc_check_digit(code):
        return f"{code} is no LOINC number: its check digit is wrong"
    if target == SNOMED and not has_snomed_check_digit(code):
        return f"{code} is no SNOMED CT identifier: its check digit is wrong"
    system = code_system(target)
    if system is not None and code not in system.codes:
        return f"{target} has no code {code}"
    return ""
