"""Readers of the official distribution files of LOINC, SNOMED CT, RxNorm and ICD-10-CM.

Their content is licensed to its users, so none is here: whoever has a licence loads a release (see
`index`). Files are read row by row; a release may be larger than memory. The path is the file, or a
folder that holds it anywhere below. Parts are told by the names that the publishers give them.
"""

import csv
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from plexus.codecs.terminology.systems import ICD10CM, LOINC, RXNORM, SNOMED
from plexus.errors import ConfigurationError

__all__ = ["RELEASES", "Release", "ReleaseCode", "open_release"]

_FSN = "900000000000003001"
"""Type of a description that is the fully specified name."""
_RXNORM_NAMES = ("PSN", "SCD", "SBD", "GPCK", "BPCK", "IN", "PIN", "MIN", "BN", "DF", "SY")
"""Term types, the best name for people first."""
_LONGEST_NAME = 1000


class ReleaseCode(NamedTuple):
    """A code of a release.

    Attributes:
        code: of the system.
        display: its best name.
        status: `active`, `deprecated`, `retired`, or `header` for what only groups others.
        names: all its names, the display among them.
    """

    code: str
    display: str
    status: str
    names: tuple[str, ...]


class Release(NamedTuple):
    """A release that can be read.

    Attributes:
        system: URI of the code system.
        version: as the file names tell it; empty where they do not.
        codes: reads them once.
    """

    system: str
    version: str
    codes: Iterable[ReleaseCode]


def open_release(kind: str, path: pathlib.Path) -> Release:
    """Open a release of a kind of `RELEASES`; it is read when its codes are asked for.

    Raises:
        ConfigurationError: the path does not hold such a release.
    """
    return RELEASES[kind](path)


def _loinc(path: pathlib.Path) -> Release:
    file = _file(path, "Loinc.csv", r"Loinc\.csv")
    version = re.search(r"Loinc_(\d+\.\d+)", str(file.absolute()))
    return Release(LOINC, version[1] if version else "", _loinc_codes(file))


def _loinc_codes(file: pathlib.Path) -> Iterator[ReleaseCode]:
    with file.open(encoding="utf-8-sig", newline="") as content:
        rows = csv.DictReader(content)
        _columns(file, rows.fieldnames, "LOINC_NUM", "LONG_COMMON_NAME", "COMPONENT", "STATUS")
        for row in rows:
            status = {"DEPRECATED": "retired", "DISCOURAGED": "deprecated"}
            fields = ("LONG_COMMON_NAME", "DisplayName", "CONSUMER_NAME", "SHORTNAME", "COMPONENT")
            names = _names(row.get(field) for field in fields)
            yield ReleaseCode(
                row["LOINC_NUM"],
                names[0] if names else "",
                status.get(row["STATUS"], "active"),
                names,
            )


def _snomed(path: pathlib.Path) -> Release:
    concepts = _file(path, "sct2_Concept_Snapshot_*.txt", r"x?sct2_Concept_Snapshot_.*\.txt")
    descriptions = _file(
        path if path.is_dir() else path.parent,
        "sct2_Description_Snapshot-en_*.txt",
        r"x?sct2_Description_Snapshot-en.*\.txt",
    )
    version = re.search(r"_(\d{8})\.txt$", concepts.name)
    return Release(SNOMED, version[1] if version else "", _snomed_codes(concepts, descriptions))


def _snomed_codes(concepts: pathlib.Path, descriptions: pathlib.Path) -> Iterator[ReleaseCode]:
    is_active = {row["id"]: row["active"] == "1" for row in _tabbed(concepts, "id", "active")}
    named: dict[str, list[str]] = {}
    for row in _tabbed(descriptions, "conceptId", "active", "typeId", "term"):
        if row["active"] == "1" and row["conceptId"] in is_active:
            terms = named.setdefault(row["conceptId"], [])
            terms.insert(0 if row["typeId"] == _FSN else len(terms), row["term"])
    for code, active in is_active.items():
        names = _names(named.get(code, ()))
        display = names[0] if names else ""
        yield ReleaseCode(code, display, "active" if active else "retired", names)


def _rxnorm(path: pathlib.Path) -> Release:
    file = _file(path, "RXNCONSO.RRF", r"RXNCONSO\.RRF")
    version = re.search(r"RxNorm_\w+?_(\d{8})", str(file.absolute()))
    return Release(RXNORM, version[1] if version else "", _rxnorm_codes(file))


def _rxnorm_codes(file: pathlib.Path) -> Iterator[ReleaseCode]:
    # The rows of a concept stand together in the file that is distributed.
    code = ""
    rows: list[list[str]] = []
    with file.open(encoding="utf-8", newline="") as content:
        for line in content:
            row = line.rstrip("\r\n").split("|")
            if len(row) < 18:
                raise ConfigurationError(f"{file}: a row has {len(row)} columns, expected 18")
            if row[11] != "RXNORM":
                continue
            if row[0] != code:
                yield from _rxnorm_code(code, rows)
                code, rows = row[0], []
            rows.append(row)
    yield from _rxnorm_code(code, rows)


def _rxnorm_code(code: str, rows: list[list[str]]) -> Iterator[ReleaseCode]:
    if not code:
        return
    order = {kind: at for at, kind in enumerate(_RXNORM_NAMES)}
    rows.sort(key=lambda row: order.get(row[12], len(order)))
    is_current = any(row[16] == "N" for row in rows)
    names = _names(row[14] for row in rows)
    yield ReleaseCode(code, names[0] if names else "", "active" if is_current else "retired", names)


def _icd10cm(path: pathlib.Path) -> Release:
    file = _file(path, "icd10cm_order_*.txt", r"icd10cm[_-]order[_-].*\.txt")
    version = re.search(r"(20\d\d)", file.name)
    return Release(ICD10CM, version[1] if version else "", _icd10cm_codes(file))


def _icd10cm_codes(file: pathlib.Path) -> Iterator[ReleaseCode]:
    # Columns of the order file: 1-5 number, 7-13 code, 15 whether it may be used, 17-76 short and
    # from 78 long description.
    with file.open(encoding="utf-8", newline="") as content:
        for line in content:
            if not line.strip():
                continue
            bare = line[6:13].strip()
            if not line[:5].strip().isdigit() or not bare or line[14:15] not in {"0", "1"}:
                raise ConfigurationError(f"{file}: a row is none of an ICD-10-CM order file")
            code = f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare
            names = _names((line[77:].strip(), line[16:76].strip()))
            status = "active" if line[14] == "1" else "header"
            yield ReleaseCode(code, names[0] if names else "", status, names)


RELEASES: dict[str, Callable[[pathlib.Path], Release]] = {
    "loinc": _loinc,
    "snomed": _snomed,
    "rxnorm": _rxnorm,
    "icd10": _icd10cm,
}
"""Kinds of releases by their name on the command line."""


def _file(path: pathlib.Path, wanted: str, pattern: str) -> pathlib.Path:
    if path.is_file():
        found = [path]
    else:
        named = re.compile(pattern)
        found = sorted(file for file in path.rglob("*") if named.fullmatch(file.name))
    if not found:
        raise ConfigurationError(f"{path}: there is no {wanted}; unpack the release first")
    if len(found) > 1:
        raise ConfigurationError(f"{path}: there are several {wanted}; name the folder of one")
    return found[0]


def _tabbed(file: pathlib.Path, *columns: str) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as content:
        head = content.readline().rstrip("\r\n").split("\t")
        _columns(file, head, *columns)
        for line in content:
            yield dict(zip(head, line.rstrip("\r\n").split("\t"), strict=False))


def _columns(file: pathlib.Path, found: Iterable[str] | None, *wanted: str) -> None:
    missing = set(wanted) - set(found or ())
    if missing:
        raise ConfigurationError(f"{file}: the column {min(missing)} is missing")


def _names(names: Iterable[str | None]) -> tuple[str, ...]:
    """Each name once, in order."""
    return tuple(
        dict.fromkeys(name.strip()[:_LONGEST_NAME] for name in names if name and name.strip())
    )
