"""What is asked for during a stay, and how the answers come: laboratory, pictures, medicines, papers."""

from collections.abc import Iterator, Sequence

from services.cli.simulation.agenda import HOUR, MINUTE, day_of
from services.cli.simulation.assays import CULTURE, PANELS, Panel
from services.cli.simulation.care import MEDICINES, STUDIES_MADE, VACCINES
from services.cli.simulation.laboratory import Laboratory, Sample
from services.cli.simulation.numbers import (
    DOCUMENTS,
    DOSES,
    FILLERS,
    LAB_PATIENTS,
    ORDERS,
    PRESCRIPTIONS,
    REGISTRY,
    SPECIMENS,
    STUDIES,
)
from services.cli.simulation.orders import Order
from services.cli.simulation.people import Person
from services.cli.simulation.stays import HOSPITAL, Stay
from services.cli.simulation.systems import Draft
from services.cli.simulation.world import World

__all__ = ["Requests"]

_Process = Iterator[float | Draft]


class Requests:
    """Processes that answer orders. Each ends by telling what came of its orders."""

    def __init__(self, world: World) -> None:
        self._world = world

    def laboratory(self, stay: Stay, panels: Sequence[str]) -> _Process:
        """Panels of one tube order: ordered, perhaps preliminary, final, perhaps corrected."""
        world = self._world
        lab = world.laboratories[stay.facility.name]
        samples = [
            self._sample(stay, lab, PANELS[name]) for name in panels if PANELS[name].analytes
        ]
        if not samples:
            return
        orders = [sample.order for sample in samples]
        if stay.facility is HOSPITAL:
            yield world.order_entry.send("NW", orders, world.now)
            if world.happens(0.02):
                yield world.about(10 * MINUTE)
                for order in orders:
                    order.status = "cancelled"
                yield world.order_entry.send("CA", orders, world.now)
                self._over(orders)
                return
        yield world.about(15 * MINUTE)
        yield from self._measured(lab, samples, stay.pathway.illness)
        self._over(orders)

    def walk_in(self, person: Person) -> _Process:
        """Somebody whom only the laboratory knows, under a number of its own."""
        world = self._world
        number = person.number(LAB_PATIENTS) or world.number(person, LAB_PATIENTS)
        lab = world.laboratories[HOSPITAL.name]
        panel = PANELS[world.chance.choice(("count", "thyroid", "sugar", "lipids"))]
        order = Order("laboratory", lab.panel_code(panel), person, LAB_PATIENTS, number)
        order.filler = world.numbering.next(FILLERS)
        world.order(order)
        sample = Sample(order, panel, world.numbering.next(SPECIMENS), world.now)
        yield from self._measured(lab, [sample], 0.1)
        self._over([order])

    def culture(self, stay: Stay) -> _Process:
        """A blood culture: nothing for a day, then perhaps a germ, at last what it resists."""
        world = self._world
        lab = world.laboratories[stay.facility.name]
        sample = self._sample(stay, lab, CULTURE)
        order = sample.order
        yield world.order_entry.send("NW", [order], world.now)
        grows = world.happens(0.4)
        yield world.about(12 * HOUR)
        lab.grow(sample, "P", germ=False)
        yield lab.report([sample], "P", world.now)
        if not grows:
            yield world.about(24 * HOUR)
            lab.grow(sample, "F", germ=False)
            yield lab.report([sample], "F", world.now)
            self._over([order])
            return
        yield world.about(8 * HOUR)
        lab.grow(sample, "P", germ=True)
        yield lab.report([sample], "P", world.now)
        yield world.about(12 * HOUR)
        lab.grow(sample, "F", germ=True)
        child = Order(
            "laboratory",
            "29576-6^Bacterial susceptibility panel^LN",
            order.person,
            order.authority,
            order.number,
            filler=world.numbering.next(FILLERS),
            stay=stay,
            parent=order.key,
        )
        lab.test_drugs(world.order(child))
        yield lab.report([sample], "F", world.now, child)
        self._over([order, child])

    def study(self, stay: Stay, name: str) -> _Process:
        """Pictures: ordered, made, read, and read again by somebody more experienced."""
        world = self._world
        study = STUDIES_MADE[name]
        order = self._order(stay, "imaging", study.code)
        order.filler = world.numbering.next(STUDIES)
        yield world.order_entry.send("NW", [order], world.now)
        if world.happens(0.02):
            yield world.about(20 * MINUTE)
            order.status = "cancelled"
            yield world.order_entry.send("CA", [order], world.now)
            self._over([order])
            return
        yield world.about(45 * MINUTE)
        performed_at = world.now
        yield world.radiology.performed(order, performed_at)
        yield world.about(30 * MINUTE)
        world.radiology.look(order, study)
        if world.happens(0.5):
            yield world.radiology.report(order, study, "P", performed_at, world.now)
            yield world.about(2 * HOUR)
        yield world.radiology.report(order, study, "F", performed_at, world.now)
        if world.happens(0.05):
            yield world.about(20 * HOUR)
            yield world.radiology.report(order, study, "C", performed_at, world.now)
        self._over([order])

    def medicine(self, stay: Stay, name: str) -> _Process:
        """A prescription; some are stopped again."""
        world = self._world
        order = self._order(stay, "medication", MEDICINES[name].code)
        order.filler = world.numbering.next(PRESCRIPTIONS)
        yield world.pharmacy.send("NW", order, MEDICINES[name], world.now)
        if world.happens(0.3):
            yield world.about(30 * HOUR)
            yield world.pharmacy.send("DC", order, MEDICINES[name], world.now)
        self._over([order])

    def letter(self, stay: Stay) -> _Process:
        """A document about a stay; some are written again."""
        world = self._world
        code = "18842-5^Discharge summary^LN" if stay.kind == "I" else "11488-4^Consult note^LN"
        first = self._document(stay, code)
        yield world.documents.send(first, stay, world.now)
        if world.happens(0.08):
            yield world.about(5 * HOUR)
            second = self._document(stay, code)
            second.parent, first.status = first.key, "superseded"
            yield world.documents.send(second, stay, world.now, replaces=first.filler)
            self._over([second])
        self._over([first])

    def doses(self, stay: Stay) -> _Process:
        """One or two vaccinations that fit the age; one may be deleted again."""
        world = self._world
        person = stay.person
        age = person.age(day_of(world.now))
        fitting = [one for one in VACCINES if one[2] <= age <= one[3]]
        if not person.number(REGISTRY):
            world.number(person, REGISTRY)
        for vaccine in world.chance.sample(fitting, min(len(fitting), world.chance.choice((1, 2)))):
            order = Order("vaccination", vaccine[0], person, stay.facility.patients, stay.number)
            order.filler = world.numbering.next(DOSES)
            world.order(order)
            yield world.immunisations.send(order, vaccine, stay.facility, world.now)
            if world.happens(0.03):
                yield world.about(HOUR)
                yield world.immunisations.send(order, vaccine, stay.facility, world.now, "D")
            self._over([order])

    def _measured(self, lab: Laboratory, samples: list[Sample], illness: float) -> _Process:
        world = self._world
        if any(sample.panel.preliminary for sample in samples) or world.happens(0.08):
            self._measure(lab, samples, illness, "P")
            yield lab.report(samples, "P", world.now)
        yield world.about(max(sample.panel.minutes for sample in samples) * MINUTE)
        if world.happens(0.02):
            self._measure(lab, samples, illness, "X")
            for sample in samples:
                lab.cancel(sample)
            yield lab.report(samples, "X", world.now)
            return
        self._measure(lab, samples, illness, "F")
        if world.happens(0.1):
            samples[0].comment = "Sample slightly haemolysed & lipaemic."
        yield lab.report(samples, "F", world.now)
        if world.happens(0.04):
            yield world.about(5 * HOUR)
            lab.correct(world.chance.choice(samples), illness)
            yield lab.report(samples, "C", world.now)

    def _measure(self, lab: Laboratory, samples: list[Sample], illness: float, status: str) -> None:
        for sample in samples:
            lab.measure(sample, illness, status)

    def _sample(self, stay: Stay, lab: Laboratory, panel: Panel) -> Sample:
        order = self._order(stay, "laboratory", lab.panel_code(panel))
        order.filler = self._world.numbering.next(FILLERS)
        if not order.placer:
            self._world.order(order)
        return Sample(order, panel, self._world.numbering.next(SPECIMENS), self._world.now)

    def _order(self, stay: Stay, what: str, code: str) -> Order:
        order = Order(what, code, stay.person, stay.facility.patients, stay.number, stay=stay)
        if stay.facility is HOSPITAL:
            order.placer = self._world.numbering.next(ORDERS)
            self._world.order(order)
        return order

    def _document(self, stay: Stay, code: str) -> Order:
        order = Order("document", code, stay.person, stay.facility.patients, stay.number, stay=stay)
        order.filler = self._world.numbering.next(DOCUMENTS)
        return self._world.order(order)

    def _over(self, orders: Sequence[Order]) -> None:
        for order in orders:
            self._world.over(order)
