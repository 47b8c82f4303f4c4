"""Whether two records are of one person: levels, weights, rules, vetoes and the explanation.

Training of the weights and the quality on whole populations are tested elsewhere.
"""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Identifier
from plexus.errors import ConfigurationError
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import (
    Grade,
    Model,
    Thresholds,
    compare,
    score,
    shipped_model,
    weigh,
)
from services.identity.domain.scoring.levels import FIELDS, LEVELS
from tests.unit.identity.people_material import PEOPLE, features


def level(one: Features, other: Features, field: str) -> str:
    place = FIELDS.index(field)
    return LEVELS[place][compare(one, other).levels[place]]


def verdict(
    one: Features, other: Features, *, is_one_authority: bool = False
) -> tuple[Grade, set[str]]:
    found = score(one, other, shipped_model(), is_one_authority=is_one_authority)
    return found.grade, {row.level for row in found.rows if row.what == "veto"}


HARRIET = features()


@pytest.mark.parametrize(
    ("family", "given_name", "expected"),
    [
        ("WHITFIELD", "harriet", "family exact, given exact"),
        ("Whitfeild", "Harriet", "family close, given exact"),
        ("Whitfield-Moor", "Harriet", "family close, given exact"),
        ("Whitfield", "Hattie", "family exact, given variant"),
        ("Whitfield", "H", "family exact, given initial"),
        ("Whitfield", "Hariet", "family exact, given close"),
        ("Whitfield", "Har", "family exact, given close"),
        ("W", "Harriet", "family missing, given exact"),
        ("Whitfield", "Bertha", "family exact, given different"),
        ("Zander", "Harriet", "family different, given exact"),
        ("Harriet", "Whitfield", "swapped"),
        ("Hariet", "Whitfield", "swapped and close"),
        ("Whitfield", "", "family exact, given missing"),
        ("Whitfield", "BABY GIRL", "family exact, given missing"),
    ],
)
def test_names_agree_by_degrees(family: str, given_name: str, expected: str) -> None:
    assert level(HARRIET, features(family, given_name), "name") == expected


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("1980-02-13", "exact"),
        ("1980-02-18", "close"),
        ("1908-02-13", "close"),
        ("1980-03-13", "close"),
        ("1980-01-01", "partly"),
        ("1980", "partly"),
        ("1980-02-28", "partly"),
        ("1955-07-30", "different"),
        ("", "missing"),
        ("1900-01-01", "missing"),
    ],
)
def test_birth_dates_agree_by_degrees(born: str, expected: str) -> None:
    assert level(HARRIET, features(born=born), "birth_date") == expected


def test_day_and_month_in_each_others_place_are_close() -> None:
    assert level(features(born="1980-02-11"), features(born="1980-11-02"), "birth_date") == "close"


def test_the_nickname_of_a_mistyped_name_is_close() -> None:
    one, other = features(given="Chuck"), features(given="Chares")
    assert level(one, other, "name") == "family exact, given close"


def test_a_name_borne_earlier_counts() -> None:
    married = features("Moor")
    both = married._replace(names=(*married.names, *HARRIET.names))
    assert level(HARRIET, both, "name") == "family exact, given exact"


def test_one_person_told_twice_is_a_match_and_strangers_are_not() -> None:
    assert verdict(HARRIET, features(street="12 Mill Ln."))[0] is Grade.MATCH
    stranger = features(
        "Okafor", "Bruno", born="1955-07-30", sex="male", city="", street="", phone=""
    )
    assert verdict(HARRIET, stranger)[0] is Grade.APART


def test_a_move_and_a_new_telephone_do_not_hide_a_person() -> None:
    moved = features(street="7 High Street", city="Norwood", code="60614", phone="3129871234")
    assert verdict(HARRIET, moved)[0] is Grade.MATCH


@pytest.mark.parametrize("given_name", ["Bertha", "Bruno"])
def test_members_of_a_household_are_not_one_person(given_name: str) -> None:
    """Same surname, house, telephone: proof of one person to a model without households."""
    relative = features(given=given_name, born="1951-09-30", sex="male")
    assert verdict(HARRIET, relative)[0] is Grade.APART


def test_missing_is_not_different() -> None:
    sparse = features(phone="", city="", street="", sex="")
    assert verdict(HARRIET, sparse)[0] is Grade.MATCH
    rows = {row.what: row.bits for row in score(HARRIET, sparse, shipped_model()).rows}
    assert rows["contact"] == rows["address"] == rows["sex"] == 0.0


def test_a_rare_name_weighs_more_than_a_common_one() -> None:
    rare = score(features("Quistgaard"), features("Quistgaard"), shipped_model()).bits
    common = score(features("Smith"), features("Smith"), shipped_model()).bits
    assert rare > common


def test_a_national_number_birth_date_and_close_name_need_no_weight() -> None:
    one = features("Whitfield", "Harriet", ssn="536221234")
    other = features("Whitfeild", "H", ssn="536-22-1234", city="", street="", phone="", sex="")
    model = shipped_model()
    strict = Thresholds(match=60.0, review=50.0)
    found = score(one, other, model, strict)
    assert found.grade is Grade.MATCH
    assert any(row.what == "rule" for row in found.rows)


@pytest.mark.parametrize(
    ("other", "veto", "grade"),
    [
        (features(given="Heather"), "possible_twins", None),
        (features(given="Bertha", multiple_birth=True), "twins", Grade.APART),
        (features(born="1955-07-30"), "birth_date_conflict", None),
        (features(given="Hattie", sex="male", street="", city="", phone=""), "sex_conflict", None),
        (features(given="BABY GIRL"), "newborn", None),
        (features(born="", city="", street="", phone=""), "little_evidence", None),
        (features(given="", phone=""), "little_evidence", Grade.REVIEW),
        (features("", ""), "no_name", None),
    ],
    ids=["given", "twins", "birth date", "sex", "newborn", "evidence", "family", "name"],
)
def test_a_veto_keeps_two_people_from_being_one(
    other: Features, veto: str, grade: Grade | None
) -> None:
    found, against = verdict(HARRIET, other)
    assert veto in against
    assert found is not Grade.MATCH
    assert grade is None or found is grade


def test_father_and_son_of_one_name_are_two() -> None:
    found, against = verdict(
        features("Smith", "John", suffix="Sr", sex="male", born="1950-04-04"),
        features("Smith", "John", suffix="Jr", sex="male", born="1980-02-13"),
    )
    assert found is Grade.APART
    assert "suffix_conflict" in against


def test_twins_of_one_first_name_are_told_apart_by_the_second() -> None:
    one, other = features(middle="Ann"), features(middle="Noor")
    assert verdict(one, other) == (Grade.REVIEW, {"middle_name_conflict"})


def test_twins_with_numbers_that_follow_each_other_are_never_a_match() -> None:
    one, other = features(ssn="536221234"), features(given="Helen", ssn="536221235")
    assert verdict(one, other)[0] is not Grade.MATCH


def test_other_national_numbers_send_a_pair_to_review() -> None:
    one = features(ssn="536221234")
    other = features(ssn="601347788", street="9 Elm Court", city="", phone="")
    assert verdict(one, other) == (Grade.REVIEW, {"national_id_conflict"})


@pytest.mark.parametrize("other", [{"ssn": "601347788"}, {"sex": "male"}])
def test_where_name_birth_date_and_home_agree_another_number_or_sex_is_no_veto(
    other: dict[str, Any],
) -> None:
    one = features(ssn="536221234")
    grade, against = verdict(one, features(**{"ssn": "536221234", **other}))
    assert against == set()
    assert grade is not Grade.APART


def test_nobody_has_a_twin_of_the_same_first_name_and_the_other_sex() -> None:
    other = features(sex="male", street="", city="", phone="")
    assert verdict(HARRIET, other)[1] == set()


@pytest.mark.parametrize(
    "home",
    [{}, {"street": "9 Elm Court", "city": "Norwood"}, {"street": "", "city": "", "phone": ""}],
)
def test_another_second_name_is_for_somebody_to_look_at_wherever_they_live(
    home: dict[str, Any],
) -> None:
    for middle in ("N", "Noor"):
        other = features(middle=middle, **home)
        assert "middle_name_conflict" in verdict(features(middle="A"), other)[1]
        assert "middle_name_conflict" in verdict(features(middle="Ann"), other)[1]


def test_another_number_is_no_veto_where_first_name_birth_date_and_home_agree() -> None:
    one = features("Whitfield", ssn="536221234", phone="")
    married = features("Okafor", ssn="601347788", phone="")
    assert "national_id_conflict" not in verdict(one, married)[1]
    twin = features("Whitfield", "Harriot", ssn="601347788", phone="")
    assert "national_id_conflict" in verdict(one, twin)[1]


def test_two_digits_of_a_number_may_be_mistyped() -> None:
    one = features(ssn="536221234", street="", city="", phone="")
    other = features(ssn="536211235", street="", city="", phone="")
    assert "national_id_conflict" not in verdict(one, other)[1]


def test_the_fewer_records_there_are_the_likelier_one_is_the_other() -> None:
    one, other = features(), features(street="9 Elm Court", phone="")
    small, large = (shipped_model().for_population(n) for n in (5_000, 5_000_000))
    assert score(one, other, small).bits > score(one, other, large).bits
    assert small.version != large.version


def test_two_numbers_of_one_authority_are_two_people_until_it_says_otherwise() -> None:
    found, against = verdict(HARRIET, features(), is_one_authority=True)
    assert (found, against) == (Grade.REVIEW, {"two_numbers_of_one_authority"})


def test_two_newborns_of_one_name_are_two() -> None:
    one = features(given="BABY GIRL", born="2024-05-05")
    assert verdict(one, features(given="Baby Girl", born="2024-05-05"))[0] is Grade.APART


def test_placeholders_never_link() -> None:
    nobody = features("UNKNOWN", "UNKNOWN", born="1900-01-01", ssn="999-99-9999", phone="555-5555",
                      street="unknown", city="unknown", code="99999", sex="")  # fmt: skip
    found = score(nobody, nobody, shipped_model())
    assert found.grade is Grade.APART
    assert all(row.bits == 0.0 for row in found.rows if row.what in FIELDS)


@given(PEOPLE, PEOPLE, st.booleans())
def test_the_rows_of_an_explanation_add_up_to_the_score(
    one: Features, other: Features, is_one_authority: bool
) -> None:
    found = score(one, other, shipped_model(), is_one_authority=is_one_authority)
    assert math.isclose(sum(row.bits for row in found.rows), found.bits, abs_tol=1e-6)


@given(PEOPLE, PEOPLE)
def test_it_does_not_matter_which_record_comes_first(one: Features, other: Features) -> None:
    there, back = score(one, other, shipped_model()), score(other, one, shipped_model())
    assert there.grade is back.grade
    assert math.isclose(there.bits, back.bits, abs_tol=1e-9)


@given(PEOPLE, PEOPLE)
def test_a_veto_always_holds(one: Features, other: Features) -> None:
    found = score(one, other, shipped_model())
    if any(row.what == "veto" for row in found.rows):
        assert found.grade is not Grade.MATCH


@given(PEOPLE, PEOPLE)
def test_an_explanation_tells_no_value(one: Features, other: Features) -> None:
    told = str(score(one, other, shipped_model()).to_json()).casefold()
    for value in ("whitfield", "hattie", "harriet", "536221234", "mill", "ashford", "2127365000"):
        assert value not in told


def test_a_model_comes_back_from_the_store_as_it_was() -> None:
    model = shipped_model()
    assert Model.from_text(model.to_text()) == model


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"same": {}}'])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Model.from_text(text)


def test_the_score_is_the_weight_where_no_rule_and_no_veto_speaks() -> None:
    other = features("Whitfeild")
    assert score(HARRIET, other, shipped_model()).bits == pytest.approx(
        weigh(compare(HARRIET, other), shipped_model())
    )


def test_the_mother_joins_the_records_of_a_newborn_for_review() -> None:
    mother = [Identifier(value="4711", authority=Authority(namespace="NORTH"))]
    one, other = (
        features(given="BABY GIRL", born="2024-05-05", mother_identifiers=mother) for _ in "12"
    )
    assert verdict(one, other)[1] == {"newborn"} | {"little_evidence"}


def test_numbers_that_follow_each_other_are_twins_whatever_else_agrees() -> None:
    one = features(given="Helen", ssn="536221234")
    other = features(given="Hattie", ssn="536221235")
    assert verdict(one, other) == (Grade.APART, {"twins"})


def test_a_father_and_a_son_without_suffix_are_not_one_person() -> None:
    father = features("Whitfield", "Henry", born="1950-04-04", sex="male")
    son = features("Whitfield", "Henry", born="1981-02-13", sex="male")
    grade, against = verdict(father, son)
    assert grade is Grade.APART
    assert "generation_apart" in against
