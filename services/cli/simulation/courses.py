"""Courses of stays: from the booking to the letter, with what goes wrong on the way.

Cancelled here means that the hospital took an event back (A11, A12, A13, A38), which is no dirt: the
messages are right.
"""

from collections.abc import Iterator

from services.cli.simulation.agenda import DAY, HOUR, MINUTE, day_of, opening
from services.cli.simulation.care import Pathway
from services.cli.simulation.numbers import SLOTS
from services.cli.simulation.orders import Order
from services.cli.simulation.people import Person
from services.cli.simulation.registration import Registration
from services.cli.simulation.requests import Requests
from services.cli.simulation.stays import CLINIC, HOSPITAL, Facility, Stay
from services.cli.simulation.systems import Draft
from services.cli.simulation.world import World

__all__ = ["Courses"]

_Process = Iterator[float | Draft]

_DIED = "20"
_HOME = "01"
_DEADLY = frozenset({"pneumonia", "heart-failure", "stroke"})


class Courses:
    """Processes of one stay each. The caller has registered the person."""

    def __init__(self, world: World, requests: Requests) -> None:
        self._world = world
        self._requests = requests

    def stay(self, facility: Facility, person: Person, pathway: Pathway, number: str) -> Stay:
        """A new stay, with its visit number and a doctor; nothing is sent yet."""
        world = self._world
        doctor = world.chance.choice(facility.doctors)
        visit = world.numbering.next(facility.visits)
        stay = Stay(facility, person, pathway, number, visit, doctor)
        stay.kind = "I" if pathway.days else "O"
        self._move(stay, pathway.wards[0])
        return world.begin(stay)

    def planned(self, stay: Stay) -> _Process:
        """Booked, perhaps moved or called off, then as admitted; or an outpatient visit."""
        world, registration = self._world, self._registration(stay)
        booking = Order(
            "appointment", "", stay.person, stay.facility.patients, stay.number, stay=stay
        )
        booking.filler = world.numbering.next(SLOTS)
        world.order(booking)
        begins = opening(world.now + world.about(2 * DAY))
        stay.planned_at = begins
        yield world.scheduling.send("S12", booking, stay, begins, world.now)
        if world.happens(0.15):
            yield world.about(2 * HOUR)
            begins = opening(begins + 4 * HOUR)
            stay.planned_at = begins
            yield world.scheduling.send("S13", booking, stay, begins, world.now)
        elif world.happens(0.15):
            yield world.about(2 * HOUR)
            stay.doctor = world.chance.choice(stay.facility.doctors)
            yield world.scheduling.send("S14", booking, stay, begins, world.now)
        if stay.kind == "I":
            yield max(HOUR, begins - DAY - world.now)
            yield registration.visit("A05", stay, world.now, "pre-admit")
        called_off = "S15" if world.happens(0.12) else "S26" if world.happens(0.09) else ""
        if called_off:
            yield max(60.0, begins - world.now + (HOUR if called_off == "S26" else -HOUR))
            yield world.scheduling.send(called_off, booking, stay, begins, world.now)
            stay.status = "cancelled"
            if stay.kind == "I":
                yield registration.visit("A38", stay, world.now, "cancel-pre-admit")
            world.over(booking)
            world.over(stay)
            return
        yield max(60.0, begins - world.now)
        booking.status = "fulfilled"
        world.over(booking)
        if stay.kind == "I":
            yield from self.admitted(stay)
        else:
            yield from self.visited(stay)

    def emergency(self, stay: Stay) -> _Process:
        """Arrived at the emergency department, then home or into a bed."""
        world, registration = self._world, self._registration(stay)
        stays = stay.kind == "I"
        stay.kind, stay.status, stay.admitted_at = "E", "in-progress", world.now
        ward = stay.ward
        self._move(stay, "ED")
        yield registration.visit("A04", stay, world.now, "arrive")
        self._order(stay)
        if stay.person.unknown:
            yield world.about(3 * HOUR)
            yield from self._identified(stay)
        yield world.about(2 * HOUR)
        if not stays:
            stay.diagnosed = True
            yield from self._discharged(stay)
            return
        stay.kind, stay.left = "I", stay.place
        self._move(stay, ward if ward != "ED" else stay.pathway.wards[0])
        yield registration.visit("A06", stay, world.now, "admit")
        yield from self._lain(stay)

    def admitted(self, stay: Stay) -> _Process:
        """Admitted straight into a bed; sometimes the wrong person was, and it is taken back."""
        world, registration = self._world, self._registration(stay)
        stay.status, stay.admitted_at = "in-progress", world.now
        yield registration.visit("A01", stay, world.now, "admit")
        if world.happens(0.06):
            yield world.about(10 * MINUTE)
            stay.status = "cancelled"
            yield registration.visit("A11", stay, world.now, "cancel-admit")
            world.over(stay)
            yield world.about(30 * MINUTE)
            again = self.stay(stay.facility, stay.person, stay.pathway, stay.number)
            again.status, again.admitted_at = "in-progress", world.now
            yield registration.visit("A01", again, world.now, "admit")
            stay = again
        self._order(stay)
        yield from self._lain(stay)

    def visited(self, stay: Stay) -> _Process:
        """An outpatient's visit of some hours, in the hospital or at the clinic."""
        world, registration = self._world, self._registration(stay)
        stay.status, stay.admitted_at = "in-progress", world.now
        yield registration.visit("A04", stay, world.now, "arrive")
        self._order(stay)
        yield world.about(HOUR)
        stay.diagnosed = True
        if world.happens(0.6):
            yield registration.visit("A08", stay, world.now, "update")
            yield world.about(20 * MINUTE)
        yield from self._discharged(stay)

    def lain_in(self, stay: Stay, until: float) -> _Process:
        """A newborn's stay, which ends with its mother's."""
        yield max(60.0, until - self._world.now)
        stay.diagnosed = True
        yield from self._discharged(stay)

    def _lain(self, stay: Stay) -> _Process:
        """Days in bed: other wards, leave, an operation, tests every morning."""
        world, registration = self._world, self._registration(stay)
        pathway = stay.pathway
        leaves = world.now + world.about(pathway.days * DAY)
        yield world.about(3 * HOUR)
        if not stay.diagnosed:
            stay.diagnosed = True
            yield registration.visit("A08", stay, world.now, "update")
        while world.now < leaves:
            yield min(world.about(10 * HOUR), max(60.0, leaves - world.now))
            drawn = world.chance.random()
            if pathway.procedure and stay.operated_at is None:
                stay.operated_at = world.now
                yield registration.visit("A08", stay, world.now, "operate")
            elif drawn < 0.2:
                yield from self._transferred(stay)
            elif drawn < 0.24:
                yield from self._on_leave(stay)
            elif drawn < 0.7 and pathway.panels:
                names = [name for name in pathway.panels[:2] if name != "culture"]
                world.agenda.start(self._requests.laboratory(stay, names))
        if (
            pathway.name in _DEADLY
            and stay.person.age(day_of(world.now)) > 65
            and world.happens(0.08)
        ):
            stay.person.died_at = world.now
        yield from self._discharged(stay)

    def _discharged(self, stay: Stay) -> _Process:
        world, registration = self._world, self._registration(stay)
        stay.status, stay.discharged_at = "finished", world.now
        died = stay.person.died_at is not None
        disposition = _DIED if died else _HOME
        yield registration.visit("A03", stay, world.now, "discharge", disposition=disposition)
        if stay.kind == "I" and not died and world.happens(0.04):
            yield world.about(20 * MINUTE)
            stay.status, stay.discharged_at = "in-progress", None
            yield registration.visit("A13", stay, world.now, "cancel-discharge")
            yield world.about(10 * HOUR)
            stay.status, stay.discharged_at = "finished", world.now
            yield registration.visit("A03", stay, world.now, "discharge", disposition=_HOME)
        if stay.facility is HOSPITAL and (stay.kind == "I" or world.happens(0.5)):
            yield world.about(3 * HOUR)
            yield from self._requests.letter(stay)
        world.over(stay)

    def _transferred(self, stay: Stay) -> _Process:
        world, registration = self._world, self._registration(stay)
        before = stay.ward, stay.room, stay.bed
        stay.left = stay.place
        self._move(stay, world.chance.choice(stay.pathway.wards))
        yield registration.visit("A02", stay, world.now, "transfer")
        if world.happens(0.06):
            yield world.about(15 * MINUTE)
            stay.ward, stay.room, stay.bed = before
            stay.left = ""
            yield registration.visit("A12", stay, world.now, "cancel-transfer")

    def _on_leave(self, stay: Stay) -> _Process:
        world, registration = self._world, self._registration(stay)
        stay.status = "onleave"
        yield registration.visit("A21", stay, world.now, "leave")
        yield world.about(8 * HOUR)
        stay.status = "in-progress"
        yield registration.visit("A22", stay, world.now, "return")

    def _identified(self, stay: Stay) -> _Process:
        """An unknown patient has a name now: known here before, or new under a lasting number."""
        world, registration = self._world, self._registration(stay)
        person, patients = stay.person, stay.facility.patients
        temporary, person.unknown = stay.number, ""
        yield registration.visit("A08", stay, world.now, "identify")
        known = [
            one.value
            for one in person.numbers[patients.name]
            if one.state == "active" and one.value != temporary
        ]
        lasting = known[0] if known else world.number(person, patients)
        stay.number = lasting
        if known:
            person.retire(patients, temporary, "merged", lasting)
            yield registration.merge(person, lasting, temporary, world.now)
        else:
            person.retire(patients, temporary, "changed", lasting)
            yield registration.change(person, lasting, temporary, world.now)

    def _order(self, stay: Stay) -> None:
        """Start what the pathway asks for, each after some minutes."""
        world, start = self._world, self._world.agenda.start
        pathway = stay.pathway
        panels = [name for name in pathway.panels if name != "culture"]
        if panels:
            start(self._requests.laboratory(stay, panels), world.about(10 * MINUTE))
        if pathway.mode == "shots":
            start(self._requests.doses(stay), world.about(20 * MINUTE))
        if stay.facility is CLINIC:
            return
        if "culture" in pathway.panels:
            start(self._requests.culture(stay), world.about(30 * MINUTE))
        for name in pathway.studies:
            start(self._requests.study(stay, name), world.about(20 * MINUTE))
        for name in pathway.medicines:
            start(self._requests.medicine(stay, name), world.about(HOUR))

    def _registration(self, stay: Stay) -> Registration:
        return self._world.registration(stay.facility)

    def _move(self, stay: Stay, ward: str) -> None:
        chance = self._world.chance
        stay.ward = ward
        stay.room = str(chance.randint(1, 24))
        stay.bed = chance.choice("AB") if stay.kind == "I" else ""
