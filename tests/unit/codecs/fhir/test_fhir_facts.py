"""Facts: what R4 has no element for, as extensions, and read again."""

import json
from typing import Any

import orjson
import pytest

from plexus.api.canonical.v1.datatypes_pb2 import (
    Authority,
    Coding,
    Concept,
    Identifier,
    Period,
    Reference,
)
from plexus.api.canonical.v1.resources_pb2 import Encounter, Fact, Money, Resource
from plexus.codecs.fhir import render_resource
from plexus.codecs.fhir.reading import read_document
from tests.unit.codecs.fhir import fhir_material as material


def _rendered(*facts: Fact) -> dict[str, Any]:
    stay = Encounter(status="finished", facts=facts)
    made: dict[str, Any] = orjson.loads(
        orjson.dumps(render_resource(Resource(key="k", encounter=stay), "t", person_id="p"))
    )
    return made


_CASES = [
    (
        Fact(name="a", concept=Concept(codings=[Coding(code="A", display="Active")])),
        {"valueCodeableConcept": {"coding": [{"code": "A", "display": "Active"}]}},
    ),
    (Fact(name="a", text="12"), {"valueString": "12"}),
    (Fact(name="a", time="2026-02-03"), {"valueDateTime": "2026-02-03"}),
    (
        Fact(name="a", amount=Money(value="12.75", currency="EUR")),
        {"valueMoney": {"value": 12.75, "currency": "EUR"}},
    ),
    (
        Fact(name="a", identifier=Identifier(value="7", authority=Authority(namespace="W"))),
        {"valueIdentifier": {"system": "urn:plexus:authority:W", "value": "7"}},
    ),
    (
        Fact(name="a", period=Period(start="2026", end="2027")),
        {"valuePeriod": {"start": "2026", "end": "2027"}},
    ),
    (
        Fact(name="a", reference=Reference(type="Organization", display="West")),
        {"valueReference": {"type": "Organization", "display": "West"}},
    ),
]


@pytest.mark.parametrize(("fact", "value"), _CASES)
def test_a_fact_is_an_extension_by_its_name(fact: Fact, value: dict[str, Any]) -> None:
    rendered = _rendered(fact)
    assert rendered["extension"] == [{"url": "urn:plexus:fact:a", **value}]
    material.assert_is_r4(rendered)


@pytest.mark.parametrize(("fact", "value"), _CASES)
def test_a_fact_that_is_read_again_is_the_same(fact: Fact, value: dict[str, Any]) -> None:
    del value
    (entry,) = read_document(json.dumps(_rendered(fact)).encode()).entries
    assert list(entry.resource.encounter.facts) == [fact]


def test_facts_stand_beside_other_extensions() -> None:
    stay = Encounter(planned=Period(start="2026-02-03"), facts=[Fact(name="a", text="b")])
    rendered = render_resource(Resource(key="k", encounter=stay), "t", person_id="p")
    urls = [each["url"] for each in rendered["extension"]]  # type: ignore[attr-defined]
    assert urls == [
        "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate",
        "urn:plexus:fact:a",
    ]


@pytest.mark.parametrize("fact", [Fact(name="a"), Fact(text="b"), Fact(name="a", text=" ")])
def test_a_fact_without_name_or_value_is_not_told(fact: Fact) -> None:
    assert "extension" not in _rendered(fact)


def test_an_extension_that_is_no_fact_of_a_known_kind_stays_residue() -> None:
    stay = {
        "resourceType": "Encounter",
        "status": "finished",
        "extension": [{"url": "urn:plexus:fact:a", "valueBoolean": True}],
    }
    (entry,) = read_document(json.dumps(stay).encode()).entries
    entry.leave()
    assert not entry.resource.encounter.facts
    assert {each.location for each in entry.resource.residue} >= {
        "Encounter.extension[0].url",
        "Encounter.extension[0].valueBoolean",
    }
