"""Messages about nobody: read, typed, and shown to who looks at them; no part of any record."""

import pytest

from plexus.errors import InvalidMessage, Reason
from services.transform.domain import Maps, convert
from tests.unit.transform.messages import (
    CONTEXT,
    PID,
    contents,
    converted,
    message,
    residue,
    segment,
)

STF = segment("STF", f1="S1", f2="S1^^^HOSP", f3="Gray^Gil^^^Dr", f5="M", f7="A", f18="MD^Doctor^L")


@pytest.mark.parametrize(
    "kind",
    ["MFN^M02", "MFN^M13", "QBP^Q22", "QBP^Q23", "QRY^A19", "RSP^K22", "RSP^K23", "ADR^A19", "ACK^A01", "ACK"],
)  # fmt: skip
def test_the_mesh_takes_none_of_them_and_a_look_shows_them_without_an_error(
    maps: Maps, kind: str
) -> None:
    content = message(kind, "MSA|AA|1", STF)
    with pytest.raises(InvalidMessage) as refused:
        convert(maps, content, CONTEXT)
    assert (refused.value.reason, refused.value.location) == (
        Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
        "MSH-9",
    )
    event = convert(maps, content, CONTEXT, needs_person=False)
    assert event.trigger == kind
    assert not event.issues
    assert residue(event)["MSA[1]-1[1].1.1"] == "AA"


def test_staff_is_a_person_and_the_part_they_play(maps: Maps) -> None:
    pra = segment("PRA", f5="CAR&Cardiology&L^^", f6="7^NPI")
    event = convert(
        maps, message("MFN^M02", "MFI|STF", "MFE|MAD|1||S1", STF, pra), CONTEXT, needs_person=False
    )
    (person,), (role,) = contents(event, "practitioner"), contents(event, "practitioner_role")
    assert (person.names[0].family, person.gender, person.active) == ("Gray", "male", True)
    assert [i.value for i in person.identifiers] == ["S1", "7"]
    assert role.specialties[0].codings[0].code == "CAR"
    assert role.practitioner.key in {r.key for r in event.resources}


def test_a_place_and_a_test_are_what_their_files_say(maps: Maps) -> None:
    place = convert(
        maps, message("MFN^M05", "LOC|W^1^A^HOSP|Bed A|B^Bed^L"), CONTEXT, needs_person=False
    )
    (bed,) = contents(place, "location")
    assert (bed.name, bed.physical_type, bed.identifiers[0].value) == ("Bed A", "bed", "A")
    test = convert(
        maps, message("MFN^M08", "OM1|1|GLU^Glucose^L|NM", "OM2|1|mg/dL^^UCUM"), CONTEXT, needs_person=False
    )  # fmt: skip
    (made,) = contents(test, "observation_definition")
    assert (made.code.codings[0].code, list(made.data_types)) == ("GLU", ["Quantity"])
    assert made.unit.codings[0].code == "mg/dL"


@pytest.mark.parametrize("event", ["A35", "A41", "A49"])
def test_another_number_of_an_account_merges_no_persons(maps: Maps, event: str) -> None:
    made = converted(
        maps, f"ADT^{event}", segment("PID", f3="1^^^HOSP^MR", f18="A2^^^HOSP"), "MRG|1^^^HOSP^MR||A1^^^HOSP"
    )  # fmt: skip
    assert not made.prior
    states = {a.identifiers[0].value: a.status for a in contents(made, "account")}
    assert states == {"A2": "active", "A1": "unknown"}


@pytest.mark.parametrize(("event", "field"), [("A42", "f5"), ("A50", "f5"), ("A51", "f6")])
def test_a_visit_keeps_the_number_that_it_had(maps: Maps, event: str, field: str) -> None:
    visit = segment("PV1", f2="I", f19="V2^^^HOSP^VN")
    mrg = segment("MRG", f1="1^^^HOSP^MR", **{field: "V1^^^HOSP^VN"})
    (made,) = contents(converted(maps, f"ADT^{event}", PID, mrg, visit), "encounter")
    assert {(i.value, i.use) for i in made.identifiers} == {("V2", ""), ("V1", "old")}
