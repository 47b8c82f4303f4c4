"""Which identifiers name a person. What the index does with them: test_identity_actor."""

import pytest

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from services.identity.domain.identifiers import Name, identifying, is_placeholder
from tests.unit.identity.identity_material import TENANT, number


@pytest.mark.parametrize(
    "value",
    ["0", "0000", "99999", "999-99-9999", "UNKNOWN", "n/a", "None", "xxxx", "--", "", "123456789"],
)
def test_what_is_typed_in_for_want_of_a_number_is_a_placeholder(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["1", "77", "N100205", "10000", "00012", "UNKE1"])
def test_a_real_number_is_no_placeholder(value: str) -> None:
    assert not is_placeholder(value)


@pytest.mark.parametrize("type_code", ["SS", "AN", "VN", "ss", "SN"])
def test_numbers_of_accounts_visits_and_social_security_name_nobody(type_code: str) -> None:
    assert identifying(TENANT, [number("4711", type_code=type_code)]) == []


def test_an_identifier_is_known_by_both_names_of_its_authority() -> None:
    (found,) = identifying(TENANT, [number(" 4711 ", ("North", "urn:oid:2.999.1"))])
    assert found.names == (Name(TENANT, "2.999.1", "4711"), Name(TENANT, "north", "4711"))


def test_an_identifier_that_comes_twice_counts_once_and_order_is_kept() -> None:
    found = identifying(TENANT, [number("2"), number("1"), number("2")])
    assert [each.names[0].value for each in found] == ["2", "1"]


def test_an_identifier_without_authority_or_beyond_any_registry_is_left_out() -> None:
    assert identifying(TENANT, [Identifier(value="4711")]) == []
    assert identifying(TENANT, [number("4" * 256 + "2")]) == []
    assert identifying(TENANT, [number("47\x0011")]) == []
