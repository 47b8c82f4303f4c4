"""Orders of medicines beyond what other orders have: how much, how strong, and who is to dispense them."""

import pytest

from plexus.api.canonical.v1 import resources_pb2
from services.transform.domain import Maps
from tests.unit.transform.messages import PID, contents, converted, segment

ORC = "ORC|NW|P1^HOSP"
ORDERED = {"f1": "A^Aspirin^L", "f2": "100", "f4": "mg", "f5": "TAB^Tablet^L"}
PHARMACY = {"f32": "7^West Pharmacy^L", "f33": "1 Mill Road^^Town", "f36": "^WPN^PH^^^555^0100"}


def request(maps: Maps, kind: str, *lines: str) -> resources_pb2.MedicationRequest:
    (made,) = contents(converted(maps, kind, PID, ORC, *lines), "medication_request")
    assert isinstance(made, resources_pb2.MedicationRequest)
    return made


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("OMP^O09", segment("RXO", **ORDERED, f18="50", f19="mg", f23="3^mg", f25="5", f26="mL")),
        ("RDE^O11", segment("RXE", f2="A^B^L", f19="3^mg", f25="50", f26="mg", f33="5", f34="mL")),
    ],
)
def test_a_medicine_has_its_strength_in_so_much_and_the_most_for_a_day(
    maps: Maps, kind: str, line: str
) -> None:
    made = request(maps, kind, line)
    (dosage,) = made.dosages
    assert (dosage.most_per_day.value, dosage.most_per_day.unit) == ("3", "mg")
    (ingredient,) = made.ingredients
    assert (ingredient.amount.value, ingredient.per.value, ingredient.per.unit) == ("50", "5", "mL")


def test_the_pharmacy_is_a_body_with_address_and_number(maps: Maps) -> None:
    event = converted(maps, "OMP^O09", PID, ORC, segment("RXO", **ORDERED, **PHARMACY))
    (body,) = contents(event, "organization")
    assert (body.name, body.addresses[0].city) == ("West Pharmacy", "Town")
    assert body.telecoms[0].value == "555 0100"
    (order,) = contents(event, "medication_request")
    assert order.dispenser.key in {r.key for r in event.resources if r.HasField("organization")}


def test_what_was_ordered_holds_where_the_pharmacy_says_nothing_of_it(maps: Maps) -> None:
    rxo = segment("RXO", **ORDERED, **PHARMACY, f6="^Keep cool", f7="^Slowly", f14="7^Gray^Gil")
    made = request(maps, "RDE^O11", rxo, "RXE||B^Aspirin 50^L|50||mg")
    assert made.medication.codings[0].code == "B"
    assert made.form.codings[0].code == "TAB"
    assert [n.text for n in made.notes] == ["^Keep cool"]
    assert [i.codings[0].display for i in made.dosages[0].instructions] == ["Slowly"]
    assert (made.requester.display, made.dispenser.display) == ("Gil Gray", "West Pharmacy")


def test_what_the_pharmacy_says_holds_before_what_was_ordered(maps: Maps) -> None:
    rxo = segment("RXO", **ORDERED, **PHARMACY, f6="^Keep cool", f7="^Slowly", f14="7^Gray^Gil")
    rxe = segment(
        "RXE", f2="B^Aspirin 50^L", f6="CAP^Capsule^L", f7="^At once~^With food", f13="8^Teal^Tim",
        f21="Dry", f40="9^East Pharmacy^L",
    )  # fmt: skip
    made = request(maps, "RDE^O11", rxo, rxe)
    assert made.form.codings[0].code == "CAP"
    assert [n.text for n in made.notes] == ["Dry"]
    said = [i.codings[0].display for i in made.dosages[0].instructions]
    assert said == ["At once", "With food"]
    assert (made.requester.display, made.dispenser.display) == ("Tim Teal", "East Pharmacy")


def test_an_order_without_words_of_the_pharmacy_is_told_once(maps: Maps) -> None:
    rxo = segment("RXO", **ORDERED, f6="^Keep cool", f7="^Slowly")
    made = request(maps, "RDE^O11", rxo)
    assert [n.text for n in made.notes] == ["^Keep cool"]
    assert len(made.dosages[0].instructions) == 1
