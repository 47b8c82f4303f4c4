"""Laws of the decision among candidates."""

from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain import Candidate, decide

_candidates = st.lists(
    st.builds(Candidate, st.uuids().map(str), st.integers(0, 9), st.just(())),
    unique_by=(lambda each: each.person_id, lambda each: each.position),
)


@given(_candidates.flatmap(lambda them: st.tuples(st.just(them), st.permutations(them))))
def test_the_decision_does_not_depend_on_the_order_of_the_candidates(
    both: tuple[list[Candidate], list[Candidate]],
) -> None:
    assert decide(both[0]) == decide(both[1])


@given(_candidates)
def test_the_first_identifier_decides_and_all_others_are_conflicts(
    candidates: list[Candidate],
) -> None:
    decision = decide(candidates)
    if not candidates:
        assert decision.person_id == ""
        return
    first = min(candidates, key=lambda each: each.position)
    assert decision.person_id == first.person_id
    assert set(decision.conflicts) == set(candidates) - {first}
