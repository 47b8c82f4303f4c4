"""Persons and reviews that would have come of records, by scores that are given."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.arrivals import Scored, arrive
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import DEFAULT_THRESHOLDS, score, shipped_model
from tests.unit.identity.people_material import PEOPLE, features

MODEL = shipped_model()
SAME = features(ssn="536221234")


def test_a_record_joins_the_best_person_and_the_next_best_is_for_review() -> None:
    pairs = [Scored(0, 1, 2.0), Scored(0, 2, 20.0), Scored(1, 2, 9.0)]
    found = arrive([SAME] * 3, ["a", "b", "a"], pairs, MODEL, DEFAULT_THRESHOLDS)
    assert (found.count, found.tasks, found.over_merged, found.split) == (2, 1, 0, 0)
    assert (found.linked_pairs, found.right_pairs) == (1, 1)


def test_two_persons_are_one_review_however_many_records_ask() -> None:
    pairs = [Scored(0, 1, 3.0), Scored(0, 2, 3.0), Scored(1, 2, 20.0)]
    found = arrive([SAME] * 3, ["a", "a", "a"], pairs, MODEL, DEFAULT_THRESHOLDS)
    assert (found.count, found.tasks, found.right_tasks, found.split) == (2, 1, 1, 1)


def test_a_member_that_contradicts_keeps_a_record_from_its_person() -> None:
    other = features("Okafor", "Bruno", born="1951-09-30", sex="male", street="", city="", phone="")
    pairs = [Scored(0, 1, 20.0), Scored(0, 2, 20.0)]
    found = arrive([SAME, other, SAME], ["a", "b", "a"], pairs, MODEL, DEFAULT_THRESHOLDS)
    assert (found.count, found.tasks) == (2, 1)


def test_who_shares_records_with_somebody_else_is_over_merged() -> None:
    found = arrive([SAME, SAME], ["a", "b"], [Scored(0, 1, 20.0)], MODEL, DEFAULT_THRESHOLDS)
    assert (found.count, found.over_merged, found.right_pairs) == (1, 1, 0)


@given(st.lists(PEOPLE, max_size=7))
def test_no_score_below_the_threshold_links(records: list[Features]) -> None:
    pairs = [
        Scored(one, other, score(records[one], records[other], MODEL).bits)
        for one, other in itertools.combinations(range(len(records)), 2)
    ]
    kept = [pair for pair in pairs if pair.bits >= DEFAULT_THRESHOLDS.review]
    found = arrive(records, list(range(len(records))), kept, MODEL, DEFAULT_THRESHOLDS)
    certain = sum(pair.bits >= DEFAULT_THRESHOLDS.match for pair in pairs)
    assert len(records) - found.count <= certain
    assert found.tasks <= len(kept)
