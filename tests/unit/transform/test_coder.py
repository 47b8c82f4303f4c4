"""Code maps applied to messages, and what is counted of the rest. Writing it down is not here."""

import pytest

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.codecs.terminology import LOINC
from services.transform.domain import (
    CodeMap,
    Coder,
    Coders,
    Maps,
    SourceContext,
    SourceMaps,
    Tally,
    parse_code_map,
)
from tests.unit.transform.messages import PID, contents, converted, residue, segment

OWNER = ("acme", "lab")


def code_map(*rows: str, source: str = "99LAB", target: str = "LN", places: str = "") -> CodeMap:
    head = f"plexus code map,1\nid,m\nversion,1\nsource system,{source}\ntarget system,{target}\n"
    head += f"places,{places}\n\ncode,display,equivalence,target code,target display\n"
    return parse_code_map("m.csv", head + "\n".join(rows))


def run(maps: Maps, coder: Coder, *segments: str, message_id: str = "m-1") -> CanonicalEvent:
    context = SourceContext("acme", "lab", message_id, coder=coder)
    return converted(maps, "ORU^R01", PID, *segments, context=context)


def obx(code: str, **fields: str) -> str:
    return segment("OBX", **({"f1": "1", "f2": "NM", "f3": code, "f5": "5", "f11": "F"} | fields))


def order(code: str = "718-7^Hb^LN") -> str:
    return segment("OBR", f1="1", f3="F1", f4=code)


def codings(event: CanonicalEvent) -> list[tuple[str, str, str]]:
    code = contents(event, "observation")[0].code
    return [(coding.system, coding.code, coding.display) for coding in code.codings]


def told(tallies: list[Tally]) -> list[tuple[str, str, str, str, int]]:
    return [(t.place, t.system, t.code, t.display, t.count) for t in tallies]


def test_a_standard_coding_is_added_behind_what_was_sent(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [code_map("GLU,,equivalent,2345-7,Glucose")])
    event = run(maps, coder, order(), obx("GLU^Blood sugar^99LAB"))
    assert codings(event) == [("", "GLU", "Blood sugar"), (LOINC, "2345-7", "Glucose")]
    assert contents(event, "observation")[0].code.codings[0].system_name == "99LAB"
    assert coder.drain() == []


def test_without_a_coder_nothing_is_added(maps: Maps) -> None:
    event = converted(maps, "ORU^R01", PID, order(), obx("GLU^Blood sugar^99LAB"))
    assert [code for _, code, _ in codings(event)] == ["GLU"]


def test_the_same_code_again_and_in_other_separators_gets_the_same(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [code_map("G-L,,equivalent,2345-7,Glucose")])
    first = codings(run(maps, coder, order(), obx("G-L^x^99LAB")))
    again = codings(run(maps, coder, order(), obx("G-L^x^99LAB")))
    escaped = codings(run(maps, coder, order(), obx("G-L^\\X78\\^99LAB")))
    assert first == again == escaped


def test_a_line_that_continues_a_result_leaves_no_residue_for_the_added_coding(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [code_map("NOTE,,equivalent,8251-1,Note")])
    lines = [obx("NOTE^Note^99LAB", f2="TX", f5=text, f4="1") for text in ("one", "two")]
    event = run(maps, coder, order(), *lines)
    (observation,) = contents(event, "observation")
    assert observation.value.text == "one\ntwo"
    assert len(observation.code.codings) == 2
    assert [place for place in residue(event) if place.startswith("OBX[2]-3")] == []


def test_a_coding_that_the_sender_sent_is_not_added_again(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [code_map("GLU,,equivalent,2345-7,Glucose")])
    event = run(maps, coder, order(), obx("GLU^x^99LAB^2345-7^Sugar^LN"))
    assert [code for _, code, _ in codings(event)] == ["GLU", "2345-7"]


def test_a_map_for_certain_places_leaves_others_alone(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [code_map("GLU,,equal,2345-7,Glucose", places="OBR-4")])
    event = run(maps, coder, order("GLU^x^99LAB"), obx("GLU^x^99LAB"))
    assert [code for _, code, _ in codings(event)] == ["GLU"]
    report = contents(event, "diagnostic_report")[0]
    assert [coding.code for coding in report.code.codings] == ["GLU", "2345-7"]
    assert told(coder.drain()) == [("OBX-3", "99LAB", "GLU", "x", 1)]


def test_codes_without_a_system_and_codes_of_a_standard_can_be_mapped(maps: Maps) -> None:
    bare = code_map("GLU,,equivalent,2345-7,Glucose", source="")
    moved = code_map("718-7,,equivalent,20509-6,Hb calculated", source="LN")
    coder = Coder(maps.version, OWNER, [bare, moved])
    event = run(maps, coder, order("718-7^Hb^LN"), obx("GLU"))
    assert [code for _, code, _ in codings(event)] == ["GLU", "2345-7"]
    report = contents(event, "diagnostic_report")[0]
    assert [coding.code for coding in report.code.codings] == ["718-7", "20509-6"]


def test_a_code_that_a_person_decided_not_to_map_is_not_counted(maps: Maps) -> None:
    rows = ["QC,,unmatched,,", "POC,,narrower,2345-7,Glucose"]
    coder = Coder(maps.version, OWNER, [code_map(*rows)])
    event = run(maps, coder, order(), obx("QC^x^99LAB"), obx("POC^y^99LAB", f1="2"))
    assert [len(o.code.codings) for o in contents(event, "observation")] == [1, 1]
    assert coder.drain() == []
    assert coder.decides("OBX-3", "99LAB", "QC")
    assert not coder.decides("OBX-3", "99LAB", "GLU")


def test_codes_without_a_standard_coding_are_counted_by_place(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [])
    run(maps, coder, order("PANEL^Panel^99LAB"), obx("GLU^Sugar^99LAB"), obx("NA", f1="2"))
    run(maps, coder, order(), obx("GLU^Sugar^99LAB"), message_id="m-2")
    assert told(tallies := coder.drain()) == [
        ("OBR-4", "99LAB", "PANEL", "Panel", 1),
        ("OBX-3", "99LAB", "GLU", "Sugar", 2),
        ("OBX-3", "", "NA", "", 1),
    ]
    assert [t.message_id for t in tallies] == ["m-1", "m-2", "m-1"]
    assert (tallies[0].tenant, tallies[0].source) == OWNER
    assert coder.drain() == []


@pytest.mark.parametrize(
    "sent",
    ["2345-7^Glucose^LN", "GLU^x^99LAB^2345-7^Glucose^LN", "73211009^Diabetes^SCT", "BLD^Blood^HL70070", ""],
)  # fmt: skip
def test_codes_that_others_know_are_not_counted(maps: Maps, sent: str) -> None:
    coder = Coder(maps.version, OWNER, [])
    run(maps, coder, order(), obx(sent))
    assert coder.drain() == []


@pytest.mark.parametrize(
    ("sent", "system"),
    [
        ("2345-8^x^LN", LOINC),
        ("GLU^x^LN", LOINC),
        ("73211008^x^SCT", "http://snomed.info/sct"),
        ("SITE^x^HL70070", "http://terminology.hl7.org/CodeSystem/v2-0070"),
    ],
)
def test_codes_that_their_system_has_not_are_counted(maps: Maps, sent: str, system: str) -> None:
    coder = Coder(maps.version, OWNER, [])
    run(maps, coder, order(), obx(sent))
    assert [(t.place, t.system) for t in coder.drain()] == [("OBX-3", system)]


@pytest.mark.parametrize(
    ("fields", "is_counted"),
    [
        ({"f3": "called Jane Doe at noon"}, False),
        ({"f3": "^called Jane Doe at noon"}, False),
        ({"f3": "BLOOD SUGAR^x^99LAB"}, True),
        ({"f3": "X" * 60}, False),
        ({"f2": "CWE", "f5": "Jane^Doe"}, False),
        ({"f2": "CWE", "f5": "POS^Positive^99RES"}, True),
    ],
)
def test_what_somebody_may_have_typed_is_no_code(
    maps: Maps, fields: dict[str, str], is_counted: bool
) -> None:
    coder = Coder(maps.version, OWNER, [])
    run(maps, coder, order(), obx("718-7^Hb^LN", **fields))
    assert bool(coder.drain()) == is_counted


def test_a_source_has_so_many_codes_between_two_drains_and_no_more(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [])
    lines = [obx(f"C{n}^x^99LAB", f1=str(n)) for n in range(1, 2101)]
    event = run(maps, coder, order(), *lines)
    assert len(contents(event, "observation")) == 2100
    assert len(coder.drain()) == 2000


def test_counting_and_reading_again_do_not_change_the_event(maps: Maps) -> None:
    coder = Coder(maps.version, OWNER, [code_map("GLU,,equivalent,2345-7,Glucose")])
    segments = order(), obx("GLU^x^99LAB"), obx("NA^y^99LAB", f1="2")
    first = run(maps, coder, *segments).SerializeToString(deterministic=True)
    coder.drain()
    assert run(maps, coder, *segments).SerializeToString(deterministic=True) == first


def test_version_is_that_of_the_maps_and_changes_with_the_code_maps(maps: Maps) -> None:
    one = code_map("GLU,,equivalent,2345-7,Glucose")
    other = code_map("GLU,,equal,2345-7,Glucose")
    versions = {Coder(maps.version, OWNER, given).version for given in ([], [one], [other])}
    assert len(versions) == 3
    assert maps.version in versions
    assert all(len(version) == 16 for version in versions)


def test_each_source_has_its_own_code_maps(maps: Maps) -> None:
    coders = Coders(SourceMaps(maps), {OWNER: [code_map("GLU,,equal,2345-7,Glucose")]})
    assert coders.of(*OWNER) is coders.of(*OWNER)
    assert coders.of(*OWNER).decides("OBX-3", "99LAB", "GLU")
    assert not coders.of("other", "lab").decides("OBX-3", "99LAB", "GLU")
    run(maps, coders.of("other", "lab"), order(), obx("GLU^x^99LAB"))
    assert [(t.tenant, t.code) for t in coders.drain()] == [("other", "GLU")]


def test_a_preview_has_the_code_maps_of_the_source_and_counts_for_nobody(maps: Maps) -> None:
    coders = Coders(SourceMaps(maps), {OWNER: [code_map("GLU,,equal,2345-7,Glucose")]})
    event = run(maps, coders.preview(*OWNER), order(), obx("GLU^x^99LAB"), obx("NA", f1="2"))
    assert [code for _, code, _ in codings(event)] == ["GLU", "2345-7"]
    assert coders.drain() == []
