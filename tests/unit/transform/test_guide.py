"""The guide's rows and our rules: every row that maps something is cited by a rule, or listed with its reason.

What can be held against our own files is always tested; whether nothing of the guide is left out, where its
tables are found (`PLEXUS_SHARED`). That the rules do what they say is for `test_rules`.
"""

import functools
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
import yaml

import services.transform.maps
from services.transform.domain.notation import lines
from tests.unit.transform.rule_runs import RULES

SHARED = Path(os.environ.get("PLEXUS_SHARED", Path(__file__).parents[4] / "shared"))
GUIDE = SHARED / "terminology" / "v2_to_fhir_ig_maps.json"
LISTED = Path(services.transform.maps.__file__).parent / "guide_rows.yaml"
ROW = re.compile(
    r"(?P<map>[A-Z][A-Z0-9]+\[[\w-]+\]) (?P<field>[A-Z][A-Z0-9]+[-.\d]*) sort (?P<sort>[\d.]+|-)"
)
STRUCTURE_ROW = re.compile(r"(?P<map>[A-Z]{3}_[A-Z]\d\d) (?P<sort>\d[\d.]*)")
needs_guide = pytest.mark.skipif(
    not GUIDE.exists(), reason="the guide's tables are not here; set PLEXUS_SHARED to their folder"
)


class Place(NamedTuple):
    """A field in a map of the guide; several rows may be of one."""

    map: str
    field: str
    sort: str


def places(text: str) -> list[Place]:
    return [Place(*found.group("map", "field", "sort")) for found in ROW.finditer(text)]


CITED = {place for _, rule in RULES if not rule.drops for place in places(rule.cite)}


class Listed(NamedTuple):
    """The rows that no rule follows: whole maps, whole fields, and single rows of fields."""

    maps: list[str]
    fields: list[Place]
    rows: list[tuple[Place, str]]


@functools.cache
def listed() -> Listed:
    found = Listed([], [], [])
    for group in yaml.safe_load(LISTED.read_text("utf-8")):
        assert set(group) <= {"reason", "maps", "rows"}, group
        assert group["reason"].endswith("."), group["reason"]
        found.maps.extend(group.get("maps", ()))
        for row in group.get("rows", ()):
            at, _, path = row.partition(" -> ")
            (place,) = places(at)
            assert f"{place.map} {place.field} sort {place.sort}" == at, at
            if path:
                found.rows.append((place, path))
            else:
                found.fields.append(place)
    return found


@functools.cache
def guide() -> dict[str, dict[str, list[dict[str, Any]]]]:
    found: dict[str, dict[str, list[dict[str, Any]]]] = orjson.loads(GUIDE.read_bytes())
    return found


def mapping() -> list[tuple[Place, str]]:
    """The rows of segment maps that map something, with what they map to."""
    return [
        (Place(name, row["id"], row.get("sort") or "-"), row["fhir"].strip())
        for name, rows in guide()["segments"].items()
        for row in rows
        if row.get("fhir")
    ]


def test_nothing_is_listed_twice_or_beside_a_rule_that_cites_it() -> None:
    found = listed()
    for kind in found:
        twice = [each for each, count in Counter(kind).items() if count > 1]
        assert not twice, f"listed twice: {twice}"
    no_longer = {place.map for place in CITED} & set(found.maps)
    assert not no_longer, f"rules cite {no_longer}; list the rows that they leave out"
    no_more = CITED & set(found.fields)
    assert not no_more, f"rules cite {no_more}; take them off {LISTED.name}"
    for place, path in found.rows:
        assert place in CITED, f"{place} -> {path}: no rule follows the other rows; list the field"


@needs_guide
def test_every_row_that_maps_something_is_cited_or_listed_with_its_reason() -> None:
    found = listed()
    fields, maps = set(found.fields), set(found.maps)
    missing = [
        f"{place.map} {place.field} sort {place.sort} -> {path}"
        for place, path in mapping()
        if place not in CITED and place not in fields and place.map not in maps
    ]
    assert not missing, "\n".join(missing)


@needs_guide
def test_what_is_listed_is_there_and_maps_something() -> None:
    found = listed()
    rows = mapping()
    there = {place for place, _ in rows}
    assert set(found.maps) <= {place.map for place in there}
    assert set(found.fields) <= there, set(found.fields) - there
    assert set(found.rows) <= set(rows), set(found.rows) - set(rows)


@needs_guide
def test_every_cited_row_is_in_the_guide_and_maps_something_if_it_is_of_a_segment() -> None:
    there = {place for place, _ in mapping()}
    there |= {
        Place(name, row["id"], row.get("sort") or "-")
        for name, rows in guide()["datatypes"].items()
        for row in rows
    }
    assert not CITED - there, sorted(CITED - there)


@needs_guide
def test_every_row_that_a_structure_cites_is_in_the_guide() -> None:
    there = {(name, row.get("sort")) for name, rows in guide()["messages"].items() for row in rows}
    cites = {
        f"{line.where} {line.cite}": found.group("map", "sort")
        for folder in ("structures", "fragments")
        for file in (LISTED.parent / folder).glob("*.map")
        for line in lines(file.name, file.read_text("utf-8"))
        for found in STRUCTURE_ROW.finditer(line.cite)
    }
    wrong = [where for where, row in cites.items() if row not in there]
    assert cites
    assert not wrong, wrong
