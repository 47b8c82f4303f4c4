"""Names of orders and reports. What records does with them: tests/unit/records/test_records_names."""

import pytest

from plexus.api.canonical.v1.resources_pb2 import Resource
from services.transform.domain import Maps, SourceContext, convert

_MSH = "MSH|^~\\&|LAB|CENTRAL|||20260301||ORU^R01|C1|P|2.5.1"
_PID = "PID|1||7^^^NORTH^MR||Quill^Anna"


def _named(maps: Maps, placer: str, filler: str) -> dict[str, Resource]:
    """The order and the report of a message, by their types."""
    text = "\r".join([
        _MSH,
        _PID,
        f"OBR|1|{placer}|{filler}|CBC^Count^L|||20260301|||||||||||||||||F",
        "OBX|1|NM|HGB^Haemoglobin^L||7|mmol/L|||||F",
    ])  # fmt: skip
    event = convert(maps, text.encode(), SourceContext(tenant="t", source="lab", message_id="m"))
    found = {each.WhichOneof("content") or "": each for each in event.resources}
    return {"order": found["service_request"], "report": found["diagnostic_report"]}


def _names(resource: Resource) -> list[tuple[str, int]]:
    return [(each.key, each.precedence) for each in resource.names]


def test_each_number_makes_a_name_the_better_one_first(maps: Maps) -> None:
    named = _named(maps, "P1^HIS", "F1^LAB")
    assert _names(named["order"]) == [
        ("ServiceRequest|HIS|P1|CBC@L", 0),
        ("ServiceRequest|LAB|F1|CBC@L", 1),
    ]
    assert _names(named["report"]) == [
        ("DiagnosticReport|LAB|F1|CBC@L", 0),
        ("DiagnosticReport|HIS|P1|CBC@L", 1),
    ]
    for resource in named.values():
        assert resource.key == resource.names[0].key


@pytest.mark.parametrize(("placer", "filler"), [("P1^HIS", ""), ("", "F1^LAB")])
def test_a_lone_number_is_a_name_where_a_better_one_may_exist(
    maps: Maps, placer: str, filler: str
) -> None:
    named = _named(maps, placer, filler)
    lacks_better = "report" if placer else "order"
    for what, resource in named.items():
        expected = [(resource.key, 1)] if what == lacks_better else []
        assert _names(resource) == expected


def test_the_same_number_has_the_same_name_whatever_else_a_message_knows(maps: Maps) -> None:
    both, filler = _named(maps, "P1^HIS", "F1^LAB"), _named(maps, "", "F1^LAB")
    assert filler["order"].key in {key for key, _ in _names(both["order"])}


def test_without_a_number_there_is_no_name(maps: Maps) -> None:
    assert not any(each.names for each in _named(maps, "", "").values())
