"""What single resources say: values, required elements that are missing, what R4 has no place for."""

import base64
import json
from typing import Any

import orjson
import pytest

from plexus.api.canonical.v1.resources_pb2 import ObservationValue, Resource
from plexus.codecs.fhir import render_resource
from plexus.ids import resource_id
from tests.unit.codecs.fhir import fhir_material as material


def _rendered(resource: Resource, **options: Any) -> Any:
    made = material.read(orjson.dumps(render_resource(resource, "t", **options)))
    material.assert_is_r4(made)
    return made


def _value(**value: Any) -> dict[str, Any]:
    resource = Resource(key="o")
    resource.observation.value.CopyFrom(ObservationValue(**value))
    made = _rendered(resource)
    return {name: each for name, each in made.items() if name.startswith("value")}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"quantity": {"value": "1.50", "unit": "mg"}}, '{"valueQuantity":{"value":1.50,"unit":"mg"}}'),
        ({"quantity": {"value": "about 5", "unit": "mg"}}, '{"valueString":"about 5 mg"}'),
        ({"quantity": {"value": "5", "comparator": "~"}}, '{"valueString":"~5"}'),
        ({"quantity": {"value": "5", "comparator": ">="}}, '{"valueQuantity":{"value":5,"comparator":">="}}'),
        ({"integer": 0}, '{"valueInteger":0}'),
        ({"integer": 2**40}, '{"valueQuantity":{"value":1099511627776}}'),
        ({"boolean": False}, '{"valueBoolean":false}'),
        ({"time": "04:05"}, '{"valueTime":"04:05:00"}'),
        ({"time": "noon"}, '{"valueString":"noon"}'),
        ({"date_time": "2026-01-01T10:00:00"}, '{"valueDateTime":"2026-01-01"}'),
        ({"ratio": {"numerator": {"value": "1"}, "denominator": {"value": "128"}}},
         '{"valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}}'),
        ({"range": {"low": {"value": "9"}, "high": {"value": "2"}}}, '{"valueString":"9 - 2"}'),
        ({"text": " "}, "{}"),
    ],
)  # fmt: skip
def test_an_observed_value_is_said_by_the_choice_that_can_hold_it(
    value: dict[str, Any], expected: str
) -> None:
    made = _value(**value)
    assert made == material.read(expected.encode())
    assert [str(each) for _, each in material.walk(made)] == [
        str(each) for _, each in material.walk(material.read(expected.encode()))
    ]


def test_an_observed_attachment_stands_in_the_extension_that_backports_it() -> None:
    resource = Resource(key="o")
    resource.observation.value.attachment.data = b"\x00\x01"
    (extension,) = _rendered(resource)["extension"]
    assert extension == {
        "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value",
        "valueAttachment": {"contentType": "application/octet-stream", "data": "AAE="},
    }


def test_an_absent_reason_yields_to_a_value() -> None:
    resource = Resource(key="o")
    resource.observation.absent_reason.text = "not done"
    assert _rendered(resource)["dataAbsentReason"] == {"text": "not done"}
    resource.observation.value.boolean = False
    assert "dataAbsentReason" not in _rendered(resource)


@pytest.mark.parametrize(
    ("codings", "code"),
    [
        ([("HL70004", "I")], "IMP"),
        ([("HL70004", "E")], "EMER"),
        ([("HL70004", "B")], "B"),
        ([("HL70004", "O"), ("ACTCODE", "OBSENC")], "OBSENC"),
        ([], "UNK"),
    ],
)
def test_the_class_of_an_encounter_follows_the_guide(
    codings: list[tuple[str, str]], code: str
) -> None:
    resource = Resource(key="e")
    resource.encounter.SetInParent()
    for system_name, sent in codings:
        resource.encounter.encounter_class.codings.add(system_name=system_name, code=sent)
    made = _rendered(resource)
    assert made["class"]["code"] == code
    assert made["status"] == "unknown"


def test_an_appointment_has_both_ends_or_says_that_one_is_absent() -> None:
    resource = Resource(key="a")
    resource.appointment.status = "booked"
    resource.appointment.period.start = "2026-01-01T10:00:00+01:00"
    made = _rendered(resource, person_id="p")
    assert made["_end"]["extension"][0]["valueCode"] == "unknown"
    assert made["participant"][0]["actor"]["identifier"]["value"] == "p"
    resource.appointment.minutes = 30
    assert _rendered(resource)["end"] == "2026-01-01T10:30:00+01:00"
    resource.appointment.period.start = "2026-01-01T10:00:00"
    made = _rendered(resource)
    assert "start" not in made
    assert made["requestedPeriod"] == [{"start": "2026-01-01"}]


def test_an_allergy_without_status_is_active_unless_entered_in_error() -> None:
    resource = Resource(key="a")
    resource.allergy.code.text = "nuts"
    assert _rendered(resource)["clinicalStatus"]["coding"][0]["code"] == "active"
    resource.allergy.verification_status = "entered-in-error"
    assert "clinicalStatus" not in _rendered(resource)


def test_an_organization_is_never_at_home() -> None:
    resource = Resource(key="o")
    resource.organization.telecoms.add(system="phone", value="1", use="home")
    assert _rendered(resource)["telecom"] == [{"system": "phone", "value": "1"}]


def test_race_and_ethnicity_are_us_core_extensions_with_omb_categories() -> None:
    resource = Resource(key="p")
    race = resource.person.races.add()
    race.codings.add(system_name="HL70005", code="2106-3", display="White")
    resource.person.ethnicities.add().codings.add(system_name="HL70189", code="N")
    race_sent, race_made, ethnicity_sent, ethnicity_made = _rendered(resource)["extension"]
    assert race_made["extension"] == [
        {
            "url": "ombCategory",
            "valueCoding": {
                "system": "urn:oid:2.16.840.1.113883.6.238",
                "code": "2106-3",
                "display": "White",
            },
        },
        {"url": "text", "valueString": "White"},
    ]
    assert ethnicity_made["extension"][0]["valueCoding"]["code"] == "2186-5"
    for extension, name, number, code in (
        (race_sent, "race", "0005", "2106-3"),
        (ethnicity_sent, "ethnicity", "0189", "N"),
    ):
        assert extension["url"] == f"urn:plexus:extension:{name}"
        (coding,) = extension["valueCodeableConcept"]["coding"]
        assert coding["system"] == f"http://terminology.hl7.org/CodeSystem/v2-{number}"
        assert coding["code"] == code


def test_a_race_that_us_core_says_whole_is_not_said_again() -> None:
    resource = Resource(key="p")
    race = resource.person.races.add()
    race.codings.add(system_name="CDCREC", code="2106-3", display="White")
    assert [each["url"] for each in _rendered(resource)["extension"]] == [
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    ]


def test_a_time_of_birth_is_kept_beside_the_date() -> None:
    resource = Resource(key="p")
    resource.person.birth_date = "2026-01-01T10:00:00Z"
    made = _rendered(resource)
    assert made["birthDate"] == "2026-01-01"
    assert made["_birthDate"]["extension"][0]["valueDateTime"] == "2026-01-01T10:00:00Z"


def test_what_is_no_fhir_leaves_as_basic_byte_for_byte() -> None:
    resource = Resource(key="z")
    resource.opaque.type = "ZPI"
    resource.opaque.content_type = "x-application/hl7-v2+er7"
    resource.opaque.content = b"ZPI|1|\xff"
    made = _rendered(resource, person_id="p")
    assert made["resourceType"] == "Basic"
    assert made["code"] == {"text": "ZPI"}
    attachment = made["extension"][0]["valueAttachment"]
    assert base64.b64decode(attachment["data"]) == b"ZPI|1|\xff"


def test_a_fhir_original_leaves_as_itself_with_our_patient_and_no_foreign_address() -> None:
    resource = Resource(key="plan")
    resource.opaque.type = "CarePlan"
    resource.opaque.content_type = "application/fhir+json; charset=utf-8"
    resource.opaque.content = json.dumps(
        {
            "resourceType": "CarePlan",
            "id": "7",
            "meta": {"versionId": "3"},
            "identifier": [{"value": "theirs"}],
            "status": "active",
            "intent": "plan",
            "subject": {"reference": "Patient/123"},
            "author": {"reference": "https://example.org/Practitioner/9", "display": "Dr"},
            "goal": [{"reference": "#g"}],
            "contained": [
                {
                    "resourceType": "Goal",
                    "id": "g",
                    "lifecycleStatus": "active",
                    "description": {"text": "walk"},
                    "subject": {"reference": "Patient/123"},
                    "target": [{"detailQuantity": {"value": 0}}],
                }
            ],
        }
    ).replace('"value": 0', '"value": 1.50').encode()  # fmt: skip
    made = _rendered(resource, person_id="p")
    assert made["resourceType"] == "CarePlan"
    assert made["id"] == resource_id("t", "CarePlan", "plan")
    assert "meta" not in made
    assert [each["value"] for each in made["identifier"]] == [made["id"], "theirs"]
    assert made["subject"]["identifier"] == {"system": "urn:plexus:person", "value": "p"}
    assert made["contained"][0]["subject"] == made["subject"]
    assert made["contained"][0]["id"] == "g"
    assert str(made["contained"][0]["target"][0]["detailQuantity"]["value"]) == "1.50"
    assert made["goal"] == [{"reference": "#g"}]
    assert made["author"] == {
        "type": "Practitioner",
        "identifier": {
            "system": "urn:plexus:source-reference",
            "value": "https://example.org/Practitioner/9",
        },
        "display": "Dr",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[]",
        b'{"resourceType":"Patient","id":"1"}',
        b'{"resourceType":"Flag","code":{"text":"\\ud800"}}',
        b'{"resourceType":"Flag","x":NaN}',
        b'{"resourceType":"Flag","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_a_fhir_original_that_cannot_stand_for_itself_is_a_basic(content: bytes) -> None:
    resource = Resource(key="k")
    resource.opaque.content_type = "application/fhir+json"
    resource.opaque.content = content
    assert _rendered(resource)["resourceType"] == "Basic"


def test_a_server_that_holds_all_resources_may_ask_for_literal_references() -> None:
    resource = Resource(key="o")
    resource.observation.encounter.type = "Encounter"
    resource.observation.encounter.key = "e"
    made = _rendered(resource, person_id="p", literal=True)
    assert made["subject"] == {"reference": f"Patient/{resource_id('t', 'Patient', 'p')}"}
    assert made["encounter"] == {"reference": f"Encounter/{resource_id('t', 'Encounter', 'e')}"}
