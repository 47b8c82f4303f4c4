"""FHIR JSON read into canonical resources: laws over what we render, and the rules one by one.

In scope: the codec. Keys, subjects of events and identifiers of the source are in
tests/unit/transform/test_fhir_input.py.
"""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Coding, Concept
from plexus.api.canonical.v1.resources_pb2 import Person, Resource
from plexus.codecs.fhir import render_resource
from plexus.codecs.fhir.reading import ENTRY_LIMIT, Document, is_fhir, read_document, subject_of
from plexus.codecs.fhir.reading.filling import CANONICAL_TYPES
from plexus.codecs.fhir.reading.tables import TABLES
from plexus.codecs.fhir.reading.tree import DEPTH_LIMIT, written
from plexus.codecs.fhir.resources import CONTENT_FIELDS
from plexus.errors import InvalidMessage, Reason
from tests.unit.codecs.fhir import fhir_material as material

CDC = "urn:oid:2.16.840.1.113883.6.238"
_MRN = {"system": "urn:oid:2.999.1", "value": "4711"}
_PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p", "identifier": [_MRN]}


def _read(*resources: dict[str, Any], kind: str = "collection") -> Document:
    entries = [{"resource": each} for each in resources]
    return read_document(
        json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()
    )


def _one(resource: dict[str, Any]) -> Resource:
    (entry, *_) = read_document(json.dumps(resource).encode()).entries
    entry.leave()
    return entry.resource


def _again(rendered: bytes, key: str) -> bytes:
    resource = read_document(rendered).entries[0].resource
    resource.key = key
    return orjson.dumps(render_resource(resource, "t", person_id="p"))


def _residue(resource: Resource) -> dict[str, str]:
    return {each.location: each.value for each in resource.residue}


# -- laws -------------------------------------------------------------------------------------------


@given(material.resources)
def test_what_was_read_and_rendered_once_stays_the_same_for_ever(resource: Resource) -> None:
    once = _again(orjson.dumps(render_resource(resource, "t", person_id="p")), resource.key)
    assert _again(once, resource.key) == once


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(material.resources, st.data())
def test_a_value_of_any_type_at_any_place_is_read_or_becomes_residue(
    resource: Resource, data: st.DataObject
) -> None:
    tree = material.read(orjson.dumps(render_resource(resource, "t", person_id="p")))
    holders = [each for _, each in material.walk(tree) if isinstance(each, (dict, list)) and each]
    holder = data.draw(st.sampled_from(holders))
    at = data.draw(
        st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder)))
    )
    holder[at] = data.draw(_JSON)
    # Any other exception than this one fails.
    with contextlib.suppress(InvalidMessage):
        document = read_document(orjson.dumps(tree, default=float))
        for entry in document.entries:
            entry.leave()
        subject_of(document)


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode) | _JSON.map(orjson.dumps))
def test_any_bytes_are_read_or_refused_with_a_reason(content: bytes) -> None:
    reason = None
    try:
        read_document(content)
    except InvalidMessage as exc:
        reason = exc.reason
    assert reason in {
        None,
        Reason.REASON_UNREADABLE,
        Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
        Reason.REASON_DATA_TYPE,
    }


def test_every_type_that_is_rendered_has_a_table() -> None:
    assert set(CONTENT_FIELDS) <= set(TABLES)
    assert set(CANONICAL_TYPES) == {"Patient", "AllergyIntolerance"}


# -- values -----------------------------------------------------------------------------------------


def test_numbers_and_times_keep_their_digits_precision_and_zone() -> None:
    content = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"effectiveDateTime":"2026-02-03T04:05:06.120-05:00","issued":"2026-02-03T04:05:06Z",'
        b'"valueQuantity":{"value":1.50E+2,"unit":"mg"}}'
    )
    (entry,) = read_document(content).entries
    observation = entry.resource.observation
    assert observation.value.quantity.value == "1.50E+2"
    assert observation.effective_time == "2026-02-03T04:05:06.120-05:00"
    assert observation.issued == "2026-02-03T04:05:06Z"


def test_what_the_model_has_no_place_for_is_residue_at_its_place() -> None:
    resource = _one(
        _PATIENT
        | {
            "active": True,
            "text": {"status": "generated", "div": "<div>x</div>"},
            "name": [{"family": "Tansy", "text": "T."}, {"_family": {"extension": []}}],
            "gender": "unheard of",
            "birthDate": "1970-02",
            "extension": [{"url": "http://example.org/x", "valueDecimal": 1.5}],
        }
    )
    assert resource.person.names[0].family == "Tansy"
    assert resource.person.gender == "unheard of"
    assert resource.person.birth_date == "1970-02"
    assert _residue(resource) == {
        "Patient.id": "p",
        "Patient.active": "true",
        "Patient.text.status": "generated",
        "Patient.text.div": "<div>x</div>",
        "Patient.name[0].text": "T.",
        "Patient.extension[0].url": "http://example.org/x",
        "Patient.extension[0].valueDecimal": "1.5",
    }


def test_a_second_value_never_overwrites_the_first() -> None:
    resource = _one(
        {
            "resourceType": "AllergyIntolerance",
            "patient": {"identifier": _MRN},
            "category": ["food", "environment"],
            "reaction": [{"severity": "mild"}, {"severity": "severe"}],
        }
    )
    assert resource.allergy.category == "food"
    assert resource.allergy.severity == "mild"
    assert _residue(resource)["AllergyIntolerance.category[1]"] == "environment"
    assert _residue(resource)["AllergyIntolerance.reaction[1].severity"] == "severe"


def test_a_zero_that_the_model_cannot_tell_from_nothing_is_residue() -> None:
    resource = _one(
        {"resourceType": "MedicationRequest", "dispenseRequest": {"numberOfRepeatsAllowed": 0}}
    )
    place = "MedicationRequest.dispenseRequest.numberOfRepeatsAllowed"
    assert _residue(resource) == {place: "0"}


@pytest.mark.parametrize(
    ("system", "authority"),
    [
        ("urn:oid:2.999.1", ("", "2.999.1", "ISO")),
        ("http://example.org/ids", ("", "http://example.org/ids", "URI")),
        ("urn:plexus:authority:NORTH%20LAB", ("NORTH LAB", "", "")),
    ],
)
def test_a_system_is_the_authority_that_hl7_v2_would_name(
    system: str, authority: tuple[str, str, str]
) -> None:
    resource = _one(_PATIENT | {"identifier": [{"system": system, "value": "1"}]})
    found = resource.person.identifiers[0].authority
    assert (found.namespace, found.universal_id, found.universal_id_type) == authority


def test_contacts_are_related_persons_and_the_mother_is_part_of_the_patient() -> None:
    mother = {
        "relationship": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}
                ]
            }
        ],
        "name": {"family": "Rue"},
    }
    aunt = {"relationship": [{"text": "aunt"}], "name": {"family": "Sage"}, "gender": "female"}
    patient, related = _read(_PATIENT | {"contact": [mother, aunt]}).entries
    assert patient.resource.person.mother_names[0].family == "Rue"
    assert related.fhir_type == "RelatedPerson"
    assert related.resource.related_person.names[0].family == "Sage"
    assert related.resource.related_person.relationships[0].text == "aunt"


# -- documents --------------------------------------------------------------------------------------


def test_a_guarantor_on_hold_is_one_of_the_guarantors() -> None:
    account = {
        "resourceType": "Account",
        "status": "active",
        "guarantor": [
            {"party": {"display": "Ann Roe"}, "onHold": True},
            {"party": {"display": "Rob Roe"}, "onHold": False},
            {"party": {"display": "Tim Teal"}},
        ],
    }
    read = _one(account)
    assert [each.display for each in read.account.guarantors] == ["Ann Roe", "Rob Roe", "Tim Teal"]
    assert [each.display for each in read.account.held] == ["Ann Roe"]
    assert [each.display for each in read.account.not_held] == ["Rob Roe"]
    assert _residue(read) == {}
    read.key = "Account|1"
    rendered = render_resource(read, "t", person_id="p")
    assert rendered["guarantor"] == account["guarantor"]


@pytest.mark.parametrize(
    ("per", "taken"),
    [
        ({"value": 1, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"}, True),
        ({"value": 2, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"}, False),
        ({"value": 1, "unit": "hour", "system": "http://unitsofmeasure.org", "code": "h"}, False),
    ],
)
def test_the_most_that_may_be_taken_is_that_of_a_day(per: dict[str, Any], taken: bool) -> None:
    request = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Aspirin"},
        "dosageInstruction": [
            {"maxDosePerPeriod": {"numerator": {"value": 3, "unit": "mg"}, "denominator": per}}
        ],
    }
    read = _one(request)
    dosages = read.medication_request.dosages
    assert [each.most_per_day.value for each in dosages] == ["3"] * taken
    assert bool(_residue(read)) != taken


def test_an_ingredient_is_told_of_one_dose_or_of_so_much() -> None:
    def request(per: dict[str, Any]) -> dict[str, Any]:
        ingredient = {
            "itemCodeableConcept": {"text": "Acid"},
            "strength": {"numerator": {"value": 50, "unit": "mg"}, "denominator": per},
        }
        medication = {"resourceType": "Medication", "id": "m", "ingredient": [ingredient]}
        return {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "contained": [medication],
            "medicationReference": {"reference": "#m"},
        }

    so_much, dose = (_one(request(per)) for per in ({"value": 5, "unit": "mL"}, {"value": 1}))
    assert so_much.medication_request.ingredients[0].per.unit == "mL"
    assert not dose.medication_request.ingredients[0].HasField("per")
    assert _residue(so_much) == _residue(dose) == {}


def test_a_type_that_is_not_modelled_travels_unharmed() -> None:
    plan = b'{"resourceType":"VisionPrescription","status":"active","x":[1.500,null,{"a":true}]}'
    (entry,) = read_document(
        b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":%s}]}' % plan
    ).entries
    assert entry.resource.opaque.type == "VisionPrescription"
    assert entry.resource.opaque.content_type == "application/fhir+json"
    assert entry.resource.opaque.content == plan


def test_contained_resources_stand_beside_what_contained_them() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "contained": [{"resourceType": "Observation", "id": "o"}],
        "result": [{"reference": "#o"}],
    }
    outer, inner = read_document(json.dumps(report).encode()).entries
    assert inner.outer is outer
    (reference, source) = outer.references[0]
    assert reference.type == "Observation"
    assert read_document(json.dumps(report).encode()).find(source, outer) is not None


def test_the_wrapper_of_a_bundle_is_kept_apart_from_its_resources() -> None:
    document = _read(
        {"resourceType": "MessageHeader", "eventUri": "urn:x"}, _PATIENT, kind="message"
    )
    assert document.type == "Bundle/message"
    assert [each.fhir_type for each in document.entries] == ["Patient"]
    wrapper = dict(document.wrapper())
    assert wrapper["Bundle.type"] == "message"
    assert wrapper["Bundle.entry[0].resource.eventUri"] == "urn:x"


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p"},
        {"reference": "Patient?identifier=urn:oid:2.999.1|4711"},
        {"identifier": _MRN, "type": "Patient"},
        {"reference": "Patient/p/_history/3"},
    ],
)
def test_each_kind_of_reference_leads_to_the_patient(reference: dict[str, Any]) -> None:
    flag = {"resourceType": "Condition", "subject": reference | {"display": "Tansy"}}
    document = _read(_PATIENT, flag)
    assert [each.value for each in subject_of(document).identifiers] == ["4711"]
    document.entries[1].leave()
    assert _residue(document.entries[1].resource) == {"Condition.subject.display": "Tansy"}


def test_a_message_without_a_patient_is_about_whom_it_points_at() -> None:
    by_number = {"resourceType": "Observation", "subject": {"identifier": _MRN}}
    by_id = {"resourceType": "Observation", "subject": {"reference": "Patient/7"}}
    assert [each.value for each in subject_of(_read(by_number)).identifiers] == ["4711"]
    assert subject_of(_read(by_id)).ids == ["7"]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/other"},
        {"reference": "urn:uuid:0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11"},
        {"reference": "Group/5"},
        {"identifier": _MRN | {"value": "4712"}},
    ],
)
def test_what_is_about_somebody_else_is_refused(subject: dict[str, Any]) -> None:
    document = _read(_PATIENT, {"resourceType": "Observation", "subject": subject})
    with pytest.raises(InvalidMessage) as refused:
        subject_of(document)
    assert refused.value.reason == Reason.REASON_MAPPING_FAILED
    assert refused.value.location == "Bundle.entry[1].resource.subject"


def test_two_patients_are_refused_unless_one_replaces_the_other() -> None:
    other = _PATIENT | {"id": "q", "identifier": [_MRN | {"value": "0815"}]}
    with pytest.raises(InvalidMessage):
        subject_of(_read(_PATIENT, other))
    link = [{"other": {"reference": "Patient/p"}, "type": "replaced-by"}]
    found = subject_of(_read(_PATIENT, other | {"link": link}))
    assert [each.value for each in found.identifiers] == ["4711"]
    assert found.prior is not None
    assert [each.value for each in found.prior.identifiers] == ["0815"]


@pytest.mark.parametrize(
    ("content", "reason", "location"),
    [
        (b"[]", Reason.REASON_UNREADABLE, ""),
        (b'{"a":1,"a":2}', Reason.REASON_UNREADABLE, ""),
        (b'{"a":NaN}', Reason.REASON_UNREADABLE, ""),
        (b'{"a":"\\ud800"}', Reason.REASON_UNREADABLE, ""),
        (b"{}", Reason.REASON_UNSUPPORTED_MESSAGE_TYPE, "resourceType"),
        (b'{"resourceType":"Hamster"}', Reason.REASON_UNSUPPORTED_MESSAGE_TYPE, "resourceType"),
        (
            b'{"resourceType":"Bundle","type":"batch-response"}',
            Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
            "Bundle.type",
        ),
        (
            b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":{}}]}',
            Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
            "Bundle.entry[0].resource.resourceType",
        ),
        (
            b'{"a":' * (DEPTH_LIMIT + 1) + b"1" + b"}" * (DEPTH_LIMIT + 1),
            Reason.REASON_UNREADABLE,
            "",
        ),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", Reason.REASON_UNREADABLE, ""),
    ],
)
def test_what_is_no_fhir_is_refused_with_its_place(
    content: bytes, reason: Reason.ValueType, location: str
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        read_document(content)
    assert (refused.value.reason, refused.value.location) == (reason, location)


def test_the_number_of_resources_is_bounded() -> None:
    with pytest.raises(InvalidMessage) as refused:
        _read(*[{"resourceType": "Flag"}] * (ENTRY_LIMIT + 1))
    assert refused.value.reason == Reason.REASON_TOO_LARGE


def test_fhir_is_told_from_hl7_v2_by_its_first_character() -> None:
    assert is_fhir(b'\xef\xbb\xbf \r\n{"resourceType"')
    assert not is_fhir(b"MSH|^~\\&|")
    assert not is_fhir(b"")


def test_a_tree_is_written_as_it_came() -> None:
    content = b'{"resourceType":"Flag","a":[1.50,-0,1E5,"\xc3\xa4",null,false]}'
    document = read_document(content)
    assert written(document.entries[0].tree) == content


def test_a_race_as_it_was_sent_is_not_made_again_of_what_us_core_says_of_it() -> None:
    sent = [
        Concept(
            codings=[
                Coding(code="2106-3", display="White", system_name="HL70005", version="2.5.1"),
                Coding(code="W", display="Weiss", system_name="L"),
            ]
        ),
        Concept(codings=[Coding(code="1", system_name="ours")], text="Some, words"),
        Concept(codings=[Coding(code="2028-9", display="Asian", system=CDC)]),
    ]
    ethnicity = Concept(codings=[Coding(code="N", display="Not Hispanic", system_name="HL70189")])
    person = Person(races=sent, ethnicities=[ethnicity])
    rendered = render_resource(Resource(key="k", person=person), "t", person_id="p")
    (entry,) = read_document(orjson.dumps(rendered)).entries
    again = entry.resource.person
    assert [[each.code for each in one.codings] for one in again.races] == [
        ["2106-3", "W"],
        ["1"],
        ["2028-9"],
    ]
    assert again.races[0].codings[0].version == "2.5.1"
    assert again.races[1].text == "Some, words"
    assert [each.codings[0].code for each in again.ethnicities] == ["N"]
    assert not [each for each in entry.resource.residue if "extension" in each.location]
