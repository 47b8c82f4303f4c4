"""Pharmacy, scheduling, documents and immunisations: RDE O11, SIU, MDM T02, VXU V04 (v2.5.1)."""

import random
from typing import Final

from plexus.codecs.hl7v2 import escape
from services.cli.simulation import segments as seg
from services.cli.simulation.care import Medicine
from services.cli.simulation.numbers import (
    DOCUMENTS,
    DOSES,
    ORDERS,
    PRESCRIPTIONS,
    REGISTRY,
    SLOTS,
)
from services.cli.simulation.orders import Order, Result
from services.cli.simulation.people import Person
from services.cli.simulation.stays import HOSPITAL, Facility, Stay
from services.cli.simulation.systems import Draft, Outbox

__all__ = ["Documents", "Immunisations", "Pharmacy", "Scheduling"]

_BOOKING_STATUS: Final = {
    "S12": ("booked", "Booked"), "S13": ("booked", "Booked"), "S14": ("booked", "Booked"),
    "S15": ("cancelled", "Cancelled"), "S26": ("noshow", "Noshow"),
}  # fmt: skip
_FINISHED_AFTER: Final = 1800


class Pharmacy:
    """Prescriptions: RDE O11 (4.14.4)."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def send(self, control: str, order: Order, medicine: Medicine, at: float) -> Draft:
        """New (NW) or discontinued (DC); `order.results` holds the dose."""
        system = self._outbox.system
        order.status = "active" if control == "NW" else "stopped"
        if not order.results:
            order.results = [Result("dose", medicine.amount, medicine.unit)]
        who = seg.doctor(system, HOSPITAL, order.stay.doctor) if order.stay else ""
        placer = f"{order.placer}^{ORDERS.components}"
        filler = f"{order.filler}^{PRESCRIPTIONS.components}"
        body = [seg.short_patient(system, order.person, order.authority, order.number)]
        if order.stay is not None:
            body.append(seg.visit(system, order.stay, short=True))
        timing = {1: "1", 3: medicine.often, 7: system.stamp(at)}
        if control == "DC":
            timing[8] = system.stamp(at)
        body += [
            seg.segment("ORC", {1: control, 2: placer, 3: filler, 9: system.stamp(at), 12: who}),
            seg.segment(
                "RXE",
                {2: medicine.code, 3: medicine.amount, 5: medicine.unit, 6: medicine.form,
                 15: order.filler},
            ),
            seg.segment("TQ1", timing),
            f"RXR|{medicine.route}",
        ]  # fmt: skip
        event = "prescribe" if control == "NW" else "stop-medicine"
        return self._outbox.draft(
            at, "RDE^O11", "RDE_O11", body, event, order.person.key,
            encounter=order.encounter, orders=[order.key],
        )  # fmt: skip


class Scheduling:
    """Appointments: SIU (10.4)."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def send(self, trigger: str, order: Order, stay: Stay, begins: float, at: float) -> Draft:
        """Booked S12, moved S13, changed S14, cancelled S15, nobody came S26."""
        system = self._outbox.system
        order.status, word = _BOOKING_STATUS[trigger]
        order.results = [Result("begins", system.stamp(begins))]
        who = seg.doctor(system, HOSPITAL, stay.doctor)
        slot = f"{order.filler}^{SLOTS.components}"
        ends = begins + _FINISHED_AFTER
        body = [
            seg.segment(
                "SCH",
                {1: slot, 2: slot, 6: f"{trigger}^{word}^L", 7: f"^{escape(stay.pathway.suspected)}",
                 8: "NORMAL^Routine schedule request type^HL70277",
                 9: "30", 10: "min",
                 11: f"^^^{system.stamp(begins)}^{system.stamp(ends)}",
                 16: who, 20: who, 25: f"{word}^{word}^HL70278"},
            ),
            seg.short_patient(system, order.person, order.authority, order.number),
            "RGS|1|A",
            seg.segment(
                "AIS",
                {1: "1", 2: "A", 3: f"{stay.pathway.service}^{escape(stay.pathway.name)}^L",
                 4: system.stamp(begins), 7: "30", 8: "min"},
            ),
            seg.segment("AIL", {1: "1", 2: "A", 3: f"{stay.ward}^^^HARBOR"}),
            seg.segment("AIP", {1: "1", 2: "A", 3: who, 4: "AT^Attending^L"}),
        ]  # fmt: skip
        events = {
            "S12": "book", "S13": "move-appointment", "S14": "change-appointment",
            "S15": "cancel-appointment", "S26": "no-show",
        }  # fmt: skip
        return self._outbox.draft(
            at, f"SIU^{trigger}", "SIU_S12", body, events[trigger], order.person.key,
            orders=[order.key],
        )  # fmt: skip


class Documents:
    """Letters and notes: MDM T02 (9.4)."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def send(self, order: Order, stay: Stay, at: float, *, replaces: str = "") -> Draft:
        """A document with its text; `order.code` names its kind."""
        system = self._outbox.system
        order.status = "final"
        who = seg.doctor(system, HOSPITAL, stay.doctor)
        number = f"{order.filler}^{DOCUMENTS.components}"
        lines = [
            f"Reason: {stay.pathway.suspected}.",
            f"Diagnosis: {stay.pathway.diagnosis.split('^')[1]}.",
            "Course: without complications." if stay.person.died_at is None else "Course: died.",
            "Medicines & advice: see list \\ plan.",
        ]
        order.results = [Result(order.code.partition("^")[0], "\n".join(lines))]
        kind = "DS" if stay.kind == "I" else "CN"
        body = [
            f"EVN|T02|{system.stamp(at)}",
            seg.short_patient(system, order.person, order.authority, order.number),
            seg.visit(system, stay, short=True),
            seg.segment(
                "TXA",
                {1: "1", 2: kind, 3: "FT", 4: system.stamp(at), 5: who, 9: who, 12: number,
                 13: f"{replaces}^{DOCUMENTS.components}" if replaces else "", 17: "LA", 19: "AV"},
            ),
            f"OBX|1|FT|{order.code}||{escape(chr(10).join(lines))}||||||F",
        ]  # fmt: skip
        return self._outbox.draft(
            at, "MDM^T02", "MDM_T02", body, "document", order.person.key,
            encounter=order.encounter, orders=[order.key],
        )  # fmt: skip


class Immunisations:
    """The register of immunisations: VXU V04 (4A.7)."""

    def __init__(self, outbox: Outbox, chance: random.Random) -> None:
        self._outbox = outbox
        self._chance = chance

    def send(
        self,
        order: Order,
        vaccine: tuple[str, str, int, int, str],
        facility: Facility,
        at: float,
        action: str = "A",
    ) -> Draft:
        """A dose given (A), or deleted again (D)."""
        system = self._outbox.system
        person: Person = order.person
        code, maker, _, _, amount = vaccine
        if not order.results:
            order.results = [Result("lot", f"LOT{self._chance.randrange(10**5):05d}")]
        order.status = "completed" if action == "A" else "deleted"
        numbers = [(REGISTRY, person.number(REGISTRY)), (order.authority, order.number)]
        who = seg.doctor(system, facility, facility.doctors[0])
        body = [
            seg.patient(system, person, numbers),
            *seg.kin(system, person),
            seg.segment("ORC", {1: "RE", 3: f"{order.filler}^{DOSES.components}", 12: who}),
            seg.segment(
                "RXA",
                {1: "0", 2: "1", 3: system.stamp(at), 4: system.stamp(at), 5: code, 6: amount,
                 7: "mL^^UCUM", 9: "00^New immunization record^NIP001", 10: who,
                 11: f"^^^{facility.name}", 15: order.results[0].value, 17: maker, 20: "CP",
                 21: action},
            ),
            "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163",
        ]  # fmt: skip
        event = "vaccinate" if action == "A" else "delete-vaccination"
        return self._outbox.draft(
            at, "VXU^V04", "VXU_V04", body, event, person.key, orders=[order.key]
        )
