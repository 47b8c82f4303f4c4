"""Pairwise figures, on records whose scores are known or reckoned by hand."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.evaluation import evaluate
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import DEFAULT_THRESHOLDS, score, shipped_model
from tests.unit.identity.people_material import PEOPLE, features

HARRIET = features(ssn="536221234")
AGAIN = features(ssn="536221234", street="9 Elm Court", phone="")
BRUNO = features("Okafor", "Bruno", born="1951-09-30", sex="male", street="1 Hill Rd", phone="")


def test_a_pair_that_no_key_brings_together_counts_as_missed() -> None:
    stranger = features("Zelenka", "Ota", born="1933-01-17", city="", street="", phone="", code="")
    done = evaluate([HARRIET, stranger], ["a", "a"], shipped_model())
    assert (done.true_pairs, done.compared, done.blocking_recall) == (1, 0, 0.0)
    assert done.at(0.0).recall == 0.0


def test_two_records_of_one_person_are_found_and_a_stranger_is_not() -> None:
    done = evaluate([HARRIET, BRUNO, AGAIN], ["h", "b", "h"], shipped_model())
    assert done.at(done.thresholds.match)[1:] == (1.0, 1.0, 1.0)
    assert done.best().f1 == 1.0
    assert done.blocking_recall == 1.0


def test_errors_name_what_was_taken_wrongly_and_what_was_missed() -> None:
    done = evaluate([HARRIET, AGAIN, BRUNO], ["h", "other", "b"], shipped_model())
    assert done.errors(5) == ([(0, 1)], [])


def test_a_telephone_of_more_people_than_a_block_holds_is_nobodys() -> None:
    shared = [
        features(
            f"Family{n}", f"Given{n}", born="", city="", street="", code="", phone="2125551000"
        )
        for n in range(101)
    ]
    done = evaluate(shared, list(range(101)), shipped_model())
    assert done.large["phone"] == 1
    assert done.compared == 0


@given(st.lists(st.tuples(PEOPLE, st.integers(0, 2)), min_size=2, max_size=8))
def test_figures_are_those_of_counting_all_compared_pairs(
    told: list[tuple[Features, int]],
) -> None:
    records, truth = [each for each, _ in told], [number for _, number in told]
    done = evaluate(records, truth, shipped_model())
    model = shipped_model()
    taken = [
        truth[a] == truth[b]
        for a, b in itertools.combinations(range(len(records)), 2)
        if score(records[a], records[b], model).bits >= DEFAULT_THRESHOLDS.match
    ]
    true = sum(truth[a] == truth[b] for a, b in itertools.combinations(range(len(truth)), 2))
    figures = done.at(DEFAULT_THRESHOLDS.match)
    assert done.true_pairs == true
    # What scores a match always shares a key: so nothing that was not compared is missing here.
    assert figures.precision == pytest.approx(sum(taken) / len(taken) if taken else 1.0)
    assert figures.recall == pytest.approx(sum(taken) / true if true else 1.0)
    assert done.best().f1 >= figures.f1
    assert [each.recall for each in done.curve()] == sorted(each.recall for each in done.curve())
