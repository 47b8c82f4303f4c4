"""The strict schema: what it catches, what it lets pass, and that what leaves was held against it.

That random rendered content passes is held in test_fhir_laws; the judge is in test_fhir_judge.
"""

import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure, render_resource
from plexus.codecs.fhir.definitions import is_resource_type, structures
from plexus.codecs.fhir.resources import _RENDERERS
from plexus.codecs.fhir.strict_schema import schema_of
from plexus.codecs.fhir.validation import (
    _RENDERED,
    Finding,
    _is_valid_entry,
    checked,
    checked_entry,
    findings,
)
from plexus.errors import InvalidMessage, Reason
from tests.unit.codecs.fhir.mutants import MUTANTS, Mutant, sound_bundle

_TYPES = [name for name in structures() if is_resource_type(name)]
_STRUCTURAL = ("unknown", "cardinality", "type", "binding")
# What no schema can tell: that a month has no such day, and a required concept told in words only.
_BEYOND = {"1970-02-30", "{'text': 'active'}"}


def test_sound_resources_have_no_findings() -> None:
    assert findings(sound_bundle()) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.kind}-{m.place}")
def test_every_structural_fault_is_found_where_it_is(mutant: Mutant) -> None:
    found = findings(mutant.bundle())
    if mutant.kind in _STRUCTURAL and str(mutant.value) not in _BEYOND:
        assert {each.kind for each in found} == {mutant.kind}
        path = ".".join(step for step in mutant.place.split(".") if not step.isdigit())
        assert any(path.startswith(each.path) and each.path != "Bundle" for each in found)
    else:
        assert found == []


def test_it_catches_thirty_seven_of_sixty_single_faults() -> None:
    assert len(MUTANTS) == 60
    assert sum(bool(findings(mutant.bundle())) for mutant in MUTANTS) >= 37


def test_there_is_a_schema_for_every_resource_type_of_r4() -> None:
    assert len(_TYPES) == 146
    schema = schema_of(*_TYPES)
    for name in _TYPES:
        assert schema["definitions"][name]["additionalProperties"] is False
        assert schema["definitions"][name]["properties"]["resourceType"] == {"const": name}
    # All at once would take half a second; these use every kind of rule.
    jsonschema_rs.Draft7Validator(schema_of("Questionnaire", "Parameters", "Task", "Claim"))


def test_what_we_render_shares_one_validator() -> None:
    rendered = {fhir_type for fhir_type, _, _ in _RENDERERS.values()}
    assert set(_RENDERED) == rendered | {"Basic", "Bundle", "Medication", "Provenance"}


def test_an_entry_is_found_valid_at_one_look_unless_it_holds_more() -> None:
    for entry in sound_bundle()["entry"]:
        assert _is_valid_entry(entry)
        assert not _is_valid_entry(entry | {"fullUrl": "no url"})
        assert not _is_valid_entry(entry | {"request": {"method": "PUT"}})
        assert not _is_valid_entry(entry | {"resource": entry["resource"] | {"contained": []}})


@pytest.mark.parametrize(
    ("more", "finding"),
    [
        ({"status": "final", "_status": {"id": "1"}}, None),
        ({"_status": {"extension": [{"url": "http://example.org", "valueCode": "x"}]}}, None),
        ({}, Finding("Observation", "cardinality", "status")),
        ({"status": "final", "note": [{}]}, Finding("Observation.note", "cardinality")),
        ({"status": None}, Finding("Observation.status", "type")),
        (
            {"status": "final", "valueString": "a", "_valueInteger": {"id": "1"}},
            Finding("Observation", "cardinality", "value[x]"),
        ),
        ({"status": "final", "valueString": "a", "_valueString": {"id": "1"}}, None),
        (
            {"status": "final", "extension": [{"url": "x", "valueCode": "a", "valueId": "b"}]},
            Finding("Observation.extension", "cardinality", "value[x]"),
        ),
        ({"status": "final", "valueString": "a\u00a0b\u2028"}, None),
        ({"status": "final", "valueString": "a\x0bb"}, Finding("Observation.valueString", "type")),
        ({"status": "final", "contained": [{"resourceType": "Nothing"}]}, Finding("", "type", "resourceType")),
        (
            {"status": "final", "contained": [{"resourceType": "Patient", "id": "p", "x": 1}]},
            Finding("Patient", "unknown"),
        ),
    ],
)  # fmt: skip
def test_what_the_rules_mean_in_detail(more: dict[str, Any], finding: Finding | None) -> None:
    found = findings({"resourceType": "Observation", "code": {"text": "x"}} | more)
    assert (finding in found) if finding else (found == [])


def test_extensions_of_primitives_in_lists_keep_their_place() -> None:
    why = {"extension": [{"url": "http://example.org", "valueCode": "masked"}]}
    name = {"given": ["Ada", None], "_given": [None, why]}
    assert findings({"resourceType": "Patient", "name": [name]}) == []
    name["given"] = ["Ada", 3]
    assert findings({"resourceType": "Patient", "name": [name]}) == [
        Finding("Patient.name.given", "type")
    ]


def test_resources_in_parameters_are_checked_however_deep() -> None:
    inner: dict[str, Any] = {"name": "p", "resource": {"resourceType": "Patient", "gender": "x"}}
    outer = {"name": "o", "part": [{"name": "m", "part": [inner]}]}
    found = findings({"resourceType": "Parameters", "parameter": [outer]})
    assert found == [Finding("Patient.gender", "binding")]


@pytest.mark.parametrize("what", [None, 3, "x", [], {}, {"resourceType": 3}, {"resourceType": "DomainResource"}])  # fmt: skip
def test_what_is_no_resource_is_found_and_not_raised(what: Any) -> None:
    assert findings(what) == [
        Finding("", "type", "resource" if not isinstance(what, dict) else "resourceType")
    ]


_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "entry", "resource", "contained", "resourceType", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(["Patient", "Bundle", "Parameters"]), st.dictionaries(
    st.sampled_from(["name", "entry", "parameter", "contained", "extension", "x"]), _JSON, max_size=3
))  # fmt: skip
def test_any_json_gets_an_answer_that_repeats_nothing_of_it(
    fhir_type: str, members: dict[str, Any]
) -> None:
    secret = {"resourceType": fhir_type, "Mrs Wick": "Mrs Wick"} | members
    found = findings(secret)
    assert found
    assert "Wick" not in "".join(str(each) for each in found)


def test_numbers_of_any_size_and_decimals_pass() -> None:
    value = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    for number in (Decimal("1.50"), 10**40, 1e300, Decimal("1e99")):
        assert findings(value | {"valueQuantity": {"value": number}}) == []


def test_what_is_not_valid_does_not_leave_and_the_error_names_place_and_rule() -> None:
    entry = {
        "resource": {"resourceType": "Patient", "gender": "Mrs Wick", "birthDate": "Wick"},
        "request": {"method": "POST", "url": "Patient"},
    }
    with pytest.raises(InvalidMessage) as raised:
        checked_entry(entry)
    assert raised.value.reason == Reason.REASON_INVALID_OUTPUT
    assert "Patient.gender: binding" in raised.value.detail
    assert "Patient.birthDate: type" in raised.value.detail
    assert "Wick" not in raised.value.detail
    with pytest.raises(InvalidMessage, match="Patient"):
        checked(entry["resource"])
    with pytest.raises(InvalidMessage, match="Bundle"):
        checked_entry(entry | {"resource": {"resourceType": "Patient"}, "request": {"url": "Patient"}})  # fmt: skip


@pytest.mark.parametrize("kind", ["encounter", "observation"])
def test_every_output_is_checked_whether_its_type_recurs_or_not(kind: str) -> None:
    event = ChangedEvent(person_id=f"only here {kind}")
    resource = event.resources.add().resource
    resource.key = "1"
    getattr(resource, kind).SetInParent()
    disclosure = Disclosure(event.SerializeToString(), tenant="t")
    _, entry = disclosure._entries
    entry.content = entry.content._replace(render=lambda *_: {"status": "?"})
    for render in (lambda: disclosure.bundle_bytes(message_id="m"), disclosure.lines):
        with pytest.raises(InvalidMessage, match=r"\.status: binding") as raised:
            render()
        assert raised.value.reason == Reason.REASON_INVALID_OUTPUT


def test_a_resource_of_the_sender_that_is_not_valid_leaves_as_an_attachment() -> None:
    plan = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"display": "x"}}  # fmt: skip
    for made, expected in ((plan, "CarePlan"), (plan | {"intent": "?"}, "Basic")):
        resource = Resource(key="k")
        resource.opaque.content_type = "application/fhir+json"
        resource.opaque.content = json.dumps(made).encode()
        assert render_resource(resource, "t")["resourceType"] == expected
