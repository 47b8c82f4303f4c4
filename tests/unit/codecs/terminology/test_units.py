"""UCUM expressions, and the words of laboratories for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.terminology import is_ucum, normalise, unit_aliases
from plexus.codecs.terminology.ucum import factors

TABLES = (
    unit_aliases.ALIASES,
    unit_aliases.FOLDED,
    unit_aliases.COUNTS,
    unit_aliases.MEASURES,
    unit_aliases.DIVISORS,
)


@pytest.mark.parametrize(
    "expression",
    [
        "mg/dL", "mm[Hg]", "10*3/uL", "10^9/L", "mL/min/{1.73_m2}", "m2", "kg.m/s2", "cm[H2O]",
        "/[HPF]", "[degF]", "%", "1", "100", "{score}", "mg{creat}/dL", "mg/(24.h)", "m-1", "s+2",
        "10*-3", "u[IU]/mL", "ng{FEU}/mL", "/100{WBC}", "g/(8.h){shift}", "dB[SPL]", "[m/s2/Hz^(1/2)]",
        "[Amb'a'1'U]", "Kibit", "daPa", "(mg/dL)/(mmol/L)", "/(m.s)",
    ],
)  # fmt: skip
def test_ucum_is_recognised(expression: str) -> None:
    assert is_ucum(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "", "mmHg", "K/uL ", "MG/DL", "mEq/L", "sec", "mg//dL", "mg/", "(mg", "mg)", "{a b}", "{a", "[IU",
        "kmin", "k%", "dada", "mg dL", "/", ".", "mg.", "kk", "10*x", "[unknown]", "mkg",
        "{}", "x" * 200, "((((mg))))x", "ſ", "２",  # noqa: RUF001 - letters and digits that are not ASCII
    ],
)  # fmt: skip
def test_anything_else_is_not(expression: str) -> None:
    assert not is_ucum(expression)


def test_parts_say_prefix_unit_and_place() -> None:
    assert factors("mg/(dL.h)") == (
        ("mg", "m", "g", False),
        ("dL", "d", "L", True),
        ("h", "", "h", True),
    )


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("mmHg", "mm[Hg]"), ("mm Hg", "mm[Hg]"), ("K/uL", "10*3/uL"), ("k/ul", "10*3/uL"),
        ("K/cumm", "10*3/mm3"), ("M/uL", "10*6/uL"), ("Thousand/uL", "10*3/uL"), ("mEq/L", "meq/L"),
        ("mg/dl", "mg/dL"), ("MG/DL", "mg/dL"), ("Mg/dL", "mg/dL"), ("IU/L", "[IU]/L"), ("U/L", "U/L"),
        ("u/l", "U/L"), ("cells/mcL", "{cells}/uL"), ("x10E3/uL", "10*3/uL"), ("x10(3)/uL", "10*3/uL"),
        ("10^9/L", "10*9/L"), ("x10^9/L", "10*9/L"), ("%", "%"), ("g/dL", "g/dL"), ("bpm", "{beats}/min"),
        ("degF", "[degF]"), ("°C", "Cel"), ("Cel", "Cel"), ("sec", "s"), ("hrs", "h"), ("yrs", "a"),
        ("mcg", "ug"), ("µg/L", "ug/L"), ("μg/L", "ug/L"), ("lbs", "[lb_av]"), ("in", "[in_i]"), ("ratio", "{ratio}"),
        ("ft", "[ft_i]"), ("units/mL", "{units}/mL"), ("/hpf", "/[HPF]"), ("copies/mL", "{copies}/mL"),
        ("EIA units", "{EIA_units}"), ("index", "{index}"), ("uIU/mL", "u[IU]/mL"), ("MIU/L", "m[IU]/L"),
        ("mL/min/1.73 m2", "mL/min/{1.73_m2}"), ("mcg/kg/min", "ug/kg/min"), ("mm/hr", "mm/h"),
        ("mg/24h", "mg/(24.h)"), ("mOsm/kg", "mosm/kg"), ("kg/m^2", "kg/m2"), ("pH", "[pH]"),
        ("GM/DL", "g/dL"), ("gm%", "g/dL"), ("Gpt/l", "10*9/L"), ("T/L", "10*12/L"), ("fl", "fL"),
        ("mg/g creat", "mg/g{creat}"), ("ng/mL FEU", "ng{FEU}/mL"), ("10³/µL", "10*3/uL"), ("10⁹/L", "10*9/L"), ("kg/m²", "kg/m2"), ("m²", "m2"),
    ],
)  # fmt: skip
def test_words_of_laboratories_are_known(sent: str, code: str) -> None:
    assert normalise(sent).code == code
    assert normalise(f"  {sent} ").code == code


@pytest.mark.parametrize(
    "sent",
    [
        "", " ", "5", "10", "1", "G/L", "m/uL", "mil/uL", "MU", "U", "u", "U/h", "U/kg", "MIU/kg", "oz", "fl oz",
        "pt", "tsp", "tbsp", "gr", "K", "G", "T", "M", "C", "F", "M/L", "K/L", "furlong", "mg/dL high",
        "mg//dL", "/", "mg/", "x" * 500, "a", "gal", "cup", "eu/ml", "rpm",
    ],
)  # fmt: skip
def test_what_may_mean_two_things_stays_unknown(sent: str) -> None:
    assert normalise(sent) == ("", "unknown")


@pytest.mark.parametrize(
    ("sent", "how"),
    [("mg/dL", "ucum"), ("mg/dl", "spelling"), ("10^3/uL", "spelling"), ("mmHg", "alias")],
)
def test_how_it_is_known_is_told(sent: str, how: str) -> None:
    assert normalise(sent).how == how


def test_every_alias_means_a_ucum_expression() -> None:
    meanings = {code for table in TABLES for code in table.values()} - {""}
    assert [code for code in meanings if not is_ucum(code)] == []
    assert sum(len(table) for table in TABLES) > 400


def test_folded_words_can_be_met() -> None:
    for table in (unit_aliases.FOLDED, unit_aliases.MEASURES, unit_aliases.DIVISORS):
        assert [word for word in table if word != word.lower().replace(" ", "")] == []


def test_every_quotient_of_known_words_is_ucum() -> None:
    for measure in unit_aliases.MEASURES:
        for divisor in unit_aliases.DIVISORS:
            code = normalise(f"{measure}/{divisor}").code
            assert not code or is_ucum(code), (measure, divisor)


@given(st.text(max_size=60))
def test_whatever_is_found_is_ucum_and_stays_itself(text: str) -> None:
    found = normalise(text)
    assert (found.code == "") == (found.how == "unknown")
    if found.code:
        assert is_ucum(found.code)


ATOMS = st.sampled_from(
    ["mg", "dL", "L", "mmol", "h", "min", "m2", "kg", "10*3", "uL", "[IU]", "ng"]
)


@given(st.lists(ATOMS, min_size=2, max_size=4).map("/".join))
def test_usual_ucum_means_itself(expression: str) -> None:
    assert is_ucum(expression)
    assert normalise(expression) in {(expression, "ucum"), ("", "unknown")}
