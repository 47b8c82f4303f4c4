"""Primitives of the FHIR codec: numbers, times, URIs, codes. Whole resources are tested elsewhere."""

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Identifier, Quantity
from plexus.codecs.fhir import codes, times
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.datatypes import identifier, span
from plexus.codecs.fhir.quantities import number, quantity
from plexus.codecs.fhir.systems import authority_uri, system_uri


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("1.50", "1.50"),
        ("100", "100"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("+3", "3"),
        ("007.10", "7.10"),
        ("5.", "5"),
        ("0.000", "0.000"),
        ("1e5", "1e5"),
        (" 2 ", "2"),
    ],
)
def test_a_number_keeps_its_digits(sent: str, written: str) -> None:
    assert orjson.dumps(number(sent)).decode() == written


@pytest.mark.parametrize(
    "sent", ["", ".", "abc", "1,5", "1.2.3", "1e999", "NaN", "٣", "--1", "9" * 60]
)
def test_what_is_no_json_number_is_not_written_as_one(sent: str) -> None:
    assert number(sent) is None


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9
    )
)
def test_any_decimal_comes_back_with_the_same_digits(value: Decimal) -> None:
    sent = f"{value:f}"
    read = json.loads(orjson.dumps(number(sent)), parse_float=Decimal)
    assert read == value
    assert str(read) == sent


def test_a_simple_quantity_keeps_the_words_of_a_comparator_that_it_cannot_hold() -> None:
    made = quantity(Quantity(value="5", comparator="<", unit="mg"))
    assert made["extension"] == [
        {"url": "urn:plexus:extension:original-text", "valueString": "<5 mg"}
    ]
    assert "value" not in made


def test_a_blank_quantity_is_nothing() -> None:
    assert quantity(Quantity(value="\t")) == {}


def test_a_unit_code_without_its_system_is_sent_as_the_unit() -> None:
    assert orjson.loads(orjson.dumps(quantity(Quantity(value="5", code="mg")))) == {
        "value": 5,
        "unit": "mg",
    }


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026", "2026"),
        ("2026-02", "2026-02"),
        ("2026-02-03", "2026-02-03"),
        ("2026-02-03T04:05:06.120+01:00", "2026-02-03T04:05:06.120+01:00"),
        ("2026-02-03T04:05Z", "2026-02-03T04:05:00Z"),
        ("2026-02-03T04:05:06", "2026-02-03"),
        ("2026-02-03T25:05:06Z", "2026-02-03"),
        ("2026-02-03T04:05:06+15:00", "2026-02-03"),
        ("2026-02-30", ""),
        ("0000", ""),
        ("soon", ""),
    ],
)
def test_a_date_time_keeps_its_precision_and_invents_no_zone(sent: str, written: str) -> None:
    assert times.date_time(sent) == written


def test_an_instant_without_a_zone_is_left_out() -> None:
    assert times.instant("2026-02-03T04:05:06") == ""
    assert times.instant("2026-02-03T04:05:06-05:00") == "2026-02-03T04:05:06-05:00"


def test_a_period_compares_instants_across_zones() -> None:
    turned = span("2026-02-03T04:00:00Z", "2026-02-03T04:30:00+01:00")
    assert turned == {"start": "2026-02-03T04:00:00Z"}
    right = span("2026-02-03T04:00:00+01:00", "2026-02-03T03:30:00Z")
    assert right["end"] == "2026-02-03T03:30:00Z"


def test_later_keeps_the_zone_and_the_fraction() -> None:
    assert times.later("2026-02-03T23:50:00.5-05:00", 20) == "2026-02-04T00:10:00.5-05:00"
    assert times.later("9999-12-31T23:50:00Z", 20) == ""


@pytest.mark.parametrize(
    ("system", "name", "uri"),
    [
        ("", "LN", "http://loinc.org"),
        ("", "sct", "http://snomed.info/sct"),
        ("", "I10", "http://hl7.org/fhir/sid/icd-10"),
        ("", "I10C", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("", "HL70078", "http://terminology.hl7.org/CodeSystem/v2-0078"),
        ("", "HL74", "http://terminology.hl7.org/CodeSystem/v2-0004"),
        ("", "L", ""),
        ("", "", ""),
        ("", "99 LAB", "urn:plexus:codesystem:99%20LAB"),
        ("http://example.org/s", "LN", "http://example.org/s"),
        ("urn:oid:2.16.840.1.113883.6.1", "", "http://loinc.org"),
        ("2.16.840.1.113883.19", "", "urn:oid:2.16.840.1.113883.19"),
    ],
)
def test_a_code_system_becomes_an_absolute_uri(system: str, name: str, uri: str) -> None:
    assert system_uri(system, name) == uri


@pytest.mark.parametrize(
    ("namespace", "universal_id", "kind", "uri"),
    [
        ("HOSP", "1.2.3", "ISO", "urn:oid:1.2.3"),
        ("", "2.16.840.1.113883.4.1", "ISO", "http://hl7.org/fhir/sid/us-ssn"),
        ("", "0B7F9C3E-3D0C-5C53-9D3A-6F0A2F0F7C11", "GUID", "urn:uuid:0b7f9c3e-3d0c-5c53-9d3a-6f0a2f0f7c11"),
        ("", "http://example.org/a", "URI", "http://example.org/a"),
        ("", "Lab.Example.org", "DNS", "urn:plexus:dns:lab.example.org"),
        ("A & B", "", "", "urn:plexus:authority:A%20%26%20B"),
        ("HOSP", "not an oid", "ISO", "urn:plexus:authority:HOSP"),
        ("", "", "", ""),
    ],
)  # fmt: skip
def test_an_authority_becomes_an_absolute_uri(
    namespace: str, universal_id: str, kind: str, uri: str
) -> None:
    assert authority_uri(namespace, universal_id, kind) == uri


def test_an_identifier_is_typed_by_table_0203_or_by_text() -> None:
    made = identifier(
        Identifier(value="1", type_code="MR", use="OFFICIAL", authority=Authority(namespace="H"))
    )
    assert made == {
        "use": "official",
        "type": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                    "code": "MR",
                    "display": "Medical record number",
                }
            ]
        },
        "system": "urn:plexus:authority:H",
        "value": "1",
    }
    assert identifier(Identifier(value="1", type_code="HOUSE"))["type"] == {"text": "HOUSE"}


def test_an_unknown_code_is_never_passed_into_a_required_binding() -> None:
    assert coded("F", codes.GENDER) == "female"
    assert coded("In Progress", codes.ENCOUNTER_STATUS, "unknown") == "in-progress"
    assert coded("blue", codes.ENCOUNTER_STATUS, "unknown") == "unknown"
    assert coded("blue", codes.GENDER) == ""
