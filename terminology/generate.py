"""Generate `hl7_tables.txt` of `plexus.codecs.terminology` from a release of HL7 Terminology (THO).

The release is FHIR's package `hl7.terminology.r4`, as a .tgz or unpacked. Taken are the code systems
of the HL7 v2 tables and those that the maps name; of each code its display and whether it may still
be used. Left out is what HL7 only quotes: systems that are not under THO's own CC0 designation, and
those of `QUOTED`. Run by `make terminology THO=path`.
"""

import argparse
import json
import pathlib
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "libs" / "plexus" / "codecs" / "terminology" / "hl7_tables.txt"
BASE = "http://terminology.hl7.org/CodeSystem/"

# What the maps of transform and the FHIR renderer write beside the v2 tables.
OTHERS = frozenset({
    "condition-category",
    "condition-clinical",
    "condition-ver-status",
    "coverage-class",
    "coverage-copay-type",
    "data-absent-reason",
    "diagnosis-role",
    "encounter-special-arrangements",
    "location-physical-type",
    "observation-category",
    "service-type",
    "subscriber-relationship",
    "v3-ActCode",
    "v3-ActPriority",
    "v3-ActReason",
    "v3-MaritalStatus",
    "v3-NullFlavor",
    "v3-ObservationInterpretation",
    "v3-ParticipationType",
    "v3-ReligiousAffiliation",
    "v3-RoleCode",
})  # fmt: skip

QUOTED = frozenset({"v2-0344"})
"""Lists of others that stand in THO: 0344 has the wording of the uniform bill (NUBC)."""

_OWN = re.compile(r"CC0|creative commons public domain", re.IGNORECASE)
_TABLE = re.compile(r"v2-[0-9]{4}")
# "..." stands in some tables where the reader is to think of more codes.
_PLACEHOLDER = re.compile(r"\.\.\.|…|.* \.\.\.|General code|NNxxx|99zzz|HL7nnnn|.* or .*|.*\(.*\)")
_MARKS = {"retired": "r", "deprecated": "d", "B": "d"}


def read_package(path: pathlib.Path) -> dict[str, Any]:
    """The package's JSON files by name. Raises SystemExit where it is no such package."""
    files: dict[str, Any] = {}
    if path.is_dir():
        folder = path / "package" if (path / "package").is_dir() else path
        for file in folder.glob("*.json"):
            if _is_wanted(file.name):
                files[file.name] = json.loads(file.read_text(encoding="utf-8"))
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.removeprefix("package/")
                if member.isfile() and _is_wanted(name):
                    content = archive.extractfile(member)
                    assert content is not None
                    files[name] = json.load(content)
    if files.get("package.json", {}).get("name") != "hl7.terminology.r4":
        sys.exit(f"{path} is no package hl7.terminology.r4")
    return files


def _is_wanted(name: str) -> bool:
    return name == "package.json" or name.startswith("CodeSystem-")


def render(files: dict[str, Any]) -> str:
    """The generated file."""
    package = files.pop("package.json")
    systems = {system["url"].removeprefix(BASE): system for system in files.values()}
    lines = [
        f"# {package['title']}, package {package['name']} {package['version']}, by {package['author']}.",
        f"# Licence {package['license']}. Made by terminology/generate.py; do not edit.",
        "# Each block is a code system: its name, version, title, r if it is retired; then code, display,",
        "# d or r if it is deprecated or retired. Last: tables whose codes are of the system of another.",
    ]
    taken = sorted(name for name in systems if _is_taken(name, systems[name]))
    for name in taken:
        system = systems[name]
        mark = "r" if system["status"] == "retired" else ""
        head = (name, system.get("version", ""), system.get("name", ""), mark)
        lines += ["", "\t".join(map(_clean, head)).rstrip("\t")]
        for code, display, sign in sorted(set(_concepts(system.get("concept", ())))):
            lines.append(f"{code}\t{display}\t{sign}".rstrip("\t"))
    lines.append("")
    for row in systems["v2-tables"]["concept"]:
        told = {p["code"]: p for p in row.get("property", ())}
        name = told.get("v2-cs-uri", {}).get("valueCode", "").removeprefix(BASE)
        if name in taken and name != f"v2-{row['code']}":
            lines.append(f"{row['code']}\t{name}")
    return "\n".join(lines) + "\n"


def _is_taken(name: str, system: dict[str, Any]) -> bool:
    return (
        (_TABLE.fullmatch(name) is not None or name in OTHERS)
        and name not in QUOTED
        and system["content"] == "complete"
        and _OWN.search(system.get("copyright", "")) is not None
    )


def _concepts(concepts: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for concept in concepts:
        yield from _concepts(concept.get("concept", ()))
        code = concept["code"]
        if code != _clean(code) or _PLACEHOLDER.fullmatch(code):
            continue
        told = {p["code"]: p for p in concept.get("property", ())}
        mark = _MARKS.get(told.get("status", {}).get("valueCode", ""), "")
        if not mark and "v2-table-deprecated" in told:
            mark = "d"
        yield code, _clean(concept.get("display", "")), mark


def _clean(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=pathlib.Path, help="hl7.terminology.r4, .tgz or folder")
    parser.add_argument("--out", type=pathlib.Path, default=TARGET, help="file to write")
    arguments = parser.parse_args()
    arguments.out.write_text(render(read_package(arguments.package)), encoding="utf-8")


if __name__ == "__main__":
    main()
