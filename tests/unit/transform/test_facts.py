"""Facts of the maps: what the documentation tells of them is what the maps make.

That each rule fires is for `test_rules`, how a fact looks in FHIR for tests/unit/codecs/fhir/test_fhir_facts.py.
"""

import re
from pathlib import Path

from plexus.codecs.fhir.facts import FACT_VALUES
from plexus.codecs.fhir.references import FHIR_TYPES
from tests.unit.transform.rule_runs import RULES

_DOCUMENT = Path(__file__).parents[3] / "docs" / "facts.md"
_ROW = re.compile(
    r"^\| (?P<of>[A-Z]\w+) \| `(?P<name>[a-z0-9-]+)` \| (?P<kinds>[^|]+) \| (?P<places>[^|]+) \|$"
)


def _made() -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for section, rule in RULES:
        head, _, kind = rule.path.partition(".")
        if rule.drops or head != "facts":
            continue
        (name,) = (each.value for each in rule.constants if each.path == "name")
        of = FHIR_TYPES.get(section.target, section.target)
        kinds, places = found.setdefault((of, str(name)), (set(), set()))
        kinds.add(FACT_VALUES[kind].removeprefix("value"))
        places.add(str(rule.source))
    return found


def test_every_fact_that_a_map_makes_is_documented_with_its_value_and_places() -> None:
    rows = [_ROW.match(line) for line in _DOCUMENT.read_text("utf-8").splitlines()]
    told = {
        (row["of"], row["name"]): (set(row["kinds"].split(", ")), set(row["places"].split(", ")))
        for row in rows
        if row
    }
    assert told == _made()
