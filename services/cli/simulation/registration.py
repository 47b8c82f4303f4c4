"""Registration: ADT of the hospital and of the clinic (HL7 v2.5.1 chapter 3)."""

from typing import Any, Final

from plexus.codecs.hl7v2 import escape
from services.cli.simulation import segments as seg
from services.cli.simulation.numbers import Authority
from services.cli.simulation.people import Person
from services.cli.simulation.stays import Facility, Stay
from services.cli.simulation.systems import Draft, Outbox

__all__ = ["Registration"]

_STRUCTURES: Final = {
    "A04": "ADT_A01", "A08": "ADT_A01", "A13": "ADT_A01", "A28": "ADT_A05", "A31": "ADT_A05",
    "A11": "ADT_A09", "A12": "ADT_A12", "A21": "ADT_A21", "A22": "ADT_A21", "A40": "ADT_A39",
    "A47": "ADT_A30",
}  # fmt: skip
_WHOLE: Final = frozenset({"A01", "A03", "A04", "A05", "A06", "A08", "A13"})
"""Events that tell everything of the visit; the others tell person and visit."""


class Registration:
    """Writes what the registration of one house sends."""

    def __init__(self, facility: Facility, outbox: Outbox) -> None:
        self.facility = facility
        self._outbox = outbox
        self._system = outbox.system

    def visit(
        self,
        trigger: str,
        stay: Stay,
        at: float,
        event: str,
        *,
        disposition: str = "",
    ) -> Draft:
        """An event of a visit.

        Args:
            trigger: of HL7 table 0003, A01 to A38.
            stay: after the event.
            at: now.
            event: word for it.
            disposition: PV1-36, at a discharge.
        """
        system, person = self._system, stay.person
        whole = trigger in _WHOLE
        body = [
            self._event(trigger, at),
            seg.patient(
                system,
                person,
                [(self.facility.patients, stay.number)],
                account=self._account(stay) if whole else "",
            ),
        ]
        if whole and person.unknown != stay.number:
            # ADT_A03 of v2.3.1 has no NK1 and no IN1, but has what the doctors found.
            old_discharge = trigger == "A03" and not system.oids
            if not old_discharge and trigger != "A13":
                body += seg.kin(system, person)
            body += [
                seg.visit(system, stay, disposition=disposition),
                f"PV2|||^{escape(stay.pathway.suspected)}",
            ]
            if trigger != "A13" and not old_discharge:
                body += seg.allergies(system, person)
            body += seg.diagnosis(system, stay)
            body += seg.procedure(system, stay)
            if not old_discharge:
                body += seg.insurance(system, person)
        else:
            body.append(seg.visit(system, stay, disposition=disposition))
        return self._draft(trigger, body, event, person, at, encounter=stay.visit)

    def person(self, trigger: str, person: Person, number: str, at: float, event: str) -> Draft:
        """A28 and A31: the person without a visit; PV1-2 says so."""
        body = [
            self._event(trigger, at),
            seg.patient(self._system, person, [(self.facility.patients, number)]),
            *seg.kin(self._system, person),
            "PV1|1|N",
            *seg.allergies(self._system, person),
            *seg.insurance(self._system, person),
        ]
        return self._draft(trigger, body, event, person, at)

    def merge(self, person: Person, survivor: str, prior: str, at: float) -> Draft:
        """A40: the prior number goes under."""
        return self._renumber("A40", person, survivor, prior, at, "merge")

    def change(self, person: Person, new: str, old: str, at: float) -> Draft:
        """A47: the number was changed; it is the same record."""
        return self._renumber("A47", person, new, old, at, "change-number")

    def link(
        self,
        trigger: str,
        one: tuple[Person, Authority, str],
        other: tuple[Person, Authority, str],
        at: float,
        event: str,
    ) -> Draft:
        """A24 and A37: two numbers are one person's, or are not after all."""
        body = [self._event(trigger, at)]
        for who, authority, number in (one, other):
            body.append(seg.patient(self._system, who, [(authority, number)]))
        numbers = [f"{authority.name} {number}" for _, authority, number in (one, other)]
        people = sorted({one[0].key, other[0].key})
        return self._draft(
            trigger,
            body,
            event,
            one[0],
            at,
            numbers=numbers,
            people=people if len(people) > 1 else [],
        )

    def _renumber(
        self, trigger: str, person: Person, new: str, old: str, at: float, event: str
    ) -> Draft:
        patients = self.facility.patients
        old_name = f"{person.family}^{person.given}" if trigger == "A40" else ""
        body = [
            self._event(trigger, at),
            seg.patient(self._system, person, [(patients, new)]),
            seg.segment("MRG", {1: seg.patient_number(self._system, patients, old), 7: old_name}),
        ]
        numbers = [f"{patients.name} {new}", f"{patients.name} {old}"]
        return self._draft(trigger, body, event, person, at, numbers=numbers)

    def _event(self, trigger: str, at: float) -> str:
        return f"EVN|{trigger}|{self._system.stamp(at)}"

    def _account(self, stay: Stay) -> str:
        return seg.patient_number(self._system, stay.facility.visits, stay.visit)

    def _draft(
        self, trigger: str, body: list[str], event: str, person: Person, at: float, **truth: Any
    ) -> Draft:
        structure = _STRUCTURES.get(trigger, f"ADT_{trigger}")
        return self._outbox.draft(at, f"ADT^{trigger}", structure, body, event, person.key, **truth)
