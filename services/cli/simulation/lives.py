"""Lives: when a person comes, under which number, what changes, and children that are born.

Here is what makes identity hard: somebody is registered twice and merged later, comes unconscious,
is known to two houses under two numbers, moves, marries, is linked to a relative by mistake.
"""

from collections.abc import Generator, Iterator
from typing import Final

from services.cli.simulation.agenda import DAY, HOUR, MINUTE, day_of, opening
from services.cli.simulation.care import PATHWAYS, Pathway
from services.cli.simulation.courses import Courses
from services.cli.simulation.numbers import HARBOR, HILLTOP
from services.cli.simulation.people import Person
from services.cli.simulation.requests import Requests
from services.cli.simulation.stays import CLINIC, HOSPITAL, Facility, Stay
from services.cli.simulation.systems import Draft
from services.cli.simulation.world import World

__all__ = ["Lives"]

_Process = Iterator[float | Draft]

_NEWBORN: Final = Pathway(
    "newborn", "newborn", 0, (0, 0), "NEO", ("MAT",), "Newborn",
    "Z38.00^Single liveborn infant, delivered vaginally^I10C", days=3,
)  # fmt: skip
_AT_THE_CLINIC: Final = frozenset({"clinic", "shots"})


class Lives:
    """Starts a process for each person."""

    def __init__(self, world: World, comes_again_days: float) -> None:
        """Use the world.

        Args:
            world: what all share.
            comes_again_days: mean time from one episode of a person to the next.
        """
        self._world = world
        self._again_days = comes_again_days
        self._requests = Requests(world)
        self._courses = Courses(world, self._requests)
        self._mothers: set[str] = set()

    def begin(self, people: list[Person], within_seconds: float) -> None:
        """Let people come for the first time within some seconds."""
        world = self._world
        for person in people:
            world.everybody.append(person)
            first = world.chance.uniform(0, within_seconds)
            if world.happens(0.02):
                world.agenda.start(self._requests.walk_in(person), first)
            else:
                world.agenda.start(self._life(person), first)

    def _life(self, person: Person) -> _Process:
        world = self._world
        while person.died_at is None:
            pathway = self._choose(person)
            if pathway is not None:
                yield from self._episode(person, pathway)
            if person.died_at is not None:
                return
            yield world.chance.expovariate(1 / (self._again_days * DAY)) + 2 * HOUR
            if world.happens(0.12):
                yield from self._changed(person)

    def _choose(self, person: Person) -> Pathway | None:
        age = person.age(day_of(self._world.now))
        fitting = [
            one
            for one in PATHWAYS
            if one.ages[0] <= age <= one.ages[1]
            and one.sex in {"", person.sex}
            and (not one.needs or one.needs in person.conditions)
            and not (one.mode == "birth" and person.key in self._mothers)
        ]
        if not fitting:
            return None
        return self._world.chance.choices(fitting, [one.weight for one in fitting])[0]

    def _episode(self, person: Person, pathway: Pathway) -> _Process:
        world, courses = self._world, self._courses
        facility = CLINIC if pathway.mode in _AT_THE_CLINIC else HOSPITAL
        if pathway.mode not in {"emergency", "birth"}:
            yield opening(world.now) - world.now + 1
        unconscious = pathway.mode == "emergency" and world.happens(0.04)
        if unconscious:
            number = world.number(person, facility.patients)
            person.unknown = number
        else:
            number = yield from self._registered(person, facility)
        stay = courses.stay(facility, person, pathway, number)
        if pathway.mode in {"planned", "ambulatory"}:
            yield from courses.planned(stay)
        elif pathway.mode == "emergency":
            yield from courses.emergency(stay)
        elif pathway.mode == "birth":
            self._mothers.add(person.key)
            world.agenda.start(self._birth(person), world.about(4 * HOUR))
            yield from courses.admitted(stay)
        else:
            yield from courses.visited(stay)

    def _registered(
        self, person: Person, facility: Facility
    ) -> Generator[float | Draft, None, str]:
        """Give the number under which the person is treated now; sometimes it is one too many."""
        world, registration = self._world, self._world.registration(facility)
        known = person.number(facility.patients)
        if known and not world.happens(0.05):
            return known
        number = world.number(person, facility.patients)
        if not known and world.happens(0.05):
            # Announced by somebody under one number, and given another one at the desk.
            yield registration.person("A28", person, number, world.now, "register")
            known, number = number, world.number(person, facility.patients)
        if facility is CLINIC or world.happens(0.5):
            yield registration.person("A28", person, number, world.now, "register")
        if known:
            world.agenda.start(self._merge(person, facility, known, number), world.about(18 * HOUR))
        elif person.number(HILLTOP) and person.number(HARBOR) and world.happens(0.4):
            world.agenda.start(self._link(person), world.about(6 * HOUR))
        return number

    def _merge(self, person: Person, facility: Facility, known: str, extra: str) -> _Process:
        """Somebody has seen that two numbers are one person's."""
        world = self._world
        states = {one.value: one.state for one in person.numbers[facility.patients.name]}
        if states[known] != "active" or states[extra] != "active":
            return
        person.retire(facility.patients, extra, "merged", known)
        for stay in world.stays_of(person):
            if stay.number == extra:
                stay.number = known
        yield world.registration(facility).merge(person, known, extra, world.now)

    def _link(self, person: Person) -> _Process:
        """The numbers of two houses are linked; rarely with those of a relative, and taken back."""
        world, registration = self._world, self._world.registration(HOSPITAL)
        relatives = [one for _, one in person.kin if one.number(HARBOR)]
        if relatives and world.happens(0.2):
            wrong = (relatives[0], HARBOR, relatives[0].number(HARBOR))
            there = (person, HILLTOP, person.number(HILLTOP))
            pair = (f"{HARBOR.name} {wrong[2]}", f"{HILLTOP.name} {there[2]}")
            person.mistaken_links.add(pair)
            yield registration.link("A24", wrong, there, world.now, "link-by-mistake")
            yield world.about(4 * HOUR)
            person.mistaken_links.remove(pair)
            yield registration.link("A37", wrong, there, world.now, "unlink")
        here = (person, HARBOR, person.number(HARBOR))
        there = (person, HILLTOP, person.number(HILLTOP))
        person.links.add((f"{HARBOR.name} {here[2]}", f"{HILLTOP.name} {there[2]}"))
        yield registration.link("A24", here, there, world.now, "link")

    def _birth(self, mother: Person) -> _Process:
        """One child or two, registered as babies of their mother before they have a name."""
        world = self._world
        count = 2 if world.happens(0.08) else 1
        for order in range(1, count + 1):
            child = world.population.child(mother, world.now, order, count)
            world.everybody.append(child)
            number = world.number(child, HOSPITAL.patients)
            stay = self._courses.stay(HOSPITAL, child, _NEWBORN, number)
            stay.status, stay.admitted_at = "in-progress", world.now
            yield world.registration(HOSPITAL).visit("A01", stay, world.now, "birth")
            world.agenda.start(self._newborn(child, stay), 30 * MINUTE)
            yield 10 * MINUTE

    def _newborn(self, child: Person, stay: Stay) -> _Process:
        world = self._world
        yield world.about(18 * HOUR)
        child.named = True
        yield world.registration(HOSPITAL).visit("A08", stay, world.now, "name")
        yield from self._requests.doses(stay)
        yield from self._courses.lain_in(stay, world.now + world.about(40 * HOUR))
        yield world.about(20 * DAY)
        yield from self._life(child)

    def _changed(self, person: Person) -> _Process:
        """A new home, telephone or name, told to the houses that ask."""
        world = self._world
        drawn = world.chance.random()
        may_marry = (
            person.sex == "F"
            and person.marital == "S"
            and not person.culture.keeps_name
            and person.age(day_of(world.now)) >= 18
        )
        event = "move"
        if drawn < 0.2 and may_marry:
            person.maiden, person.marital = person.family, "M"
            person.family = world.chance.choice(person.culture.families)
            event = "marry"
        elif drawn < 0.4 and person.mobile:
            person.mobile = world.population.new_mobile()
            event = "new-telephone"
        else:
            person.home = world.population.move()
        for facility in (HOSPITAL, CLINIC):
            number = person.number(facility.patients)
            if number and (facility is HOSPITAL or world.happens(0.6)):
                registration = world.registration(facility)
                yield registration.person("A31", person, number, world.now, event)
