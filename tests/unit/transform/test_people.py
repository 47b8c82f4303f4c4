"""Names, addresses, numbers and who assigns them: each component of HL7 v2 in FHIR, and nothing made up."""

from typing import Any

import orjson
import pytest

from plexus.codecs.fhir import Disclosure
from services.transform.domain import Maps, as_recorded, convert
from tests.unit.transform.messages import CONTEXT, message, residue

HL7 = "http://hl7.org/fhir/StructureDefinition"


def shown(maps: Maps, *segments: str, kind: str = "Patient") -> list[dict[str, Any]]:
    """The resources of that type that an admission with the segments becomes."""
    event = convert(maps, message("ADT^A01", *segments), CONTEXT)
    disclosed = Disclosure(as_recorded(event, tenant="t"), tenant="t")
    bundle = orjson.loads(disclosed.bundle_bytes(message_id="m"))
    found = [entry["resource"] for entry in bundle["entry"]]
    return [each for each in found if each["resourceType"] == kind]


def left(maps: Maps, *segments: str) -> list[str]:
    """The residue of the segments, without numbers of segments."""
    found = residue(convert(maps, message("ADT^A01", *segments), CONTEXT))
    return [value for place, value in found.items() if not place.startswith(("MSH", "PID[1]-1["))]


def test_a_family_name_says_its_parts_in_the_extensions_of_the_guide(maps: Maps) -> None:
    pid = "PID|1||1^^^H^MR||van Vale Oak&van&Vale&op&Oak^Iris^^^^^^^^^F^^^^Iri"
    [patient] = shown(maps, pid)
    first, called = patient["name"]
    assert first["family"] == "van Vale Oak"
    assert {each["url"]: each["valueString"] for each in first["_family"]["extension"]} == {
        f"{HL7}/humanname-own-prefix": "van",
        f"{HL7}/humanname-own-name": "Vale",
        f"{HL7}/humanname-partner-prefix": "op",
        f"{HL7}/humanname-partner-name": "Oak",
    }
    assert first["extension"] == [{"url": f"{HL7}/humanname-assembly-order", "valueCode": "F"}]
    assert called == {"use": "nickname", "given": ["Iri"]}
    assert left(maps, pid) == []


def test_a_part_of_a_component_that_no_rule_reads_leaves_the_component_as_residue(
    maps: Maps,
) -> None:
    pid = "PID|1||1^^^H^MR||Vale&van&&&&sixth^Iris"
    assert left(maps, pid) == ["van", "sixth"]
    assert shown(maps, pid)[0]["name"][0]["family"] == "Vale"


def test_an_address_has_its_street_number_and_census_tract(maps: Maps) -> None:
    pid = "PID|1||1^^^H^MR||Vale^Iris||||||House&Long Lane&7^Flat 2^Town^^^^^^^CT1"
    [patient] = shown(maps, pid)
    assert patient["address"] == [
        {
            "extension": [{"url": f"{HL7}/iso21090-ADXP-censusTract", "valueString": "CT1"}],
            "line": ["House", "Long Lane", "7", "Flat 2"],
            "city": "Town",
        }
    ]
    assert left(maps, pid) == []


@pytest.mark.parametrize(
    ("xtn", "expected", "rest"),
    [
        ("555-1234", [("phone", "555-1234")], []),
        ("^PRN^PH^^1^555^1234^9", [("phone", "+1 555 1234 X9")], []),
        ("(555)1234^PRN^PH^^^555^1234", [("phone", "(555)1234")], []),
        ("555-1234^^Internet^a@b.example", [("email", "a@b.example"), ("phone", "555-1234")], []),
        ("^^Internet^a@b.example^^555^1234", [("email", "a@b.example"), ("phone", "555 1234")], []),
        ("555-1234^^PH^a@b.example", [("phone", "555-1234"), ("email", "a@b.example")], []),
        ("555-1234^^CP^4711", [("phone", "555-1234"), ("other", "4711")], []),
        ("(555)1234^^PH^^^^^^^^^5551234", [("phone", "5551234"), ("phone", "(555)1234")], []),
        (
            "555^^PH^a@b.example^^^^^^^^9",
            [("phone", "9"), ("email", "a@b.example"), ("phone", "555")],
            [],
        ),
    ],
)
def test_what_stands_beside_a_number_or_address_is_a_contact_point_of_its_own(
    maps: Maps, xtn: str, expected: list[tuple[str, str]], rest: list[str]
) -> None:
    pid = f"PID|1||1^^^H^MR||Vale^Iris||||||||{xtn}"
    [patient] = shown(maps, pid)
    if xtn.startswith("555-1234") and "^" not in xtn:
        expected = [("other", "555-1234")]
    assert [(each["system"], each["value"]) for each in patient["telecom"]] == expected
    assert left(maps, pid) == rest


def test_what_v2_codes_more_finely_than_fhir_stands_beside_the_code(maps: Maps) -> None:
    pid = "PID|1||1^^^H^MR||Vale^Iris||||||||1^NET^TDD~2^PRS^CP~3^HOME~4^WPN^PH^^^^^^any"
    [patient] = shown(maps, pid)
    beside = [
        {
            name: each[name]["extension"][0]["valueCodeableConcept"]
            for name in ("_use", "_system")
            if name in each
        }
        for each in patient["telecom"]
    ]
    tables = "http://terminology.hl7.org/CodeSystem/v2-"
    assert beside == [
        {
            "_use": {"coding": [{"system": f"{tables}0201", "code": "NET"}]},
            "_system": {"coding": [{"system": f"{tables}0202", "code": "TDD"}]},
        },
        {"_use": {"coding": [{"system": f"{tables}0201", "code": "PRS"}]}},
        {"_use": {"text": "HOME"}},
        {},
    ]
    assert patient["telecom"][3]["extension"] == [
        {"url": f"{HL7}/contactpoint-comment", "valueString": "any"}
    ]
    assert left(maps, pid) == []


def test_a_number_in_parts_says_them(maps: Maps) -> None:
    [patient] = shown(maps, "PID|1||1^^^H^MR||Vale^Iris||||||||^PRN^PH^^1^555^1234^9")
    parts = patient["telecom"][0]["extension"]
    assert {each["url"]: each["valueString"] for each in parts} == {
        f"{HL7}/contactpoint-country": "1",
        f"{HL7}/contactpoint-area": "555",
        f"{HL7}/contactpoint-local": "1234",
        f"{HL7}/contactpoint-extension": "9",
    }


def test_check_digits_stand_beside_a_number(maps: Maps) -> None:
    pv1 = "PV1|1|I|||||99^Quill^Max^^^^^^H^^7^M11^NPI"
    [patient] = shown(maps, "PID|1||12345^4^M10^H^MR||Vale^Iris")
    [doctor] = shown(maps, "PID|1||1^^^H^MR||Vale", pv1, kind="Practitioner")
    for resource, digit, scheme in ((patient, "4", "M10"), (doctor, "7", "M11")):
        [one] = [each for each in resource["identifier"] if "extension" in each]
        assert one["extension"] == [
            {"url": f"{HL7}/identifier-checkDigit", "valueString": digit},
            {"url": f"{HL7}/namingsystem-checkDigit", "valueString": scheme},
        ]


@pytest.mark.parametrize(
    ("cx", "system", "assigner"),
    [
        ("1^^^H^MR", "urn:plexus:authority:H", None),
        ("1^^^H&2.999.1&ISO^MR", "urn:oid:2.999.1", {"display": "H"}),
        ("1^^^H^MR^West", "urn:plexus:authority:H", {"display": "West"}),
        (
            "1^^^H&2.999.1&ISO^MR^West",
            "urn:oid:2.999.1",
            {"type": "Organization", "identifier": {"value": "H"}, "display": "West"},
        ),
        (
            "1^^^H&77&HCD^MR^West",
            "urn:plexus:authority:H",
            {
                "type": "Organization",
                "identifier": {
                    "type": {
                        "coding": [
                            {"system": "http://terminology.hl7.org/CodeSystem/v2-0301", "code": "HCD"}
                        ]
                    },
                    "value": "77",
                },
                "display": "West",
            },
        ),
        (
            "1^^^H^MR^&2.999.7&ISO",
            "urn:plexus:authority:H",
            {
                "type": "Organization",
                "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.7"},
            },
        ),
    ],
)  # fmt: skip
def test_all_that_is_said_of_who_assigns_is_said_by_system_and_assigner(
    maps: Maps, cx: str, system: str, assigner: dict[str, Any] | None
) -> None:
    pid = f"PID|1||{cx}||Vale^Iris"
    [patient] = shown(maps, pid)
    number = next(each for each in patient["identifier"] if each["value"] == "1")
    assert (number["system"], number.get("assigner")) == (system, assigner)
    assert left(maps, pid) == []


def test_the_mother_is_a_related_person_where_she_has_a_number(maps: Maps) -> None:
    pid = "PID|1||1^^^H^MR||Vale^Iris|Moss^Ada|||||||||||||||{}"
    assert shown(maps, pid.format(""), kind="RelatedPerson") == []
    [mother] = shown(maps, pid.format("77^^^H^MR~78^^^H^PI"), kind="RelatedPerson")
    assert {each["value"] for each in mother["identifier"]} >= {"77", "78"}
    assert mother["relationship"][0]["coding"][0]["code"] == "MTH"
    assert mother["name"][0]["family"] == "Moss"
    assert mother["patient"]["reference"]


def test_nationality_is_no_citizenship(maps: Maps) -> None:
    pid = "PID|1||1^^^H^MR||Vale^Iris|||||||||||||||||||||DEU^^ISO3166_1||FRA^^ISO3166_1"
    [patient] = shown(maps, pid)
    codes = {
        each["url"]: each["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
        for each in patient["extension"]
    }
    assert codes == {f"{HL7}/patient-citizenship": "DEU", f"{HL7}/patient-nationality": "FRA"}


def test_an_omb_category_is_known_by_its_code_whatever_the_table_is_called(maps: Maps) -> None:
    pid = "PID|1||1^^^H^MR||Vale^Iris|||||2106-3^White^LOCAL9||||||||||||2186-5^Not^LOCAL9"
    [patient] = shown(maps, pid)
    coded = [
        each["extension"][0]["valueCoding"]["code"]
        for each in patient["extension"]
        if "extension" in each
    ]
    assert coded == ["2106-3", "2186-5"]


def test_what_is_said_of_a_person_in_a_part_is_a_role_beside_the_participant(maps: Maps) -> None:
    pid, pv1 = "PID|1||1^^^H^MR||Vale^Iris", "PV1|1|I"
    rol = "ROL|7|AD|CP^^HL70443|99^Quill^Max|||||{}|||{}|{}|{}"
    plain = shown(maps, pid, pv1, rol.format("", "", "", ""), kind="PractitionerRole")
    assert plain == []
    full = rol.format("GP^General practice^L", "555-1234^WPN^PH", "W3^^^East", "West Clinic")
    [role] = shown(maps, pid, pv1, full, kind="PractitionerRole")
    assert role["specialty"][0]["coding"][0]["code"] == "GP"
    assert role["telecom"][0]["value"] == "555-1234"
    assert {"practitioner", "organization", "location", "code"} <= set(role)
    assert left(maps, pid, pv1, full) == ["1", "AD"]


def test_a_participation_says_where_and_for_whom_a_person_takes_part(maps: Maps) -> None:
    prt = "PRT|7|AD||AP^^HL70912|99^Quill^Max|S1^Surgery^L||West Clinic|W3^^^East||||||555-1234^WPN^PH"
    [role] = shown(maps, "PID|1||1^^^H^MR||Vale^Iris", "PV1|1|I", prt, kind="PractitionerRole")
    assert role["specialty"][0]["coding"][0]["code"] == "S1"
    assert {"practitioner", "organization", "location", "telecom"} <= set(role)


def test_a_body_of_next_of_kin_is_a_contact_of_the_patient(maps: Maps) -> None:
    pid, nk1 = "PID|1||1^^^H^MR||Vale^Iris", "NK1|1|Vale^Ada|||||||||||{}"
    [patient] = shown(maps, pid, nk1.format(""))
    assert "contact" not in patient
    [patient] = shown(maps, pid, nk1.format("West School^^S7"))
    [contact] = patient["contact"]
    assert contact["organization"]["display"] == "West School"


def test_the_clinic_of_a_stay_provides_it_where_no_facility_does(maps: Maps) -> None:
    pid, pv1, pv2 = "PID|1||1^^^H^MR||Vale^Iris", "PV1|1|I", "PV2|" + "|" * 22 + "Day Clinic"
    [stay] = shown(maps, pid, pv1, pv2, kind="Encounter")
    assert stay["serviceProvider"]["display"] == "Day Clinic"
    [stay] = shown(maps, pid, pv1 + "|" * 37 + "MAIN", pv2, kind="Encounter")
    assert stay["serviceProvider"]["display"] == "MAIN"
