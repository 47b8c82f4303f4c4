"""Overlays: what changes, what stays, and mistakes by line. Not here: who gets which (test_reload)."""

import pathlib
import re

import pytest

from plexus.errors import ConfigurationError
from services.transform.domain import Maps, load_maps, parse_overlay
from tests.unit.transform.messages import PID, contents, converted, residue

PATIENT = (PID + "||19700101|1", "PV1|1|I")


def laid(text: str) -> Maps:
    return load_maps([parse_overlay("north.map", f"overlay north\n{text}")])


def test_a_replaced_rule_maps_local_codes_and_leaves_all_else(maps: Maps) -> None:
    north = laid(
        "in segment PID -> Person\n"
        "replace PID-8 via NorthSex -> gender # ours: numbers\n"
        "table NorthSex\n1 -> male\n2 -> female\n"
    )
    before, after = converted(maps, "ADT^A01", *PATIENT), converted(north, "ADT^A01", *PATIENT)
    (person,) = contents(before, "person")
    assert person.gender != "male"
    (changed,) = contents(after, "person")
    assert changed.gender == "male"
    changed.gender = person.gender
    assert changed == person
    assert contents(before, "encounter") == contents(after, "encounter")


def test_a_removed_rule_leaves_its_field_as_residue(maps: Maps) -> None:
    north = laid("in segment PID -> Person\nremove PID-7 DTM -> birth_date # ours: made up\n")
    event = converted(north, "ADT^A01", *PATIENT)
    assert not contents(event, "person")[0].birth_date
    assert residue(event)["PID[1]-7[1].1.1"] == "19700101"
    assert contents(converted(maps, "ADT^A01", *PATIENT), "person")[0].birth_date


def test_a_local_segment_gets_a_map_and_a_place_in_every_structure_named() -> None:
    north = laid(
        "segment ZPI -> Person\nZPI-2 -> religion.text # ours: belief\n"
        "in structure ADT_*\nadd ZPI : join Person # ours: after PID\n"
    )
    for event in ("ADT^A01", "ADT^A02", "ADT^A03", "ADT^A05"):
        made = converted(north, event, PID, "PV1|1|I", "ZPI|1|Quaker")
        assert contents(made, "person")[0].religion.text == "Quaker"
        assert not any(place.startswith("ZPI[1]-2") for place in residue(made))


def test_rows_of_a_table_are_added_replaced_and_removed() -> None:
    north = laid("in table AdministrativeSex\nadd 1 -> male\nreplace F -> other\nremove M\n")
    genders = {
        code: contents(converted(north, "ADT^A01", f"{PID}|||{code}", "PV1|1|I"), "person")[
            0
        ].gender
        for code in ("1", "F", "M")
    }
    assert genders == {"1": "male", "F": "other", "M": ""}


def test_a_line_of_a_structure_can_be_taken_away() -> None:
    north = laid("in structure ADT_A01\nremove PV1 : new Encounter # ours: visits come elsewhere\n")
    assert not contents(converted(north, "ADT^A01", PID, "PV1|1|I"), "encounter")
    assert contents(converted(north, "ADT^A03", PID, "PV1|1|I"), "encounter")


def test_what_a_fragment_brought_can_be_replaced_and_included_by_an_overlay() -> None:
    relatives = "NK1|1|DOE^JANE|MTH"
    north = laid(
        "in structure ADT_A01\nremove NK1 : new RelatedPerson # ours: they come elsewhere\n"
        "in structure ADT_A02\nadd NK1 : include relative # ours: north tells them here too\n"
    )
    assert not contents(converted(north, "ADT^A01", PID, relatives), "related_person")
    assert contents(converted(north, "ADT^A02", PID, relatives), "related_person")


def test_later_overlays_change_what_earlier_ones_made() -> None:
    one = parse_overlay("a", "overlay a\ntable NorthSex\n1 -> male\n")
    two = parse_overlay("b", "overlay b\nin table NorthSex\nreplace 1 -> female\n"
                        "in segment PID -> Person\nreplace PID-8 via NorthSex -> gender # ours: b\n")  # fmt: skip
    event = converted(load_maps([one, two]), "ADT^A01", *PATIENT)
    assert contents(event, "person")[0].gender == "female"
    with pytest.raises(ConfigurationError, match="b:2"):
        load_maps([two, one])


def test_every_overlay_has_a_version_of_its_own_and_the_same_text_the_same(maps: Maps) -> None:
    text = "table NorthSex\n1 -> male\n"
    assert laid(text).version == laid(text).version
    assert len({maps.version, laid(text).version, laid(text + "2 -> female\n").version}) == 3


def test_the_maps_of_the_package_stay_as_they_were(maps: Maps) -> None:
    before = converted(maps, "ADT^A01", *PATIENT).SerializeToString(deterministic=True)
    laid(
        "in structure ADT_*\nadd ZPI : join Person # ours: x\nsegment ZPI -> Person\nZPI-2 -> religion.text # ours: x\n"
    )
    fresh = load_maps()
    assert fresh.version == maps.version
    assert converted(fresh, "ADT^A01", *PATIENT).SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("PID-8 -> gender # x", 2, "expected a block"),
        ("in segment PID -> Person\nPID-8 -> gender # x", 3, "'add', 'replace' or 'remove'"),
        ("in segment PID -> Person\nadd PID-8 -> gender", 3, "cites no row"),
        ("in segment PID -> Person\nadd PID-8 -> gendre # x", 3, "no field gendre"),
        ("in segment PID -> Person\nremove PID-8 -> birth_date # x", 3, "no rule of that source"),
        ("in segment PID -> Person\nreplace PID-99 -> gender # x", 3, "no rule of that source"),
        ("in segment PID -> Person\n\nadd PID-8 via AdministrativeSex -> gender # x", 4, "is there"),
        ("in segment ZZZ -> Person\nadd ZZZ-1 -> gender # x", 2, "no map ZZZ[Person]"),
        ("segment PID -> Person\nPID-1 -> gender # x", 2, "is there"),
        ("in structure ADT_X99\nadd PID : join Person # x", 2, "no structure ADT_X99"),
        ("in structure ADT_A01\nadd ZZZ : join Person # x", 3, "no map ZZZ[Person]"),
        ("in structure ADT_A01\nremove PV1 : new Person # x", 3, "no such line"),
        ("in structure ADT_A01\nreplace ZZZ : join Person # x", 3, "no line for ZZZ"),
        ("in table Nope\nadd 1 -> x", 2, "no table Nope"),
        ("in table AdministrativeSex\nremove 7", 3, "has no code 7"),
        ("in table AdministrativeSex\nadd F -> x", 2, "has the code F"),
        ("table AdministrativeSex\nF -> x", 2, "is there"),
        ("systems\nMaritalStatus", 3, "expected 'NAME"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_file_and_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        laid(text)
    assert caught.value.detail.startswith(f"north.map:{line}: ")
    assert says in caught.value.detail


@pytest.mark.parametrize("text", ["", "# nothing\n", "segment ZPI -> Person\n"])
def test_an_overlay_says_its_name_first(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"north\.map:1: "):
        parse_overlay("north.map", text)


def test_the_example_of_the_documentation_can_be_laid() -> None:
    text = (pathlib.Path(__file__).parents[3] / "docs" / "maps.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```\n(overlay .*?)```", text, re.DOTALL)
    load_maps([parse_overlay("maps.md", example)])
