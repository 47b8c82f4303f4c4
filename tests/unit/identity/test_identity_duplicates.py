"""Persons that may be one, by all records at once."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.blocking import blocking_keys
from services.identity.domain.duplicates import duplicates
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import DEFAULT_THRESHOLDS, Grade, score, shipped_model
from tests.unit.identity.people_material import PEOPLE, features

MODEL = shipped_model()
BRUNO = features("Okafor", "Bruno", born="1951-09-30", sex="male", street="1 Hill Rd", phone="")


def test_two_persons_are_told_once_by_the_records_that_agree_best() -> None:
    moved = features(street="9 Elm Court", phone="")
    records = [features(), moved, features(), BRUNO]
    (found,) = duplicates(records, ["q", "p", "p", "b"], MODEL, DEFAULT_THRESHOLDS)
    assert (found.person_id, found.other_person) == ("p", "q")
    assert found.verdict.bits == max(score(features(), each, MODEL).bits for each in records[1:3])
    assert found.verdict.grade is Grade.MATCH


def test_records_of_one_person_are_no_duplicates() -> None:
    assert duplicates([features()] * 3, ["p"] * 3, MODEL, DEFAULT_THRESHOLDS) == []


@given(st.lists(st.tuples(PEOPLE, st.sampled_from("pqr")), max_size=7))
def test_every_pair_of_persons_with_such_records_is_told(told: list[tuple[Features, str]]) -> None:
    keys = [{key.number for key in blocking_keys("", each)} for each, _ in told]
    expected = {
        tuple(sorted((told[one][1], told[other][1])))
        for one, other in itertools.combinations(range(len(told)), 2)
        if told[one][1] != told[other][1]
        and keys[one] & keys[other]
        and score(told[one][0], told[other][0], MODEL).bits >= DEFAULT_THRESHOLDS.review
    }
    found = duplicates(
        [each for each, _ in told], [person for _, person in told], MODEL, DEFAULT_THRESHOLDS
    )
    assert {each[:2] for each in found} == expected
