"""Structure maps: groups choose lines, scopes keep resources apart, links follow scopes.

The maps here are small ones of the tests' own; those of the package have their tests elsewhere.
"""

import re
from importlib import resources

import pytest

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.errors import ConfigurationError
from services.transform.domain import Maps, parse_maps
from services.transform.domain.notation import lines
from services.transform.domain.structures import parse_fragment
from tests.unit.transform.messages import contents, converted

SEGMENTS = {
    "segments/MSH.map": "segment MSH -> CanonicalEvent\nMSH-7 -> event_time # x\n",
    "segments/PID.map": (
        "segment PID -> CanonicalEvent\nPID-3* CX -> subject # x\n"
        "segment PID -> Person\nPID-3* CX -> identifiers # x\n"
    ),
    "segments/ORC.map": (
        "segment ORC -> ServiceRequest\nORC-2 EI -> identifiers # x\nORC-5 -> status # x\n"
    ),
    "segments/OBR.map": (
        "segment OBR -> ServiceRequest\nOBR-3 EI -> identifiers # x\n"
        "segment OBR -> DiagnosticReport\nOBR-3 EI -> identifiers # x\n"
        'OBR-25 -> status if ORC-5 EQUALS "CM" # x\n'
    ),
    "segments/SPM.map": "segment SPM -> Specimen\nSPM-2 EI -> identifiers # x\n",
    "segments/OBX.map": (
        "segment OBX -> Observation\nOBX-11 -> status # x\n"
        "segment OBX -> Specimen\nOBX-5 -> status # x\n"
    ),
    "segments/NTE.map": (
        "segment NTE -> ServiceRequest\nNTE-3 -> notes[1].text # x\n"
        "segment NTE -> Specimen\nNTE-3 -> notes[1].text # x\n"
    ),
    "datatypes/CX.map": (
        "datatype CX -> Identifier\nCX.1 -> value # x\ndatatype EI -> Identifier\nEI.1 -> value # x\n"
    ),
}
BASE = "MSH : join CanonicalEvent # x\nPID : join CanonicalEvent; new Person # x\n"


def maps_with(lines: str, head: str = "structure OML_O21 for OML^O21", **more: str) -> Maps:
    files = SEGMENTS | {"structures/A.map": f"{head}\n{BASE}{lines}"}
    return parse_maps(files | {f"structures/{name}.map": text for name, text in more.items()})


def made(event: CanonicalEvent, field: str) -> list[str]:
    return [item.identifiers[0].value for item in contents(event, field)]


PID = "PID|1||7"


def test_the_innermost_group_named_decides_and_a_line_without_one_is_for_the_rest() -> None:
    maps = maps_with(
        "SPM : new Specimen # x\n"
        "OBX : new Observation # x\n"
        "OBX in ORDER : new Observation # x\n"
        "OBX in SPECIMEN : join Specimen # x\n"
    )
    event = converted(
        maps, "OML^O21", PID, "ORC|NW", "OBR|1", "OBX|1|ST|A||no||||||F", "SPM|1|S1",
        "OBX|1|ST|A||ok||||||F",
    )  # fmt: skip
    assert len(contents(event, "observation")) == 1
    assert contents(event, "specimen")[0].status == "ok"
    # Nowhere in the grammar's groups: the line without a group is for it.
    event = converted(maps, "OML^O21", PID, "OBX|1|ST|A||no||||||P")
    assert [item.status for item in contents(event, "observation")] == ["P"]


def test_a_path_chooses_among_groups_of_one_name() -> None:
    maps = maps_with(
        "ORC in OBSERVATION_REQUEST.PRIOR_RESULT : new ServiceRequest # x\n"
        "OBR in ORDER_PRIOR : join ServiceRequest # x\n"
    )
    event = converted(
        maps, "OML^O21", PID, "ORC|NW|O1", "OBR|1||F1", "PID|1||7", "ORC|NW|O2", "OBR|1||F2"
    )
    assert [[i.value for i in item.identifiers] for item in contents(event, "service_request")] == [
        ["O2", "F2"]
    ]


ORDERS = "ORC : new ServiceRequest # x\nOBR : join ServiceRequest; new DiagnosticReport # x\n"


def test_join_stays_within_its_scope_and_conditions_look_no_further() -> None:
    lines = [PID, "ORC|NW|O1|||CM", "OBR|1||F1" + "|" * 22 + "F", "OBR|2||F2" + "|" * 22 + "F"]
    event = converted(maps_with("scope ORDER\n" + ORDERS), "OML^O21", *lines)
    numbers = [[i.value for i in r.identifiers] for r in contents(event, "service_request")]
    assert numbers == [["O1", "F1"], ["F2"]]
    assert [r.status for r in contents(event, "diagnostic_report")] == ["F", ""]
    # Without a scope the second OBR would complete the first order.
    event = converted(maps_with(ORDERS), "OML^O21", *lines)
    numbers = [[i.value for i in r.identifiers] for r in contents(event, "service_request")]
    assert numbers == [["O1", "F1", "F2"]]


NESTED = (
    "scope ORDER SPECIMEN\n" + ORDERS + "SPM : new Specimen # x\nOBX : new Observation # x\n"
    "link Observation.specimen <- Specimen\n"
    "link Observation.based_on <- ServiceRequest\n"
    "link DiagnosticReport.specimens <- all Specimen\n"
    "link DiagnosticReport.results <- Observation\n"
)
TWO_ORDERS = [
    PID, "ORC|NW|O1", "OBR|1||F1", "SPM|1|S1", "OBX|1|ST|A||1||||||F", "SPM|2|S2",
    "OBX|1|ST|A||2||||||F", "ORC|NW|O2", "OBR|1||F2", "OBX|1|ST|A||3||||||F",
]  # fmt: skip


def test_links_go_to_the_own_scope_else_outwards_and_all_goes_inwards() -> None:
    event = converted(maps_with(NESTED), "OML^O21", *TWO_ORDERS)
    reports = contents(event, "diagnostic_report")
    keys = {
        r.specimen.identifiers[0].value: r.key for r in event.resources if r.HasField("specimen")
    }
    orders = [r.key for r in event.resources if r.HasField("service_request")]
    observations = contents(event, "observation")
    assert [o.specimen.key for o in observations] == [keys["S1"], keys["S2"], ""]
    assert [o.based_on[0].key for o in observations] == [orders[0], orders[0], orders[1]]
    assert [[r.key for r in report.specimens] for report in reports] == [
        [keys["S1"], keys["S2"]],
        [],
    ]
    # The results of the samples are in scopes within; only `all` would reach them.
    assert [len(report.results) for report in reports] == [0, 1]


def test_join_outer_completes_what_an_enclosing_scope_made_and_makes_nothing() -> None:
    maps = maps_with("scope ORDER SPECIMEN\n" + ORDERS + "NTE : join outer ServiceRequest # x\n")
    event = converted(maps, "OML^O21", PID, "ORC|NW|O1", "OBR|1||F1", "SPM|1|S1", "NTE|1||word")
    assert [r.notes[0].text for r in contents(event, "service_request")] == ["word"]
    event = converted(maps, "OML^O21", PID, "NTE|1||word")
    assert contents(event, "service_request") == []


def test_a_segment_inside_a_scope_that_does_not_know_it_belongs_to_the_one_around() -> None:
    files = {
        "segments/PV1.map": "segment PV1 -> Encounter\nPV1-19 CX -> identifiers # x\n",
    }
    text = "scope ORDER\n" + ORDERS + "PV1 : new Encounter # x\n"
    text += "link ServiceRequest.encounter <- Encounter\n"
    maps = parse_maps(
        SEGMENTS | files | {"structures/A.map": f"structure OML_O21 for OML^O21\n{BASE}{text}"}
    )
    visit = "PV1|1" + "|" * 18 + "V1"
    orders = ["ORC|NW|O1", "OBR|1||F1", "ORC|NW|O2", "OBR|1||F2"]
    for at in range(len(orders) + 1):
        event = converted(maps, "OML^O21", PID, *orders[:at], visit, *orders[at:])
        if at in {2, 4}:
            # A prior result's visit, as the standard has it.
            continue
        requests = contents(event, "service_request")
        assert [r.encounter.key != "" for r in requests] == [True, True], at


def test_a_structure_like_another_takes_over_what_it_does_not_say() -> None:
    maps = maps_with(
        "",
        head="structure OML_O21 for OML^O21",
        B="structure OML_O33 for OML^O33 like OML_O35\nORC : new ServiceRequest # x\n",
        C=f"structure OML_O35 for OML^O35\n{BASE}{ORDERS}SPM : new Specimen # x\n"
        "link DiagnosticReport.specimens <- Specimen\n",
    )
    event = converted(maps, "OML^O33", PID, "SPM|1|S1", "ORC|NW|O1", "OBR|1||F1")
    assert made(event, "specimen") == ["S1"]
    assert len(contents(event, "diagnostic_report")[0].specimens) == 1


@pytest.mark.parametrize(
    "line",
    ["scope ORDER.SPECIMEN", "ORC in NOWHERE : new ServiceRequest # x", "ORC in : new X # x"],
)
def test_a_group_that_the_structure_does_not_have_is_named_by_line(line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        maps_with(line)
    assert caught.value.detail.startswith("structures/A.map:4: ")


ORDERED = "fragment order\nORC : new ServiceRequest # x\nlink DiagnosticReport.based_on <- ServiceRequest\n"


def maps_of(structure: str, fragment: str = ORDERED, **more: str) -> Maps:
    files = {f"structures/{name}.map": text for name, text in more.items()}
    text = f"structure OML_O21 for OML^O21\n{BASE}{structure}"
    return parse_maps(SEGMENTS | files | {"structures/A.map": text, "fragments/f.map": fragment})


def test_a_structure_includes_the_lines_and_links_of_a_fragment() -> None:
    maps = maps_of("include order\nOBR : new DiagnosticReport # x\n")
    event = converted(maps, "OML^O21", PID, "ORC|NW|O1", "OBR|1||F1")
    assert made(event, "service_request") == ["O1"]
    assert len(contents(event, "diagnostic_report")[0].based_on) == 1


def test_what_a_structure_says_of_a_segment_replaces_what_the_fragment_does() -> None:
    maps = maps_of(
        "SPM : new Specimen # x\ninclude order\nORC after SPM : new ServiceRequest # x\n"
    )
    event = converted(maps, "OML^O21", PID, "ORC|NW|O1", "SPM|1|S1", "ORC|NW|O2")
    assert made(event, "service_request") == ["O2"]


def test_a_line_includes_the_verbs_of_a_fragment_where_it_stands() -> None:
    maps = maps_of("SPM : new Specimen # x\nORC after SPM : include order # x\n")
    event = converted(maps, "OML^O21", PID, "ORC|NW|O1", "SPM|1|S1", "ORC|NW|O2")
    assert made(event, "service_request") == ["O2"]


def test_a_structure_like_another_includes_links_of_what_that_makes() -> None:
    other = f"structure OML_O35 for OML^O35\n{BASE}OBR : new DiagnosticReport # x\n"
    like = "structure OML_O33 for OML^O33 like OML_O35\ninclude order\n"
    event = converted(maps_of("", B=like, C=other), "OML^O33", PID, "ORC|NW|O1", "OBR|1||F1")
    assert len(contents(event, "diagnostic_report")[0].based_on) == 1


def test_the_text_of_a_fragment_is_part_of_the_version() -> None:
    versions = {maps_of("", text).version for text in (ORDERED, f"{ORDERED}# more", ORDERED)}
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("fragment", "structure", "begins", "says"),
    [
        ("ORC : new Nothing # x", "include f", "fragments/f.map:2: ", "no map"),
        ("ORC : new Nothing # x", "ORC : include f # x", "structures/A.map:4: ", "fragments/f.map:2: "),
        ("ORC : new X # x", "OBR : include f # x", "structures/A.map:4: ", "no line for the segment"),
        ("ORC in ORDER : new X # x", "ORC : include f # x", "structures/A.map:4: ", "where the segment stands"),
        ("ORC in NOWHERE : new ServiceRequest # x", "include f", "fragments/f.map:2: ", "no group NOWHERE"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_fragment_is_named_by_file_and_line(
    fragment: str, structure: str, begins: str, says: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        maps_of(structure, f"fragment f\n{fragment}\n")
    assert caught.value.detail.startswith(begins)
    assert says in caught.value.detail


def test_every_fragment_of_the_package_is_included() -> None:
    folder = resources.files("services.transform") / "maps"
    told = "\n".join(
        line.text
        for entry in (folder / "structures").iterdir()
        for line in lines(entry.name, entry.read_text("utf-8"))
    )
    named = {name for found in re.findall(r"include ([a-z_ ]+)", told) for name in found.split()}
    there = {
        parse_fragment(entry.name, entry.read_text("utf-8")).name
        for entry in (folder / "fragments").iterdir()
    }
    assert there == named
