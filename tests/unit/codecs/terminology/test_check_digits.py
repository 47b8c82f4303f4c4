"""Check digits of LOINC and SNOMED CT."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.terminology import (
    has_loinc_check_digit,
    has_snomed_check_digit,
    loinc_check_digit,
)

NUMBERS = st.integers(1, 9_999_999).map(str)


@pytest.mark.parametrize("code", ["2345-7", "718-7", "4548-4", "30525-0", "8867-4", "94500-6"])
def test_published_loinc_numbers_have_their_digit(code: str) -> None:
    assert has_loinc_check_digit(code)


@given(NUMBERS, st.integers(0, 9))
def test_exactly_one_digit_fits_a_number(number: str, digit: int) -> None:
    assert has_loinc_check_digit(f"{number}-{digit}") == (str(digit) == loinc_check_digit(number))


@given(NUMBERS, st.data())
def test_one_wrong_digit_is_noticed(number: str, data: st.DataObject) -> None:
    code = f"{number}-{loinc_check_digit(number)}"
    at = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != code[at]]))
    assert not has_loinc_check_digit(code[:at] + wrong + code[at + 1 :])


@pytest.mark.parametrize("code", ["LA6576-8", "LP14559-6", "LL715-4", "LG100-4"])
def test_parts_and_answers_are_not_held_to_a_digit(code: str) -> None:
    assert has_loinc_check_digit(code)


@pytest.mark.parametrize("code", ["", "2345", "2345-", "2345-77", "GLU", "2345 -7", "LX1-1", "-7"])
def test_what_has_not_the_form_has_no_digit(code: str) -> None:
    assert not has_loinc_check_digit(code)


@pytest.mark.parametrize("code", ["73211009", "38341003", "22298006", "900000000000207008"])
def test_published_snomed_identifiers_have_their_digit(code: str) -> None:
    assert has_snomed_check_digit(code)


@given(st.sampled_from(["73211009", "404684003", "900000000000207008"]), st.data())
def test_wrong_digit_or_swapped_neighbours_are_noticed(code: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(code) - 2))
    wrong = data.draw(st.sampled_from([d for d in "0123456789" if d != code[at]]))
    assert not has_snomed_check_digit(code[:at] + wrong + code[at + 1 :])
    if code[at] != code[at + 1]:
        swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
        assert not has_snomed_check_digit(swapped)
