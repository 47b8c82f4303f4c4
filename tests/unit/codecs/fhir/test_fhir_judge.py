"""The judge: what it catches beside the schema, that it gives no false alarm, and a second opinion.

That it finds nothing wrong with the output of our maps is held in transform/test_output.
"""

import json
from typing import Any

import orjson
import pydantic
import pytest
from hypothesis import given, settings

from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import bundle_bytes
from plexus.codecs.fhir.definitions import structure, structures
from plexus.codecs.fhir.judge import judge
from plexus.codecs.fhir.judge.invariants import _evaluated
from plexus.codecs.fhir.validation import Finding
from tests.unit.codecs.fhir import fhir_material as material
from tests.unit.codecs.fhir.mutants import MUTANTS, Mutant, concept, sound_bundle

_NARRATIVE = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def test_sound_resources_have_no_findings() -> None:
    assert judge(sound_bundle()) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.kind}-{m.place}")
def test_a_single_fault_is_found_as_what_it_is(mutant: Mutant) -> None:
    found = judge(mutant.bundle())
    assert mutant.kind in {each.kind for each in found}
    assert len(found) <= 2


def test_it_catches_fifty_eight_of_sixty_single_faults() -> None:
    assert sum(bool(judge(mutant.bundle())) for mutant in MUTANTS) >= 58


def test_what_the_models_of_another_maker_refuse_the_judge_refuses_too() -> None:
    for entry in sound_bundle()["entry"]:
        material.assert_is_r4(entry["resource"])
    refused = []
    for mutant in MUTANTS:
        bundle = mutant.bundle()
        try:
            for entry in bundle["entry"]:
                material.assert_is_r4(entry["resource"])
        except pydantic.ValidationError:
            refused.append(bundle)
    assert len(refused) >= 18
    assert all(judge(bundle) for bundle in refused)


@settings(max_examples=25, deadline=None)
@given(material.events)
def test_whatever_is_rendered_is_found_sound(
    event: ChangedEvent,
) -> None:
    found = judge(orjson.loads(bundle_bytes(event, tenant="t", message_id="m")))
    assert found == []


def test_every_invariant_can_be_evaluated() -> None:
    evaluated = 0
    for name in structures():
        found = structure(name)
        assert found is not None
        rules = dict(found.invariants)
        for element in found.elements:
            rules |= element.invariants
        for expression in rules.values():
            _evaluated(expression, name, b'{"id":"x"}', b'{"resourceType":"Basic"}')
            evaluated += 1
    assert evaluated > 150


def _patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient"} | members


@pytest.mark.parametrize(
    ("resource", "finding"),
    [
        (_patient(text={"status": "generated", "div": _NARRATIVE.format("<b>x</b>")}), None),
        (_patient(text={"status": "generated", "div": _NARRATIVE.format("<script>x</script>")}), "txt-1"),
        (_patient(text={"status": "generated", "div": _NARRATIVE.format("<b onclick='x()'>x</b>")}), "txt-1"),
        (_patient(text={"status": "generated", "div": _NARRATIVE.format("<b>x</i>")}), "txt-1"),
        (_patient(text={"status": "generated", "div": _NARRATIVE.format(" ")}), "txt-2"),
        (_patient(contained=[{"resourceType": "Organization", "id": "o", "name": "x"}]), "dom-3"),
        (_patient(contained=[{"resourceType": "Organization", "id": "o", "name": "x"}],
                  managingOrganization={"reference": "#o"}), None),
        (_patient(contained=[{"resourceType": "Organization", "id": "o", "name": "x", "meta": {"versionId": "1"}}],
                  managingOrganization={"reference": "#o"}), "dom-4"),
        (_patient(contained=[{"resourceType": "Account", "status": "active", "subject": [{"reference": "#"}]}]), "id"),
        (_patient(contained=[{"resourceType": "Practitioner", "id": "o"}],
                  managingOrganization={"reference": "#o"}), "target"),
        (_patient(managingOrganization={"reference": "#o"}), "dangling"),
        (_patient(managingOrganization={"reference": "Organization/1"}), None),
        (_patient(managingOrganization={"reference": "https://example.org/Organization/1"}), None),
        (_patient(managingOrganization={"reference": "Practitioner/1"}), "target"),
        (_patient(managingOrganization={"reference": "Organization/1", "type": "Location"}), "type"),
        (_patient(extension=[{"url": "http://hl7.org/fhir/StructureDefinition/made-up", "valueCode": "x"}]), "extension"),
        (_patient(extension=[{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueCode": "x"}]), "extension"),
        (_patient(extension=[{"url": "urn:ours", "valueCode": "x"}]), None),
        (_patient(identifier=[{"system": "urn:oid:3.4", "value": "1"}]), "urn:oid"),
        (_patient(identifier=[{"system": "urn:uuid:0", "value": "1"}]), "urn:uuid"),
        (_patient(photo=[{"contentType": "PDF", "url": "http://example.org"}]), "media type"),
        (_patient(maritalStatus=concept("http://example.org/ours", "whatever")), None),
        (_patient(maritalStatus=concept("http://snomed.info/sct", "22298007")), "code"),
        (_patient(name=[{"period": {"start": "2026-02-03T04:00:00+02:00", "end": "2026-02-03T03:00:00Z"}}]), None),
        (_patient(name=[{"period": {"start": "2026-02-03T04:00:00Z", "end": "2026-02-03T03:00:00Z"}}]), "per-1"),
        (_patient(name=[{"period": {"start": "2026", "end": "2026-02-03"}}]), None),
    ],
)  # fmt: skip
def test_rules_that_are_written_by_hand(resource: dict[str, Any], finding: str | None) -> None:
    assert [each.rule for each in judge(resource)] == ([finding] if finding else [])


def test_references_between_lines_are_followed_where_the_lines_are_known() -> None:
    resource = _patient(managingOrganization={"reference": "Organization/1"})
    assert judge(resource, known={"Organization/1"}) == []
    assert judge(resource, known={"Organization/2"}) == [
        Finding("Patient.managingOrganization", "reference", "dangling")
    ]


def test_a_bundle_holds_what_it_points_at_under_any_of_its_names() -> None:
    patient = {"fullUrl": "http://example.org/fhir/Patient/7", "resource": _patient(id="7")}
    for reference, finding in (
        ("Patient/7", []),
        ("http://example.org/fhir/Patient/7", []),
        ("Patient/8", ["dangling"]),
    ):
        observation = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": reference},
        }
        entries = [patient, {"fullUrl": "urn:uuid:0b7f9c3e-3d0c-4c53-9d3a-6f0a2f0f7c09", "resource": observation}]  # fmt: skip
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        assert [each.rule for each in judge(bundle)] == finding


def test_an_entry_asks_for_what_it_brings() -> None:
    made = sound_bundle()
    made["entry"][0]["request"]["url"] = "Person?identifier=x|1"
    assert judge(made) == [Finding("Bundle.entry.request.url", "reference", "type")]


def test_what_is_nested_beyond_reason_is_found_and_not_raised() -> None:
    extension: dict[str, Any] = {"url": "x", "valueCode": "x"}
    for _ in range(600):
        extension = {"url": "x", "extension": [extension]}
    assert judge(_patient(extension=[extension])) == [Finding("Patient", "type", "nesting")]


@pytest.mark.parametrize("what", [None, 3, "x", [], {}, {"resourceType": 3}, {"resourceType": "X"}])
def test_what_is_no_resource_is_found_and_not_raised(what: Any) -> None:
    assert [each.kind for each in judge(what)] == ["type"]


def test_findings_repeat_nothing_of_the_resource(capsys: pytest.CaptureFixture[str]) -> None:
    for mutant in MUTANTS:
        bundle = json.loads(json.dumps(mutant.bundle()).replace("Thistledown", "Wick"))
        assert "Wick" not in str(judge(bundle))
    assert capsys.readouterr().out == ""
