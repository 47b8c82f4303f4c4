"""The HL7 null: a value that is deleted, as opposed to one of which nothing is said (v2.5.1 2.5.3)."""

import pytest

from plexus.api.canonical.v1.resources_pb2 import Resource
from services.transform.domain import Maps, SourceContext, convert

_NULL = '""'


def _person(maps: Maps, fields: dict[int, str], pd1: str = "") -> Resource:
    """The person of an update whose PID has these fields."""
    known = {1: "1", 3: "7^^^NORTH^MR", 5: "Quill^Anna", **fields}
    pid = "|".join(known.get(number, "") for number in range(1, 41))
    text = "\r".join([
        "MSH|^~\\&|ADT|NORTH|||20260301||ADT^A08^ADT_A01|C1|P|2.5.1",
        "EVN|A08|20260301",
        f"PID|{pid}",
        f"PD1|{pd1}",
        "PV1|1|I",
    ])  # fmt: skip
    event = convert(maps, text.encode(), SourceContext(tenant="t", source="adt", message_id="m"))
    (found,) = (each for each in event.resources if each.HasField("person"))
    return found


@pytest.mark.parametrize(
    ("field", "cleared"),
    [(7, "birth_date"), (8, "gender"), (11, "addresses"), (13, "telecoms"), (16, "marital_status")],
)
def test_null_says_that_the_field_is_cleared(maps: Maps, field: int, cleared: str) -> None:
    person = _person(maps, {field: _NULL})
    assert list(person.cleared) == [cleared]
    assert cleared not in {descriptor.name for descriptor, _ in person.person.ListFields()}
    assert not _person(maps, {}).cleared


def test_what_another_field_fills_is_not_cleared(maps: Maps) -> None:
    person = _person(maps, {13: _NULL, 14: "^^PH^^^555^0130"})
    assert not person.cleared
    assert len(person.person.telecoms) == 1


def test_null_in_a_further_segment_counts_for_the_person_too(maps: Maps) -> None:
    assert list(_person(maps, {}, pd1=f"|||{_NULL}").cleared) == ["general_practitioners"]


def test_identifiers_and_parts_of_a_value_are_not_cleared(maps: Maps) -> None:
    assert not _person(maps, {2: _NULL, 12: _NULL, 19: _NULL}).cleared
    assert not _person(maps, {11: f"{_NULL}^^Tocktown"}).cleared
