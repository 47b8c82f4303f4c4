"""ORU^R01: values of every type, groups, notes, references and keys of results."""

import pytest

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.codecs.terminology import UCUM
from plexus.errors import Reason
from services.transform.domain import Maps
from tests.unit.transform.messages import PID, contents, converted, residue, segment

OBR = "OBR|1|P1^HIS|F1^LAB|24331-1^Lipids^LN|||202403110800|||||||||77^Order^Oz"


def results(maps: Maps, *segments: str) -> CanonicalEvent:
    return converted(maps, "ORU^R01", PID, "ORC|RE|P1^HIS|F1^LAB", OBR, *segments)


def obx(kind: str, value: str, **fields: str) -> str:
    return segment("OBX", f2=kind, f3="1-8^X^LN", f5=value, **fields)


VALUES = [
    ("NM", "5.40", "quantity.value", "5.40"),
    ("NM", "-0.50", "quantity.value", "-0.50"),
    ("NM", "+.5", "quantity.value", "0.5"),
    ("SN", "^7", "quantity.value", "7"),
    ("SN", "<^7", "quantity.comparator", "<"),
    ("SN", ">=^7", "quantity.comparator", ">="),
    ("SN", "^1^-^3", "range.high.value", "3"),
    ("SN", "^1^:^128", "ratio.denominator.value", "128"),
    ("SN", "^2^+", "text", "^2^+"),
    ("SN", "<>^2", "text", "<>^2"),
    ("ST", "clear", "text", "clear"),
    ("TX", "one~two", "text", "one\ntwo"),
    ("FT", r"a\.br\b", "text", "a\nb"),
    ("CE", "A^Ay^L", "concept.codings.0.display", "Ay"),
    ("CWE", "10828004^Positive^SCT", "concept.codings.0.system", "http://snomed.info/sct"),
    ("CWE", "^^^^^^^^Words", "concept.text", "Words"),
    ("CNE", "B^Be^HL70078", "concept.codings.0.system", "http://terminology.hl7.org/CodeSystem/v2-0078"),
    ("IS", "Q", "concept.codings.0.code", "Q"),
    ("DT", "20240102", "date_time", "2024-01-02"),
    ("TS", "202401020304", "date_time", "2024-01-02T03:04:00"),
    ("DTM", "nonsense", "text", "nonsense"),
    ("TM", "0730", "time", "07:30:00"),
    ("TM", "2561", "text", "2561"),
    ("DR", "20240101^20240102", "period.end", "2024-01-02"),
    ("NR", "1^2", "range.low.value", "1"),
    ("ED", "LAB^text^plain^A^hello", "attachment.data", b"hello"),
    ("ED", "LAB^AP^PDF^Base64^aGVsbG8=", "attachment.content_type", "application/pdf"),
    ("ED", "LAB^AP^PDF^Base64^aGVsbG8=", "attachment.data", b"hello"),
    ("ED", "LAB^AP^PDF^Base64^%%%", "text", "LAB^AP^PDF^Base64^%%%"),
    ("RP", "http://pacs/1^^image^jpeg", "attachment.url", "http://pacs/1"),
    ("RP", "http://pacs/1^^image^jpeg", "attachment.content_type", "image/jpeg"),
    ("XPN", "Doe^Jane", "text", "Doe^Jane"),
    ("CX", "5^^^H", "text", "5^^^H"),
    ("NA", "1^2^3", "text", "1^2^3"),
    ("", "untyped", "text", "untyped"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "path", "expected"), VALUES)
def test_value_of_each_type(maps: Maps, kind: str, value: str, path: str, expected: object) -> None:
    (observation,) = contents(results(maps, obx(kind, value)), "observation")
    found = observation.value
    for part in path.split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    assert found == expected


def test_number_that_is_none_is_text_with_a_warning(maps: Maps) -> None:
    event = results(maps, obx("NM", "hemolyzed", f6="mg/dL"))
    (observation,) = contents(event, "observation")
    assert observation.value.text == "hemolyzed"
    assert [(i.reason, i.location) for i in event.issues] == [(Reason.REASON_DATA_TYPE, "OBX[1]-5")]
    assert "hemolyzed" not in event.issues[0].detail
    assert residue(event)["OBX[1]-6[1].1.1"] == "mg/dL"


@pytest.mark.parametrize(
    ("units", "unit", "system", "code"),
    [
        ("mg/dL", "mg/dL", UCUM, "mg/dL"),
        ("mg/dL^milligrams^UCUM", "milligrams", UCUM, "mg/dL"),
        ("MGDL^^L^mg/dL^^UCUM", "MGDL", UCUM, "mg/dL"),
        ("mmHg", "mmHg", UCUM, "mm[Hg]"),
        ("mmHg^^UCUM", "mmHg", UCUM, "mm[Hg]"),
        ("K/uL^thousand per microliter^L", "thousand per microliter", UCUM, "10*3/uL"),
        ("G^^UCUM", "G", UCUM, "G"),
        ("G", "G", "", "G"),
        ("furlongs^^UCUM", "furlongs", "", "furlongs"),
        ("mg^g^L", "g", "", "mg"),
        ("10^9/L", "10^9/L", UCUM, "10*9/L"),
        ("10\\S\\9/L", "10^9/L", UCUM, "10*9/L"),
    ],
)
def test_unit_is_ucum_where_the_sender_says_so_or_means_one_thing_only(
    maps: Maps, units: str, unit: str, system: str, code: str
) -> None:
    (observation,) = contents(results(maps, obx("NM", "5", f6=units)), "observation")
    quantity = observation.value.quantity
    assert (quantity.unit, quantity.system, quantity.code) == (unit, system, code)


def test_code_of_a_unit_that_a_text_and_ucum_replace_stays_as_residue(maps: Maps) -> None:
    event = results(maps, obx("NM", "5", f6="MMHG^torr^99LAB"))
    (observation,) = contents(event, "observation")
    assert observation.value.quantity.unit == "torr"
    assert observation.value.quantity.code == "mm[Hg]"
    assert residue(event)["OBX[1]-6[1].1.1"] == "MMHG"


def test_bounds_of_a_reference_range_have_the_unit_of_the_result(maps: Maps) -> None:
    event = results(maps, obx("NM", "5", f6="mEq/L", f7="3.5-5.1"))
    (found,) = contents(event, "observation")[0].reference_ranges
    assert (found.low.unit, found.low.system, found.low.code) == ("mEq/L", UCUM, "meq/L")
    assert (found.high.unit, found.high.code) == ("mEq/L", "meq/L")


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [("3.5-5.1", "3.5", "5.1"), ("-2 - 2", "-2", "2"), (">=3", "3", ""), ("<=9", "", "9"), ("<9", "", ""), ("negative", "", "")],
)  # fmt: skip
def test_reference_range_is_parsed_and_kept_as_text(
    maps: Maps, sent: str, low: str, high: str
) -> None:
    (observation,) = contents(results(maps, obx("NM", "5", f6="g", f7=sent)), "observation")
    (found,) = observation.reference_ranges
    assert (found.low.value, found.high.value, found.text) == (low, high, sent)
    assert found.low.unit == ("g" if low else "")


@pytest.mark.parametrize(
    ("sent", "status"),
    [("F", "final"), ("C", "corrected"), ("P", "preliminary"), ("X", "cancelled"), ("W", "entered-in-error"), ("?", "unknown"), ("", "unknown")],
)  # fmt: skip
def test_observation_status_follows_table_0085(maps: Maps, sent: str, status: str) -> None:
    event = results(maps, obx("NM", "5", f11=sent))
    assert contents(event, "observation")[0].status == status
    assert ("OBX[1]-11[1].1.1" in residue(event)) == (sent == "?")


def test_interpretation_follows_table_0078(maps: Maps) -> None:
    event = results(maps, obx("NM", "5", f8="HH~XX"))
    high, unknown = contents(event, "observation")[0].interpretations
    assert high.codings[1].system.endswith("v3-ObservationInterpretation")
    assert [coding.code for coding in unknown.codings] == ["XX"]


def test_lines_of_a_text_report_are_one_observation(maps: Maps) -> None:
    event = results(
        maps, obx("TX", "one", f4="1"), obx("TX", "two", f4="1"), obx("TX", "x", f4="2")
    )
    assert [o.value.text for o in contents(event, "observation")] == ["one\ntwo", "x"]


def test_repetitions_of_a_coded_value_are_observations_of_their_own(maps: Maps) -> None:
    event = results(maps, obx("CWE", "A^Ay~B^Be"))
    first, second = contents(event, "observation")
    assert (first.value.concept.codings[0].code, second.value.concept.codings[0].code) == ("A", "B")
    keys = [r.key for r in event.resources if r.HasField("observation")]
    assert keys[1] == keys[0] + "|2"


def test_notes_go_to_what_they_follow(maps: Maps) -> None:
    event = results(
        maps, "NTE|1||about the report", "ZZZ|1", obx("NM", "5"), "NTE|1||first", "NTE|2||a~b"
    )
    assert [n.text for n in contents(event, "diagnostic_report")[0].notes] == ["about the report"]
    assert [n.text for n in contents(event, "observation")[0].notes] == ["first", "a\nb"]
    assert residue(event)["ZZZ[1]-1[1].1.1"] == "1"


def test_note_of_the_patient_is_a_fact_of_the_patient(maps: Maps) -> None:
    event = converted(maps, "ORU^R01", PID, "NTE|1||private", OBR)
    (person,) = contents(event, "person")
    assert [(each.name, each.text) for each in person.facts] == [("comment", "private")]


def test_groups_keep_their_own_results(maps: Maps) -> None:
    second = OBR.replace("F1", "F2").replace("P1", "P2")
    event = results(maps, obx("NM", "1"), second, obx("NM", "2"), obx("NM", "3"))
    first, other = contents(event, "diagnostic_report")
    assert [len(first.results), len(other.results)] == [1, 2]
    assert len(contents(event, "service_request")) == 2
    assert [i.value for i in other.identifiers] == ["P2", "F2"]


def test_order_is_one_request_of_orc_and_obr(maps: Maps) -> None:
    event = results(maps, obx("NM", "1"))
    (request,) = contents(event, "service_request")
    assert [(i.value, i.type_code) for i in request.identifiers] == [("P1", "PLAC"), ("F1", "FILL")]
    assert request.intent == "order"
    assert request.requester.key == "Practitioner|source:hosp|77"


def test_order_numbers_of_orc_serve_where_obr_has_none(maps: Maps) -> None:
    event = converted(maps, "ORU^R01", PID, "ORC|RE|P1^HIS|F1^LAB", "OBR|1|||X")
    for field in ("service_request", "diagnostic_report"):
        (found,) = contents(event, field)
        assert [i.value for i in found.identifiers] == ["P1", "F1"]


def test_references_lead_to_keys_of_the_event(maps: Maps) -> None:
    event = converted(
        maps, "ORU^R01", PID, segment("PV1", f2="O", f19="V1^^^H"), "ORC|RE|P1|F1", OBR,
        obx("NM", "1", f16="9^Obs"), "SPM|1|S1&HIS^S2&LAB||BLD^Blood|||||||||||||20240311",
    )  # fmt: skip
    keys = {resource.key for resource in event.resources}
    (observation,) = contents(event, "observation")
    (report,) = contents(event, "diagnostic_report")
    assert observation.encounter.key == report.encounter.key == "Encounter|H|V1"
    wanted = [observation.encounter, observation.specimen, *observation.performers]
    wanted += [*observation.based_on, *report.results, *report.based_on, *report.specimens]
    assert len(wanted) == 7
    assert {reference.key for reference in wanted} <= keys
    assert [i.value for i in contents(event, "specimen")[0].identifiers] == ["S2", "S1"]


def test_corrected_result_has_the_key_of_the_first(maps: Maps) -> None:
    first = results(maps, obx("NM", "1", f11="P"))
    later = results(maps, obx("NM", "2", f11="C"))
    assert [r.key for r in first.resources] == [r.key for r in later.resources]


def test_result_without_a_time_has_that_of_its_order(maps: Maps) -> None:
    own, borrowed = contents(
        results(maps, obx("NM", "1", f14="20240101"), segment("OBX", f2="NM", f3="Y", f5="1")),
        "observation",
    )
    assert own.effective_time == "2024-01-01"
    assert borrowed.effective_time == "2024-03-11T08:00:00"


def test_specimen_source_of_old_messages_is_a_specimen(maps: Maps) -> None:
    event = converted(
        maps, "ORU^R01", PID, segment("OBR", f3="F1", f4="X", f15="BLD&Blood^^^LA&Arm")
    )
    (specimen,) = contents(event, "specimen")
    assert specimen.type.codings[0].display == "Blood"
    assert specimen.body_site.codings[0].code == "LA"


@pytest.mark.parametrize(
    "order", [["OBX|1|NM|Q||1", OBR], ["NTE|1||x", OBR, "PD1|", "OBX|1|NM|Q||1"], ["OBX|1|NM|Q||1"]]
)
def test_unexpected_order_loses_nothing_after_it(maps: Maps, order: list[str]) -> None:
    event = converted(maps, "ORU^R01", PID, *order)
    (observation,) = contents(event, "observation")
    assert observation.value.quantity.value == "1"


def test_trouble_with_a_field_is_told_once_though_many_read_it(maps: Maps) -> None:
    order = OBR.replace("202403110800", "someday")
    event = converted(maps, "ORU^R01", PID, order, obx("NM", "1"), obx("NM", "2"))
    assert [issue.location for issue in event.issues] == ["OBR[1]-7"]
    (report,) = contents(event, "diagnostic_report")
    assert [each.text for each in report.facts] == ["someday"]


def test_a_laboratory_with_the_number_of_a_cited_one_and_another_name_has_a_key_of_its_own(
    maps: Maps,
) -> None:
    tail = "F||||L1^East^CLIA||||||||West^^^^^CLIA^XX^^^L1|1 Main Street^^Town"
    event = converted(
        maps,
        "ORU^R01",
        PID,
        "OBR|1|P1|F1|C^Panel^L",
        f"OBX|1|ST|A^One^L||x||||||{tail}",
        f"OBX|2|ST|B^Two^L||y||||||{tail}",
    )
    keys = [each.key for each in event.resources]
    assert len(set(keys)) == len(keys)
    assert {each.name for each in contents(event, "organization")} == {"East", "West"}


def test_who_performs_a_result_does_so_in_a_part(maps: Maps) -> None:
    event = results(maps, obx("NM", "5", f16="7^Watch^Will", f25="8^Direct^Dora"))
    (result,) = contents(event, "observation")
    observer, director = result.performers
    assert not observer.HasField("role")
    assert director.role.codings[0].code == "MDIR"


def test_an_interpreter_may_be_sent_as_a_name_in_components(maps: Maps) -> None:
    for sent in ("7&Read&Rita^20240101^20240102", "7^Read^Rita"):
        event = converted(maps, "ORU^R01", PID, segment("OBR", f2="P1", f4="X", f32=sent))
        (reader,) = contents(event, "practitioner")
        assert (reader.identifiers[0].value, reader.names[0].family) == ("7", "Read")


def test_a_result_names_its_sample_and_how_it_belongs(maps: Maps) -> None:
    fields = {"f10": "A~S", "f30": "AOE", "f33": "S1&HIS^S2&LAB"}
    (result,) = contents(results(maps, obx("NM", "5", **fields)), "observation")
    assert (result.specimen.identifier.value, result.specimen.type) == ("S1", "Specimen")
    assert [each.codings[0].code for each in result.abnormal_kinds] == ["A", "S"]
    assert result.structure_type.codings[0].code == "AOE"


def test_a_report_comes_with_the_notice_of_its_document(maps: Maps) -> None:
    event = results(maps, obx("NM", "5"), segment("TXA", f2="DIS", f12="D1", f24="Radiology"))
    (document,) = contents(event, "document_reference")
    (order,) = (each for each in event.resources if each.WhichOneof("content") == "service_request")
    assert (document.master.value, document.categories[0].codings[0].code) == ("D1", "Radiology")
    assert [each.key for each in document.related] == [order.key]


def test_equipment_is_a_device_of_its_own_that_several_results_name(maps: Maps) -> None:
    event = results(
        maps,
        obx("NM", "5", f18="A1^LAB~A2^LAB"),
        "PRT|1|AD||EQUIP^Equipment^HL70912||||||A3^LAB||||||00884999048034|20140401|20220712|123ABC|21A1",
        segment("OBX", f2="NM", f3="2^Y^L", f5="6", f18="A1^LAB"),
    )
    devices = {
        each.key: each.device for each in event.resources if each.WhichOneof("content") == "device"
    }
    assert sorted(each.identifiers[0].value for each in devices.values()) == ["A1", "A2", "A3"]
    one, other = contents(event, "observation")
    assert [devices[each.key].identifiers[0].value for each in one.equipment] == ["A1", "A2", "A3"]
    assert [each.key for each in other.equipment] == [one.equipment[0].key]
    made = devices[one.equipment[2].key]
    assert (made.lot_number, made.serial_number, made.expiration) == (
        "123ABC",
        "21A1",
        "2022-07-12",
    )
    assert made.device_identifier == "00884999048034"
