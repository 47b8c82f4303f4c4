"""One stay in the hospital, or one visit at the clinic, as it really is."""

import dataclasses
from typing import Any, Final

from services.cli.simulation.agenda import moment
from services.cli.simulation.care import Pathway
from services.cli.simulation.numbers import (
    HARBOR,
    HARBOR_STAFF,
    HARBOR_VISITS,
    HILLTOP,
    HILLTOP_STAFF,
    HILLTOP_VISITS,
    Authority,
)
from services.cli.simulation.people import Person

__all__ = ["CLINIC", "HOSPITAL", "Facility", "Stay", "encounter_fact", "person_fact"]


@dataclasses.dataclass(frozen=True, slots=True)
class Facility:
    """A house that numbers its own patients.

    Attributes:
        doctors: number, family and given name, title.
    """

    name: str
    system: str
    patients: Authority
    visits: Authority
    staff: Authority
    doctors: tuple[tuple[str, str, str, str], ...]


HOSPITAL: Final = Facility(
    "HARBOR", "registration", HARBOR, HARBOR_VISITS, HARBOR_STAFF,
    (
        ("10011", "Inkblot", "Iris", "Dr"), ("10012", "Microvane", "Lysander", "Dr"),
        ("10013", "Sundial", "Peregrine", "Dr"), ("10014", "Étagère", "Odile", "Dr"),
        ("10015", "Löwenzahn", "Käthe", "Dr"), ("10016", "Plumbline", "Marcus", "Dr"),
    ),
)  # fmt: skip
CLINIC: Final = Facility(
    "HILLTOP", "clinic", HILLTOP, HILLTOP_VISITS, HILLTOP_STAFF,
    (("2001", "Honeycomb", "Aurelia", "Dr"), ("2002", "Fenwick", "Otis", "Dr")),
)  # fmt: skip


@dataclasses.dataclass(slots=True, eq=False)
class Stay:
    """An encounter.

    Attributes:
        number: the person's number that the house uses for it.
        visit: its own number; also its name in the truth.
        kind: patient class of HL7 table 0004.
        status: planned, arrived, in-progress, onleave, finished, cancelled.
    """

    facility: Facility
    person: Person
    pathway: Pathway
    number: str
    visit: str
    doctor: tuple[str, str, str, str]
    kind: str = "I"
    status: str = "planned"
    ward: str = ""
    room: str = ""
    bed: str = ""
    left: str = ""
    planned_at: float | None = None
    admitted_at: float | None = None
    discharged_at: float | None = None
    diagnosed: bool = False
    operated_at: float | None = None

    @property
    def place(self) -> str:
        """As PL: point of care, room, bed, facility."""
        return f"{self.ward}^{self.room}^{self.bed}^{self.facility.name}"


def encounter_fact(stay: Stay) -> dict[str, Any]:
    """How an encounter ended, or stands."""
    times = {
        name: moment(at).isoformat()
        for name, at in (
            ("planned_at", stay.planned_at),
            ("admitted_at", stay.admitted_at),
            ("discharged_at", stay.discharged_at),
        )
        if at is not None
    }
    return {
        "kind": "encounter",
        "encounter": stay.visit,
        "authority": stay.facility.visits.name,
        "person": stay.person.key,
        "facility": stay.facility.name,
        "class": stay.kind,
        "status": stay.status,
        "ward": stay.ward,
        "reason": stay.pathway.name,
        **times,
    }


def person_fact(person: Person) -> dict[str, Any]:
    """Who a person is, with every number that any system gave."""
    fact: dict[str, Any] = {
        "kind": "person",
        "person": person.key,
        "family": person.family,
        "given": person.given,
        "sex": person.sex,
        "born": person.born.isoformat(),
        "home": f"{person.home.street}, {person.home.zip} {person.home.town}",
        "telephone": f"555 {person.home.phone}",
        "identifiers": [
            {
                "authority": number.authority.name,
                "oid": number.authority.oid,
                "value": number.value,
                "state": number.state,
                **({"successor": number.successor} if number.successor else {}),
            }
            for numbers in person.numbers.values()
            for number in numbers
        ],
    }
    for name in ("middle", "suffix", "prefix", "maiden"):
        if text := getattr(person, name):
            fact[name] = text
    if person.links:
        fact["links"] = sorted(list(link) for link in person.links)
    if person.mistaken_links:
        fact["mistaken_links"] = sorted(list(link) for link in person.mistaken_links)
    if person.birth_order:
        fact["birth_order"] = person.birth_order
    if person.mother is not None:
        fact["mother"] = person.mother.key
    if person.died_at is not None:
        fact["died_at"] = moment(person.died_at).isoformat()
    return fact
