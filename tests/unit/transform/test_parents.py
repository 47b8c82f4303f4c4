"""Parents and children by OBR-26 and OBR-29: a culture and the susceptibilities of what grew."""

from collections.abc import Sequence

import pytest

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Observation, Resource, ServiceRequest
from services.transform.domain import Maps, SourceContext, convert

_HEAD = [
    "MSH|^~\\&|LAB|CENTRAL|||20260301||ORU^R01|C1|P|2.5.1",
    "PID|1||7^^^NORTH^MR||Quill^Anna",
]
_CULTURE = [
    f"OBR|1|P1^HIS|F1^LAB|CULT^Culture^L{'|' * 18}||||F",
    "OBX|1|CE|ORG^Organism^L|1|ECO^Escherichia coli^L||||||F",
    "OBX|2|CE|ORG^Organism^L|2|KLE^Klebsiella^L||||||F",
]


def _child(
    parent_result: str = "ORG&Organism&L^2", parent_order: str = "P1&HIS^F1&LAB"
) -> list[str]:
    fields = {1: "2", 2: "P1^HIS", 3: "F2^LAB", 4: "SUSC^Susceptibility^L", 25: "F"}
    fields |= {26: parent_result, 29: parent_order}
    obr = "|".join(fields.get(number, "") for number in range(1, 30))
    return [f"OBR|{obr}", "OBX|1|ST|AMP^Ampicillin^L|1|R||||||F"]


def _event(maps: Maps, *parts: Sequence[str]) -> CanonicalEvent:
    text = "\r".join([*_HEAD, *(line for part in parts for line in part)])
    return convert(maps, text.encode(), SourceContext(tenant="t", source="lab", message_id="m"))


def _order(event: CanonicalEvent, code: str) -> tuple[str, ServiceRequest]:
    (found,) = (
        each
        for each in event.resources
        if each.HasField("service_request") and each.service_request.code.codings[0].code == code
    )
    return found.key, found.service_request


def _results(event: CanonicalEvent) -> dict[tuple[str, str], tuple[str, Observation]]:
    def of(each: Resource) -> tuple[str, str]:
        return each.observation.code.codings[0].code, each.observation.sub_id

    return {
        of(each): (each.key, each.observation)
        for each in event.resources
        if each.HasField("observation")
    }


@pytest.mark.parametrize("child_first", [False, True])
def test_a_child_refers_to_the_order_and_the_result_it_comes_from(
    maps: Maps, child_first: bool
) -> None:
    parts = [_child(), _CULTURE] if child_first else [_CULTURE, _child()]
    event = _event(maps, *parts)
    parent_key, _ = _order(event, "CULT")
    _, child = _order(event, "SUSC")
    assert [(each.type, each.key) for each in child.based_on] == [("ServiceRequest", parent_key)]
    results = _results(event)
    klebsiella, _ = results["ORG", "2"]
    _, ampicillin = results["AMP", "1"]
    assert [(each.type, each.key) for each in ampicillin.derived_from] == [
        ("Observation", klebsiella)
    ]
    assert not results["ORG", "1"][1].derived_from


@pytest.mark.parametrize(
    ("parent_order", "number"), [("P9&HIS^F9&LAB", "F9"), ("P9&HIS", "P9"), ("^F9&LAB", "F9")]
)
def test_a_parent_of_another_message_is_named_by_its_number(
    maps: Maps, parent_order: str, number: str
) -> None:
    event = _event(maps, _child(parent_order=parent_order))
    _, child = _order(event, "SUSC")
    (reference,) = child.based_on
    assert (reference.type, reference.key) == ("ServiceRequest", "")
    assert reference.identifier.value == number
    assert not _results(event)["AMP", "1"][1].derived_from
    assert {"parent-result", "parent-result-sub-id"} <= {each.name for each in child.facts}


def test_of_several_tests_under_one_number_the_result_tells_the_parent(maps: Maps) -> None:
    other = ["OBR|9|P1^HIS|F1^LAB|GRAM^Stain^L", "OBX|1|ST|STAIN^Stain^L|1|negative||||||F"]
    event = _event(maps, other, _CULTURE, _child())
    _, child = _order(event, "SUSC")
    assert child.based_on[0].key == _order(event, "CULT")[0]


def test_the_same_number_of_another_authority_is_no_parent(maps: Maps) -> None:
    event = _event(maps, _CULTURE, _child(parent_order="^F1&ELSEWHERE"))
    _, child = _order(event, "SUSC")
    assert not child.based_on[0].key
