"""Which records are worth comparing. Looking keys up in PostgreSQL: tests/integration."""

import pytest
from hypothesis import given

from services.identity.domain.blocking import SHARED, blocking_keys
from services.identity.domain.normalisation import Features
from tests.unit.identity.identity_material import TENANT
from tests.unit.identity.people_material import PEOPLE, features


def numbers(features: Features, tenant: str = TENANT) -> set[int]:
    return {key.number for key in blocking_keys(tenant, features)}


@pytest.mark.parametrize(
    "other",
    [
        features("Whitfeild", "Hariet", phone=""),
        features("Moor", phone="", street="", city=""),
        features("Harriet", "Whitfield", born="1980-02-14", phone=""),
        features(born="", phone="", given="Hattie"),
        features("Whitfield", "", born="1980-13-02", phone="", city="", street=""),
        features("Other", "Name", born="", street="", city=""),
    ],
    ids=["mistyped", "married and moved", "swapped", "no date", "turned date", "telephone only"],
)
def test_records_of_one_person_share_a_key_in_spite_of_mistakes(other: Features) -> None:
    assert numbers(features()) & numbers(other)


def test_people_of_two_tenants_share_no_key() -> None:
    assert not numbers(features()) & numbers(features(), "another")


def test_a_record_of_placeholders_has_no_key() -> None:
    nobody = features("UNKNOWN", "", born="1900-01-01", phone="555-5555", street="", city="")
    assert not numbers(nobody)


@given(PEOPLE)
def test_keys_are_few_and_those_of_one_value_say_which(features: Features) -> None:
    keys = blocking_keys(TENANT, features)
    assert len(keys) < 40
    assert all(bool(key.value) == (key.pass_name in SHARED) for key in keys)
    assert keys == blocking_keys(TENANT, features)
