"""Findings, acts, appointments and documents: AL1, DG1, PR1, SCH and TXA."""

from typing import Final

from plexus.api.canonical.v1 import resources_pb2 as canonical
from plexus.api.canonical.v1.datatypes_pb2 import Concept
from plexus.codecs.hl7v2.rendering.cited import Cited
from plexus.codecs.hl7v2.rendering.fields import first_of, spelled

__all__ = ["ActSegments"]

_ALLERGENS: Final = {"medication": "DA", "food": "FA", "environment": "EA", "biologic": "AA"}
_SEVERITY: Final = {"severe": "SV", "moderate": "MO", "mild": "MI"}
_BOOKED: Final = {
    "booked": "Booked", "cancelled": "Cancelled", "noshow": "Noshow", "pending": "Pending",
    "fulfilled": "Complete", "arrived": "Started",
}  # fmt: skip


class ActSegments(Cited):
    """Writes them field by field, as the maps read them."""

    def al1(self, number: int, one: canonical.Allergy) -> str:
        """AL1 (3.4.6)."""
        return self.row(
            "AL1",
            {
                1: str(number),
                2: spelled(_ALLERGENS, one.category),
                3: self.cwe(one.code),
                4: spelled(_SEVERITY, one.severity),
                5: self.each(self.text(_words(each)) for each in one.reactions),
                6: self.time(one.onset),
            },
        )

    def dg1(self, number: int, one: canonical.Condition) -> str:
        """DG1 (6.5.2)."""
        return self.row(
            "DG1",
            {
                1: str(number),
                3: self.cwe(one.code),
                5: self.time(one.onset),
                6: self.cwe(one.use, alone=True),
                15: str(one.rank or ""),
                16: self.cited_person(one.asserter),
                19: self.time(one.recorded),
                20: self.ei(one.identifiers[0] if one.identifiers else None),
                21: "D" if one.verification_status == "entered-in-error" else "",
            },
        )

    def pr1(self, number: int, one: canonical.Procedure) -> str:
        """PR1 (6.5.4)."""
        return self.row(
            "PR1",
            {1: str(number), 3: self.cwe(one.code), 5: self.time(one.performed.start)},
        )

    def sch(self, one: canonical.Appointment) -> str:
        """SCH (10.6.2)."""
        when = self.parts("", "", "", self.time(one.period.start), self.time(one.period.end))
        why = one.cancelation_reason if one.HasField("cancelation_reason") else None
        return self.row(
            "SCH",
            {
                1: self.ei(first_of(one.identifiers, "PLAC")),
                2: self.ei(first_of(one.identifiers, "FILL")),
                6: self.cwe(why) if why else "",
                7: self.cwe(one.reasons[0], alone=True) if one.reasons else "",
                8: self.cwe(one.appointment_type, alone=True),
                9: str(one.minutes or ""),
                10: "min" if one.minutes else "",
                11: when,
                16: self.each(self.cited_person(each.actor) for each in one.participants),
                25: spelled(_BOOKED, one.status),
            },
        )

    def txa(self, one: canonical.DocumentReference) -> str:
        """TXA (9.6.1)."""
        completion = {"preliminary": "IP", "final": "LA", "amended": "LA"}
        return self.row(
            "TXA",
            {
                1: "1",
                2: self.cwe(one.type),
                3: "TX",
                6: self.time(one.date),
                9: self.each(map(self.cited_person, one.authors)),
                12: self.ei(
                    one.master if one.HasField("master") else next(iter(one.identifiers), None)
                ),
                17: spelled(completion, one.doc_status),
                19: {"superseded": "OB", "entered-in-error": "CA"}.get(one.status, "AV"),
                25: self.text(one.description),
            },
        )


def _words(concept: Concept) -> str:
    shown = (each.display or each.code for each in concept.codings)
    return concept.text or next(shown, "")
