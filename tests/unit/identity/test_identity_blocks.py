"""Blocks of many records: who is a candidate of whom."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.blocking import MOST_PER_KEY
from services.identity.domain.blocks import Blocks


def blocks_of(keys: list[set[int]]) -> Blocks:
    made = Blocks()
    for each in keys:
        made.add(sorted(each))
    made.close()
    return made


@given(st.lists(st.sets(st.integers(-40, 90), max_size=5), max_size=30))
def test_candidates_are_the_later_records_with_a_common_key(keys: list[set[int]]) -> None:
    found = blocks_of(keys)
    expected = {
        (one, other)
        for one, other in itertools.combinations(range(len(keys)), 2)
        if keys[one] & keys[other]
    }
    assert {(one, other) for one in range(len(keys)) for other in found.after(one)} == expected


def test_a_block_that_is_too_large_finds_nobody_and_is_named() -> None:
    found = blocks_of([{7, place + 1000} for place in range(MOST_PER_KEY + 1)])
    assert [block.number for block in found.large] == [7]
    assert found.after(0) == []
