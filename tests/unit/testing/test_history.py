"""The history checker finds what it is there to find. What it checks is in tests/e2e."""

import random

from hypothesis import given
from hypothesis import strategies as st

from plexus.testing.history import Accepted, Committed, check_history

histories = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(
    lambda patients: [Accepted(f"m{i}", f"p{p}", i) for i, p in enumerate(patients)]
)


@given(histories, st.randoms(use_true_random=False))
def test_any_order_that_keeps_each_patients_order_is_right(
    accepted: list[Accepted], rng: random.Random
) -> None:
    queues: dict[str, list[Accepted]] = {}
    for one in accepted:
        queues.setdefault(one.patient, []).append(one)
    committed = []
    while queues:
        patient = rng.choice(sorted(queues))
        committed.append(Committed(queues[patient].pop(0).message))
        if not queues[patient]:
            del queues[patient]
    assert not check_history(accepted, committed)


@given(histories, st.data())
def test_a_missing_commit_is_a_lost_message(accepted: list[Accepted], data: st.DataObject) -> None:
    missing = data.draw(st.sampled_from(accepted))
    committed = [Committed(one.message) for one in accepted if one is not missing]
    assert check_history(accepted, committed).lost == (missing.message,)


@given(histories, st.data())
def test_a_second_effect_is_found_and_a_repeat_without_effect_is_not(
    accepted: list[Accepted], data: st.DataObject
) -> None:
    twice = data.draw(st.sampled_from(accepted))
    committed = [Committed(one.message) for one in accepted]
    assert not check_history(accepted, [*committed, Committed(twice.message, has_effect=False)])
    found = check_history(accepted, [*committed, Committed(twice.message)])
    assert found.applied_twice == (twice.message,)


@given(histories)
def test_two_messages_of_one_patient_the_wrong_way_round_are_found(
    accepted: list[Accepted],
) -> None:
    pairs = [
        (i, j)
        for i, a in enumerate(accepted)
        for j, b in enumerate(accepted)
        if i < j and a.patient == b.patient
    ]
    committed = [Committed(one.message) for one in accepted]
    random.Random(0).shuffle(pairs)
    for i, j in pairs[:1]:
        committed[i], committed[j] = committed[j], committed[i]
        assert check_history(accepted, committed).out_of_order


def test_what_nobody_sent_is_a_phantom_unless_its_answer_never_came() -> None:
    assert check_history([], [Committed("x")]).phantom == ("x",)
    assert not check_history([], [Committed("x")], unknown=["x"])
