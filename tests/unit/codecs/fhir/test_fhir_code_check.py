"""Codes and units that exist, and what becomes of those that do not."""

import pytest

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.codecs.fhir.code_check import is_code_of
from plexus.codecs.fhir.datatypes import coding
from plexus.codecs.fhir.definitions import code_system
from plexus.codecs.fhir.quantities import quantity
from plexus.codecs.terminology import is_ucum

_THO = "http://terminology.hl7.org/CodeSystem"


@pytest.mark.parametrize(
    "unit",
    [
        "1", "%", "mmol/L", "10*3/uL", "10^9/L", "mm[Hg]", "g/dL", "meq/L", "[IU]/L", "m[IU]/mL", "/min",
        "{score}", "mL/min/{1.73_m2}", "umol/L{creat}", "mg/(24.h)", "U/(10.g){feces}", "kg.m/s2", "m-2",
        "Cel", "[degF]", "[pH]", "cal_[15]", "dB[SPL]", "daL", "10*-3/L", "/[HPF]", "ug/(kg.h)",
    ],
)  # fmt: skip
def test_units_of_ucum_are_known(unit: str) -> None:
    assert is_ucum(unit)


@pytest.mark.parametrize(
    "unit",
    [
        "", "mmHg", "mEq/L", "x", "x10^3", "//m", "m//s", "m/", "(m", "m)", "cel", "{a b}", "{", "µmol/L", "mg dL",
        "k[Hg]", "kmin", "(" * 500 + "m" + ")" * 500, "m" * 500, "mmol/l/", "2.m.",
    ],
)  # fmt: skip
def test_what_is_no_unit_of_ucum_is_told(unit: str) -> None:
    assert not is_ucum(unit)


def test_codes_are_looked_up_where_all_are_known() -> None:
    assert is_code_of(f"{_THO}/v2-0203", "MR")
    assert is_code_of(f"{_THO}/v2-0203", "PGN"), "added since R4"
    assert not is_code_of(f"{_THO}/v2-0203", "JUNK")
    assert code_system("http://example.org") is None
    assert is_code_of("http://example.org", "JUNK")
    assert is_code_of("http://snomed.info/sct", "404684003:363698007=39057004")


def test_a_code_that_is_not_of_its_system_leaves_as_one_of_the_sender() -> None:
    known = canonical.Coding(system="http://loinc.org", code="718-7")
    assert coding(known)["system"] == "http://loinc.org"
    wrong = canonical.Coding(system="http://loinc.org", code="LAB608", display="Hb")
    assert coding(wrong) == {
        "system": "urn:plexus:codesystem:http%3A%2F%2Floinc.org",
        "code": "LAB608",
        "display": "Hb",
    }


def test_a_unit_that_is_not_of_ucum_leaves_as_words() -> None:
    pressure = canonical.Quantity(value="", system="http://unitsofmeasure.org", code="mmHg")
    assert quantity(pressure) == {"unit": "mmHg"}
    pressure.code, pressure.unit = "mm[Hg]", "mmHg"
    assert quantity(pressure) == {
        "unit": "mmHg",
        "system": "http://unitsofmeasure.org",
        "code": "mm[Hg]",
    }
