"""Orders: what was asked for, what came of it; and the system that sends them (ORM O01)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from services.cli.simulation import segments as seg
from services.cli.simulation.numbers import ORDERS, Authority
from services.cli.simulation.people import Person
from services.cli.simulation.stays import HOSPITAL, Stay
from services.cli.simulation.systems import Draft, Outbox

__all__ = ["Order", "OrderEntry", "Result", "order_fact"]


@dataclasses.dataclass(slots=True)
class Result:
    """One value of an order, as last told: status P, F, C or X of HL7 table 0085."""

    code: str
    value: str
    unit: str = ""
    status: str = "F"


@dataclasses.dataclass(slots=True, eq=False)
class Order:
    """An order, of whatever is done for a person.

    Attributes:
        what: laboratory, imaging, medication, appointment, document or vaccination.
        placer, filler: numbers of who asked and who answers; one of them may be empty.
        code: what is asked for, as CE.
        authority, number: how the person was numbered when it was made. Departments go on using
            this number, whatever registration does meanwhile.
        status: as the last message told.
        parent: key of the order that it follows from.
    """

    what: str
    code: str
    person: Person
    authority: Authority
    number: str
    placer: str = ""
    filler: str = ""
    stay: Stay | None = None
    status: str = "ordered"
    results: list[Result] = dataclasses.field(default_factory=list)
    parent: str = ""

    @property
    def key(self) -> str:
        """Its name in the truth."""
        return self.placer or self.filler

    @property
    def encounter(self) -> str:
        """The visit that it belongs to, or ""."""
        return self.stay.visit if self.stay is not None else ""


def order_fact(order: Order) -> dict[str, Any]:
    """What finally came of an order."""
    fact: dict[str, Any] = {
        "kind": "order",
        "order": order.key,
        "what": order.what,
        "code": order.code.partition("^")[0],
        "person": order.person.key,
        "status": order.status,
    }
    for name in ("placer", "filler", "encounter", "parent"):
        if value := getattr(order, name):
            fact[name] = value
    if order.results:
        fact["results"] = [
            {"code": one.code, "value": one.value, "unit": one.unit, "status": one.status}
            for one in order.results
        ]
    return fact


class OrderEntry:
    """Writes the hospital's orders (v2.3.1 4.2): new, and cancelled."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def send(self, control: str, orders: Sequence[Order], at: float) -> Draft:
        """ORM O01 of orders for one stay; `control` is NW or CA of HL7 table 0119."""
        system = self._outbox.system
        first = orders[0]
        body = [seg.short_patient(system, first.person, first.authority, first.number)]
        if first.stay is not None:
            body.append(seg.visit(system, first.stay, short=True))
        status = "CA" if control == "CA" else "SC"
        for place, order in enumerate(orders, 1):
            who = seg.doctor(
                system, HOSPITAL, first.stay.doctor if first.stay else HOSPITAL.doctors[0]
            )
            placer = f"{order.placer}^{ORDERS.components}"
            body += [
                seg.segment(
                    "ORC", {1: control, 2: placer, 5: status, 9: system.stamp(at), 12: who}
                ),
                seg.segment(
                    "OBR", {1: str(place), 2: placer, 4: order.code, 6: system.stamp(at), 16: who}
                ),
            ]
        return self._outbox.draft(
            at,
            "ORM^O01",
            "ORM_O01",
            body,
            "cancel-order" if control == "CA" else "order",
            first.person.key,
            encounter=first.encounter,
            orders=[order.key for order in orders],
        )
