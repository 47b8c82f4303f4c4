"""What all processes share: time, chance, numbers, who writes what, and the truth that is told."""

import random
from collections.abc import Callable
from typing import Any, TypeAlias

from services.cli.simulation.agenda import Agenda, day_of
from services.cli.simulation.departments import (
    Documents,
    Immunisations,
    Pharmacy,
    Scheduling,
)
from services.cli.simulation.imaging import Radiology
from services.cli.simulation.laboratory import Laboratory
from services.cli.simulation.numbers import Authority, Numbering
from services.cli.simulation.orders import Order, OrderEntry, order_fact
from services.cli.simulation.people import Person, Population
from services.cli.simulation.registration import Registration
from services.cli.simulation.stays import (
    CLINIC,
    HOSPITAL,
    Facility,
    Stay,
    encounter_fact,
    person_fact,
)
from services.cli.simulation.systems import SYSTEMS, Draft, Outbox

__all__ = ["Fact", "World"]

Fact: TypeAlias = dict[str, Any]
"""One line of the truth; `kind` says of what."""


class World:
    """The hospital, the clinic, their departments, and everybody who may come.

    What is over is told and forgotten, so the size follows from the persons and what is open.
    """

    def __init__(self, seed: int | str, begins: float, tell: Callable[[Fact], None]) -> None:
        """Open the doors.

        Args:
            seed: of everything that happens. Dirt has its own, so that it changes no life.
            begins: in seconds since 1970.
            tell: takes the truth about what is over.
        """
        self.agenda: Agenda[Draft] = Agenda(begins)
        self.chance = random.Random(f"{seed} life")  # noqa: S311 - invents, guards nothing
        self.numbering = Numbering()
        self.population = Population(seed, day_of(begins), self.numbering)
        self.everybody: list[Person] = []
        self._tell = tell
        self._stays: dict[str, Stay] = {}
        self._orders: dict[str, Order] = {}
        outboxes = {name: Outbox(system) for name, system in SYSTEMS.items()}
        self.registrations = {
            facility.name: Registration(facility, outboxes[facility.system])
            for facility in (HOSPITAL, CLINIC)
        }
        self.order_entry = OrderEntry(outboxes["orders"])
        self.laboratories = {
            HOSPITAL.name: Laboratory(outboxes["laboratory"], self.chance),
            CLINIC.name: Laboratory(outboxes["clinic-laboratory"], self.chance),
        }
        self.radiology = Radiology(outboxes["radiology"], self.chance)
        self.pharmacy = Pharmacy(outboxes["pharmacy"])
        self.scheduling = Scheduling(outboxes["scheduling"])
        self.documents = Documents(outboxes["documents"])
        self.immunisations = Immunisations(outboxes["immunisations"], self.chance)

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.agenda.now

    def happens(self, share: float) -> bool:
        """True in that share of cases."""
        return self.chance.random() < share

    def about(self, seconds: float) -> float:
        """A duration near the usual one: half of it to twice as much."""
        return seconds * self.chance.choice((0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0))

    def number(self, person: Person, authority: Authority) -> str:
        """A new number for a person."""
        value = self.numbering.next(authority)
        person.give(authority, value)
        return value

    def begin(self, stay: Stay) -> Stay:
        """Keep an encounter until it is over."""
        self._stays[stay.visit] = stay
        return stay

    def order(self, order: Order) -> Order:
        """Keep an order until it is over."""
        self._orders[order.key] = order
        return order

    def stays_of(self, person: Person) -> list[Stay]:
        """The encounters of a person that are not over."""
        return [stay for stay in self._stays.values() if stay.person is person]

    def over(self, one: Stay | Order) -> None:
        """Tell how it ended; nothing more will happen to it."""
        if isinstance(one, Stay):
            del self._stays[one.visit]
            self._tell(encounter_fact(one))
        else:
            del self._orders[one.key]
            self._tell(order_fact(one))

    def end(self) -> None:
        """Tell what is still open, and of all persons whom a system has heard of."""
        for stay in list(self._stays.values()):
            self.over(stay)
        for order in list(self._orders.values()):
            self.over(order)
        for person in self.everybody:
            if person.numbers:
                self._tell(person_fact(person))

    def registration(self, facility: Facility) -> Registration:
        """Who writes the ADT messages of a house."""
        return self.registrations[facility.name]
