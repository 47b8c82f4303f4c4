"""Which purposes of use cover which. Out of scope: rules, which `test_consent_policy` has."""

import hypothesis
import pytest
from hypothesis import strategies as st

from services.consent.domain import PURPOSES, covers

purposes = st.sampled_from(sorted(PURPOSES))


@pytest.mark.parametrize(
    ("general", "special"),
    [
        ("TREAT", "TREAT"),
        ("TREAT", "ETREAT"),
        ("TREAT", "ERTREAT"),
        ("HPAYMT", "ELIGVER"),
        ("HRESCH", "CLINTRCHPC"),
        ("HOPERAT", "HTEST"),
        ("HSYSADMIN", "LABELING"),
        ("PATRQT", "FAMRQT"),
        ("PUBHLTH", "THREAT"),
    ],
)
def test_a_purpose_covers_itself_and_those_below(general: str, special: str) -> None:
    assert covers(general, special)


@pytest.mark.parametrize(
    ("general", "special"),
    [
        ("ETREAT", "TREAT"),
        ("TREAT", "HPAYMT"),
        ("CLINTRCH", "CLINTRL"),
        ("TRAIN", "MLTRAINING"),
        ("TREAT", "NOSUCH"),
        ("NOSUCH", "NOSUCH"),
        ("", ""),
        ("treat", "treat"),
    ],
)
def test_a_purpose_covers_nothing_else(general: str, special: str) -> None:
    assert not covers(general, special)


@hypothesis.given(purposes, purposes)
def test_two_different_purposes_never_cover_each_other_both_ways(one: str, other: str) -> None:
    assert one == other or not (covers(one, other) and covers(other, one))


@hypothesis.given(purposes, purposes, purposes)
def test_covering_goes_down_through_all_levels(top: str, middle: str, bottom: str) -> None:
    if covers(top, middle) and covers(middle, bottom):
        assert covers(top, bottom)
