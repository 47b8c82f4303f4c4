"""Lineage: the traced maps give the same events, the account is exact, and every path is true.

Laws over our sample feeds, over garbage, and over the shared corpus where it is found. That paths are
complete is not claimed: a value may be shown in more places than are told.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message as ProtoMessage
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.fhir import Disclosure
from plexus.codecs.hl7v2 import leaves, read
from plexus.errors import ConfigurationError, InvalidMessage
from services.transform.domain import (
    Explanation,
    Maps,
    SourceContext,
    as_recorded,
    convert,
    explain,
    load_maps,
    parse_overlay,
)
from services.transform.domain.convert import run
from services.transform.domain.coverage import coverage_of, leaf_count
from services.transform.domain.tracing import TracingDraft
from tests.unit.transform.messages import CONTEXT, MSH, message, residue
from tests.unit.transform.test_laws import EVENTS, FIELD, SEGMENTS

FEEDS = Path(__file__).parents[2] / "data" / "feeds"
CORPUS = Path(os.environ.get("PLEXUS_SHARED", Path(__file__).parents[4] / "shared")) / "corpus"
BERLIN = SourceContext("acme", "hosp", "m-1", time_zone="Europe/Berlin")
MAPS = load_maps()
LINE = st.tuples(
    st.sampled_from([*SEGMENTS, "MSH", "BHS", "IAM"]), st.lists(FIELD, max_size=24)
).map(lambda pair: "|".join([pair[0], *pair[1]]))


def both(maps: Maps, content: bytes, context: SourceContext) -> bool:
    """Hold plain and traced conversion against each other; False where the message is refused."""
    try:
        plain = run(maps, content, context)
    except InvalidMessage as problem:
        with pytest.raises(InvalidMessage, match=re.escape(problem.detail)):
            run(maps.traced(), content, context, TracingDraft)
        return False
    traced = run(maps.traced(), content, context, TracingDraft)
    assert traced.event.SerializeToString(deterministic=True) == plain.event.SerializeToString(
        deterministic=True
    )
    explained = explain(maps, content, context)
    places = [leaf.location for leaf in leaves(plain.message)]
    assert [leaf.location for leaf in explained.leaves] == places
    assert leaf_count(plain.message) == len(places)
    left = {item.location: item.value for item in plain.event.residue}
    assert {
        leaf.location: leaf.value for leaf in explained.leaves if leaf.outcome == "residue"
    } == left
    for leaf in explained.leaves:
        assert bool(leaf.targets) == (leaf.outcome == "mapped"), leaf.location
        assert bool(leaf.reason) == (leaf.outcome != "mapped"), leaf.location
        if leaf.outcome == "dropped" and not leaf.rules:
            assert re.fullmatch(r"(MSH|FHS|BHS)\[\d+\]-[12]\[1\]\.1\.1", leaf.location)
    assert explained.coverage == coverage_of(plain.message, plain.draft)
    return True


def paths(value: Any, above: str) -> Iterator[str]:
    """Every path of a JSON value, as renditions write them."""
    yield above
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, f"{above}.{name}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from paths(inner, f"{above}[{at}]")


def canonical_paths(message: ProtoMessage, above: str = "") -> Iterator[str]:
    """Every path of an event, with and without the index of the last step."""
    for field, value in message.ListFields():
        path = f"{above}.{field.name}" if above else field.name
        for at, item in enumerate(value) if field.is_repeated else [(-1, value)]:
            here = path if at < 0 else f"{path}[{at}]"
            yield from (path, here)
            if isinstance(item, ProtoMessage):
                yield from canonical_paths(item, here)


def assert_true(explained: Explanation, tenant: str) -> None:
    """Every canonical path is in the event, and every FHIR path in its bundle."""
    there = set(canonical_paths(explained.event))
    bundle = orjson.loads(
        Disclosure(as_recorded(explained.event, tenant=tenant), tenant=tenant).bundle_bytes(
            message_id="preview"
        )
    )
    shown = {
        (entry["fullUrl"], path)
        for entry in bundle["entry"]
        for path in paths(entry["resource"], entry["resource"]["resourceType"])
    }
    for leaf in explained.leaves:
        for target in leaf.targets:
            assert target.path in there, (leaf.location, target.path)
            assert target.rules, leaf.location
            for rendition in target.fhir:
                assert tuple(rendition) in shown, (leaf.location, rendition)


@pytest.mark.parametrize("path", sorted(FEEDS.rglob("*.hl7")), ids=lambda path: path.stem)
def test_every_sample_message_is_accounted_for_and_every_path_is_true(
    maps: Maps, path: Path
) -> None:
    if both(maps, path.read_bytes(), BERLIN):
        assert_true(explain(maps, path.read_bytes(), BERLIN), "acme")


@given(kind=st.sampled_from(EVENTS), lines=st.lists(LINE, max_size=8))
def test_garbage_is_accounted_for_too(kind: str, lines: list[str]) -> None:
    both(MAPS, "\r".join([MSH.format(type=kind), *lines, ""]).encode(), CONTEXT)


@pytest.mark.timeout(240)
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_every_corpus_message_is_accounted_for(maps: Maps) -> None:
    converted = 0
    for path in sorted(CORPUS.glob("hl7v2/**/*")):
        content = path.read_bytes() if path.is_file() else b""
        if b"MSH" in content[:400] and len(content) < 50_000:
            converted += both(maps, content, BERLIN)
    assert converted > 390


def told(maps: Maps, content: bytes, location: str) -> list[tuple[str, list[str], list[str]]]:
    """Canonical path, FHIR paths and lines of rules for a leaf."""
    [leaf] = [one for one in explain(maps, content, BERLIN).leaves if one.location == location]
    return [
        (
            target.path,
            [each.path for each in target.fhir],
            [f"{rule.where.split(':')[0]} {rule.source}" for rule in target.rules],
        )
        for target in leaf.targets
    ]


PATIENT = "PID|1||5^^^H&2.999.1&ISO^MR~7^^^H^PI||Vale^Iris^Ada||19700102|F||2106-3^White^HL70005"


@pytest.mark.parametrize(
    ("location", "path", "fhir", "rules"),
    [
        (
            "PID[1]-3[1].4.2",
            "resources[0].person.identifiers[0].authority.universal_id",
            ["Patient.identifier[1].system"],
            ["segments/PID.map PID-3", "datatypes/identifiers.map CX.4", "datatypes/identifiers.map HD.2"],
        ),
        (
            "PID[1]-5[1].3.1",
            "resources[0].person.names[0].given[1]",
            ["Patient.name[0].given[1]"],
            ["segments/PID.map PID-5", "datatypes/people.map XPN.3"],
        ),
        (
            "PID[1]-7[1].1.1",
            "resources[0].person.birth_date",
            ["Patient.birthDate"],
            ["segments/PID.map PID-7"],
        ),
        (
            "PID[1]-8[1].1.1",
            "resources[0].person.gender",
            ["Patient.gender"],
            ["segments/PID.map PID-8"],
        ),
    ],
)  # fmt: skip
def test_a_leaf_is_told_with_its_paths_and_rules(
    maps: Maps, location: str, path: str, fhir: list[str], rules: list[str]
) -> None:
    assert (path, fhir, rules) in told(maps, message("ADT^A01", PATIENT), location)


def test_a_path_follows_an_identifier_that_is_put_first(maps: Maps) -> None:
    content = message("ADT^A01", "PID|1||7^^^H^PI~5^^^H^MR||Vale^Iris")
    found = [path for path, _, _ in told(maps, content, "PID[1]-3[2].1.1")]
    assert found == ["subject[0].value", "resources[0].person.identifiers[0].value"]


def test_what_is_said_twice_is_told_where_it_is_kept(maps: Maps) -> None:
    content = message("ADT^A01", "PID|1|5^^^H^MR|5^^^H^MR||Vale^Iris")
    for location in ("PID[1]-2[1].1.1", "PID[1]-3[1].1.1"):
        assert "resources[0].person.identifiers[0].value" in [
            path for path, _, _ in told(maps, content, location)
        ]


def test_a_practitioner_that_is_cited_is_told_by_their_own_resource(maps: Maps) -> None:
    content = message("ADT^A01", PATIENT, "PV1|1|I|W&X^1^2||||99^Quill^Max")
    [found] = told(maps, content, "PV1[1]-7[1].2.1")
    assert found[0].endswith("practitioner.names[0].family")
    assert found[1] == ["Practitioner.name[0].family"]


def test_a_level_of_a_place_is_told_by_its_own_location(maps: Maps) -> None:
    event = convert(maps, message("ADT^A01", PATIENT, "PV1|1|I|W3^301^A^N"), BERLIN)
    for location, level in (("PV1[1]-3[1].1.1", "ward"), ("PV1[1]-3[1].3.1", "bed")):
        content = message("ADT^A01", PATIENT, "PV1|1|I|W3^301^A^N")
        for path, fhir, _ in told(maps, content, location):
            number = int(path.split("[")[1].split("]")[0])
            assert event.resources[number].location.physical_type == level
            assert fhir


def test_the_name_of_a_code_system_is_shown_by_its_uri(maps: Maps) -> None:
    content = message("ADT^A01", PATIENT, "AL1|1|DA|7980^Penicillin^RXNORM")
    [(path, fhir, _)] = told(maps, content, "AL1[1]-3[1].3.1")
    assert path.endswith("code.codings[0].system_name")
    assert fhir == ["AllergyIntolerance.code.coding[0].system"]


def test_the_type_of_an_oid_is_shown_by_the_system_that_it_decides(maps: Maps) -> None:
    found = told(maps, message("ADT^A01", PATIENT), "PID[1]-3[1].4.3")
    assert [fhir for path, fhir, _ in found if path.startswith("resources")] == [
        ["Patient.identifier[1].system"]
    ]


def outcome(maps: Maps, content: bytes, location: str) -> tuple[str, str, list[str]]:
    """Outcome, reason and lines of rules for a leaf that is not mapped."""
    [leaf] = [one for one in explain(maps, content, BERLIN).leaves if one.location == location]
    return leaf.outcome, leaf.reason, [rule.where.split(":")[0] for rule in leaf.rules]


def test_residue_is_told_with_why_it_is_left(maps: Maps) -> None:
    content = message("ADT^A01", f"{PATIENT}{'|' * 20}Q", "ZPI|x", "EVN|A01|20240101")
    line = "segments/PID.map"
    unknown = "The code is not in the code table; kept as residue."
    assert outcome(maps, content, "PID[1]-30[1].1.1") == ("residue", unknown, [line])
    assert outcome(maps, content, "PID[1]-1[1].1.1") == ("residue", "No rule reads it.", [])
    assert outcome(maps, content, "ZPI[1]-1[1].1.1")[1] == "ADT_A01 has no line for ZPI."
    assert outcome(maps, content, "MSH[1]-7[1].1.1") == (
        "residue",
        "The rules that read its field did not take it.",
        ["segments/MSH.map"],
    )
    assert outcome(maps, content, "MSH[1]-2[1].1.1")[0] == "dropped"


DROPPING = """overlay quiet

in segment PID -> Person
add drop PID-1                               # ours: the number of the segment says nothing
add drop PID-10.2 if PID-10.3 EQUALS "HL70005"  # ours: the table has the words
add drop PID-3.5                             # ours: it is mapped all the same
"""


def test_a_field_that_a_rule_drops_is_no_residue_and_told_with_the_reason() -> None:
    maps = load_maps([parse_overlay("quiet.map", DROPPING)])
    content = message("ADT^A01", PATIENT + "~1^Two^HL70005")
    assert both(maps, content, BERLIN)
    assert "PID[1]-1[1].1.1" not in residue(convert(maps, content, BERLIN))
    found = outcome(maps, content, "PID[1]-1[1].1.1")
    assert found == ("dropped", "ours: the number of the segment says nothing", ["quiet.map"])
    assert outcome(maps, content, "PID[1]-3[1].5.1")[0] == "mapped"
    plain = residue(convert(load_maps(), content, BERLIN))
    assert "PID[1]-1[1].1.1" in plain


def test_a_dropped_component_is_dropped_in_every_repetition() -> None:
    told_nothing = DROPPING.replace("add drop PID-3.5 ", "remove PID-10* CWE -> races #").replace(
        ' if PID-10.3 EQUALS "HL70005"', ""
    )
    maps = load_maps([parse_overlay("quiet.map", told_nothing)])
    content = message("ADT^A01", PATIENT + "~1^Two^HL70005")
    assert both(maps, content, BERLIN)
    for repetition in (1, 2):
        assert outcome(maps, content, f"PID[1]-10[{repetition}].2.1")[0] == "dropped"
        assert outcome(maps, content, f"PID[1]-10[{repetition}].1.1")[0] == "residue"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("add drop PID-1", "quiet.map:4: say after # why PID-1 is dropped"),
        ("add drop OBX-1 # ours: x", "quiet.map:4: a map drops fields of its own segment only"),
        ("add drop PID-3.4.1 # ours: x", "quiet.map:4: cannot read the rule"),
        ("add drop PID-0 # ours: x", "quiet.map:4: 'PID-0' counts from 1"),
    ],
)
def test_a_drop_that_makes_no_sense_is_named_by_its_line(rule: str, problem: str) -> None:
    text = f"overlay quiet\n\nin segment PID -> Person\n{rule}\n"
    with pytest.raises(ConfigurationError, match=re.escape(problem)):
        load_maps([parse_overlay("quiet.map", text)])


def test_the_account_of_a_message_of_any_charset_and_separators_is_exact(maps: Maps) -> None:
    for path in (FEEDS / "legacy-west").glob("*.hl7"):
        content = path.read_bytes()
        try:
            assert leaf_count(read(content)) == len(list(leaves(read(content))))
        except InvalidMessage:
            continue


def test_a_message_of_hundreds_of_repetitions_is_explained_whole(maps: Maps) -> None:
    # It would time out if something in it grew with the square of them.
    numbers = "~".join(f"{n}^^^H&2.999&ISO^MR" for n in [*range(600), *range(300)])
    explained = explain(maps, message("ADT^A01", f"PID|1||{numbers}||Vale^Iris"), CONTEXT)
    assert explained.coverage.mapped == 900 * 5 + 3
    assert explained.leaves[-1].targets[0].path.endswith("names[0].given[0]")
