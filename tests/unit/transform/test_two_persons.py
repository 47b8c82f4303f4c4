"""ADT events about two persons: who they are, and which of them is told of. Merges: test_visits."""

import pytest

from plexus.api.canonical.v1.event_pb2 import (
    EVENT_KIND_LINK,
    EVENT_KIND_MERGE,
    EVENT_KIND_MOVE,
    EVENT_KIND_UNLINK,
)
from plexus.errors import InvalidMessage, Reason
from services.transform.domain import Maps
from tests.unit.transform.messages import PID, contents, converted, residue, segment

OTHER = "PID|2||456^^^CLINIC^MR||Roe^Richard||19500101|M"


@pytest.mark.parametrize(("event", "kind"), [("A24", EVENT_KIND_LINK), ("A37", EVENT_KIND_UNLINK)])
def test_a_link_names_both_and_tells_of_the_first_only(maps: Maps, event: str, kind: int) -> None:
    made = converted(maps, f"ADT^{event}", PID, OTHER)
    assert made.kind == kind
    assert [each.value for each in made.subject] == ["123"]
    assert [each.value for each in made.prior] == ["456"]
    (person,) = contents(made, "person")
    assert [name.family for name in person.names] == ["Doe"]
    assert len(made.resources) == 1


def test_what_a_link_says_of_the_second_person_is_kept_as_residue(maps: Maps) -> None:
    made = converted(maps, "ADT^A24", PID, "PV1|1|I", OTHER, "PD1||||9^House^Gregory", "PV1|1|O")
    left = residue(made)
    assert left["PID[2]-5[1].1.1"] == "Roe"
    assert left["PD1[1]-4[1].1.1"] == "9"
    assert left["PV1[2]-2[1].1.1"] == "O"
    assert "PID[2]-3[1].1.1" not in left


@pytest.mark.parametrize("event", ["A24", "A37"])
@pytest.mark.parametrize(
    ("segments", "location"),
    [((PID,), "PID[2]-3"), ((PID, "PID|2||||Roe"), "PID[2]-3"), ((PID, OTHER, OTHER), "PID[3]-3")],
)
def test_a_link_of_one_person_or_of_three_is_refused(
    maps: Maps, event: str, segments: tuple[str, ...], location: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        converted(maps, f"ADT^{event}", *segments)
    assert caught.value.reason == Reason.REASON_MAPPING_FAILED
    assert caught.value.location == location


def test_a_number_that_moves_is_named_beside_the_person_that_it_moves_to(maps: Maps) -> None:
    made = converted(maps, "ADT^A43", PID, "MRG|77^^^HOSP^MR")
    assert made.kind == EVENT_KIND_MOVE
    assert [each.value for each in made.subject] == ["123"]
    assert [each.value for each in made.prior] == ["77"]


@pytest.mark.parametrize(
    ("event", "patient", "prior"),
    [
        ("A39", "PID||E9|123^^^HOSP^MR", segment("MRG", f1="123^^^HOSP^MR", f4="E7")),
        ("A46", "PID||E9|123^^^HOSP^MR", segment("MRG", f4="E7")),
        ("A48", segment("PID", f3="123^^^HOSP^MR", f4="E9"), segment("MRG", f2="E7")),
    ],
)
def test_numbers_outside_of_pid_3_are_merged_too(
    maps: Maps, event: str, patient: str, prior: str
) -> None:
    made = converted(maps, f"ADT^{event}", patient, prior)
    assert made.kind == EVENT_KIND_MERGE
    assert [each.value for each in made.subject] == ["123", "E9"]
    assert made.prior[-1].value == "E7"


def test_an_alternate_number_of_before_merges_nobody_by_other_events(maps: Maps) -> None:
    made = converted(maps, "ADT^A40", PID, "MRG|77^^^HOSP^MR|E7")
    assert [each.value for each in made.prior] == ["77"]


def test_a_person_that_a_source_deletes_is_deleted_and_the_visit_is_not(maps: Maps) -> None:
    made = converted(maps, "ADT^A29", PID, "PV1|1|I")
    (person,) = made.resources
    assert person.HasField("person")
    assert person.deleted
    assert residue(made)["PV1[1]-2[1].1.1"] == "I"


def moving(prior: str = "77^^^HOSP^MR", was: str = "V1", now: str = "V9") -> tuple[str, str]:
    return (
        segment("MRG", f1=prior, f5=was and f"{was}^^^HOSP^VN"),
        segment("PV1", f2="I", f19=f"{now}^^^HOSP^VN"),
    )


def test_a_visit_that_moves_is_named_and_the_event_has_it_as_it_is_now(maps: Maps) -> None:
    made = converted(maps, "ADT^A45", PID, *moving())
    assert made.kind == EVENT_KIND_MOVE
    assert [each.value for each in made.prior] == ["77"]
    assert [(each.type, each.key) for each in made.moved] == [("Encounter", "Encounter|HOSP|V1")]
    (stay,) = [each for each in made.resources if each.HasField("encounter")]
    assert stay.key == "Encounter|HOSP|V9"
    assert [(name.key, name.precedence) for name in stay.names] == [
        ("Encounter|HOSP|V9", 0),
        ("Encounter|HOSP|V1", 1),
    ]
    assert len(made.resources) == 2


def test_several_visits_move_by_one_message(maps: Maps) -> None:
    made = converted(maps, "ADT^A45", PID, *moving(), *moving(was="V2", now="V2"))
    assert [each.key for each in made.moved] == ["Encounter|HOSP|V1", "Encounter|HOSP|V2"]
    stays = [each for each in made.resources if each.HasField("encounter")]
    assert [each.key for each in stays] == ["Encounter|HOSP|V9", "Encounter|HOSP|V2"]
    assert not stays[1].names
    assert [each.value for each in made.prior] == ["77"]


@pytest.mark.parametrize(
    ("segments", "location"),
    [
        (moving(was=""), "MRG[1]-5"),
        ((*moving(), *moving("78^^^HOSP^MR", "V2", "V2")), "MRG[2]-1"),
    ],
)
def test_a_move_of_nothing_or_from_several_patients_is_refused(
    maps: Maps, segments: tuple[str, ...], location: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        converted(maps, "ADT^A45", PID, *segments)
    assert caught.value.location == location
