"""The laboratories: ORU R01 with panels, comments, corrections, cultures (HL7 v2.5.1 7.3.1).

The large one writes LOINC beside its own codes and units of UCUM; the one of the clinic writes its
own codes and whatever its analyser prints.
"""

import random
from collections.abc import Sequence
from typing import Final

from plexus.codecs.hl7v2 import escape
from services.cli.simulation import segments as seg
from services.cli.simulation.assays import CULTURE, DRUGS_TESTED, GERMS, Analyte, Panel
from services.cli.simulation.numbers import FILLERS, ORDERS, SPECIMENS
from services.cli.simulation.orders import Order, Result
from services.cli.simulation.systems import Draft, Outbox

__all__ = ["Laboratory", "Sample"]

_OWN: Final = "99QUAYLAB"
_CODED: Final = ("ABO", "RH^")
_GERM_CODE: Final = CULTURE.loinc.partition("^")[0]
_REPORT_STATUS: Final = {"P": "preliminary", "F": "final", "C": "corrected", "X": "cancelled"}


class Sample:
    """A panel that was ordered, and the tube for it.

    Attributes:
        taken_at: when the tube was filled.
    """

    __slots__ = ("comment", "order", "panel", "taken_at", "tube")

    def __init__(self, order: Order, panel: Panel, tube: str, taken_at: float) -> None:
        self.order = order
        self.panel = panel
        self.tube = tube
        self.taken_at = taken_at
        self.comment = ""


class Laboratory:
    """Writes what one laboratory sends."""

    def __init__(self, outbox: Outbox, chance: random.Random) -> None:
        self._outbox = outbox
        self._system = outbox.system
        self._chance = chance
        self._modern = outbox.system.oids

    def panel_code(self, panel: Panel) -> str:
        """OBR-4 of a panel."""
        if self._modern:
            return f"{panel.loinc}^LN^{panel.local}^{_OWN}"
        return f"{panel.local}^L"

    def measure(self, sample: Sample, illness: float, status: str) -> None:
        """Draw the values of a sample."""
        person = sample.order.person
        sample.order.results = [
            Result(
                self._code_of(analyte),
                analyte.draw(self._chance, person.bias, person.conditions, illness),
                analyte.unit if self._modern else analyte.loose,
                status,
            )
            for analyte in sample.panel.analytes
        ]

    def correct(self, sample: Sample, illness: float) -> None:
        """Draw one value again, and mark it as corrected."""
        place = self._chance.randrange(len(sample.panel.analytes))
        result = sample.order.results[place]
        person = sample.order.person
        result.value = sample.panel.analytes[place].draw(
            self._chance, person.bias, person.conditions, illness
        )
        result.status = "C"
        sample.comment = "Corrected: the sample was mixed up with another one."

    def cancel(self, sample: Sample) -> None:
        """The sample was of no use."""
        for result in sample.order.results:
            result.value, result.status = "", "X"
        sample.comment = "Cancelled: the sample is haemolysed; please send another one."

    def grow(self, sample: Sample, status: str, *, germ: bool) -> None:
        """What stands in the culture now."""
        text = self._chance.choice(GERMS).split("^")[1] if germ else "No growth"
        previous = sample.order.results
        if germ and previous and previous[0].value != "No growth":
            text = previous[0].value
        sample.order.results = [Result(_GERM_CODE, text, "", status)]

    def test_drugs(self, child: Order) -> None:
        """Draw the susceptibilities of a germ."""
        child.results = [
            Result(drug.partition("^")[0], self._chance.choice("SSRI")) for drug in DRUGS_TESTED
        ]

    def report(
        self, samples: Sequence[Sample], status: str, at: float, child: Order | None = None
    ) -> Draft:
        """ORU R01 of what the samples hold now.

        Args:
            samples: of one person, ordered together.
            status: of the report (HL7 table 0123): P, F, C or X.
            at: now.
            child: susceptibilities that follow the first sample.
        """
        first = samples[0].order
        body = [seg.short_patient(self._system, first.person, first.authority, first.number)]
        if first.stay is not None:
            body.append(seg.visit(self._system, first.stay, short=True))
        for place, sample in enumerate(samples, 1):
            body += self._order_of(sample.order, place, status, at, sample)
            body += self._results_of(sample, at)
            if self._modern:
                body.append(self._specimen(place, sample))
        orders = [sample.order for sample in samples]
        if child is not None:
            body += self._order_of(
                child, len(samples) + 1, status, at, samples[0], samples[0].order
            )
            body += [
                f"OBX|{place}|ST|{drug}||{result.value}||||||F|||{self._system.stamp(at)}"
                for place, (drug, result) in enumerate(
                    zip(DRUGS_TESTED, child.results, strict=True), 1
                )
            ]
            orders.append(child)
        for order in orders:
            order.status = _REPORT_STATUS[status]
        return self._outbox.draft(
            at,
            "ORU^R01",
            "ORU_R01",
            body,
            f"result-{_REPORT_STATUS[status]}",
            first.person.key,
            encounter=first.encounter,
            orders=[order.key for order in orders],
        )

    def _code_of(self, analyte: Analyte) -> str:
        return (analyte.loinc if self._modern else analyte.local).partition("^")[0]

    def _order_of(
        self,
        order: Order,
        place: int,
        status: str,
        at: float,
        sample: Sample,
        parent: Order | None = None,
    ) -> list[str]:
        system = self._system
        stay = order.stay
        who = seg.doctor(system, stay.facility, stay.doctor) if stay is not None else ""
        fillers = FILLERS.components if self._modern else FILLERS.name
        placer = f"{order.placer}^{ORDERS.components}" if order.placer else ""
        filler = f"{order.filler}^{fillers}"
        taken = system.stamp(sample.taken_at)
        fields = {
            1: str(place),
            2: placer,
            3: filler,
            4: order.code,
            7: taken,
            14: system.stamp(sample.taken_at + 600),
            15: "" if self._modern else sample.panel.specimen.partition("^")[0],
            16: who,
            22: system.stamp(at),
            24: "MB" if sample.panel is CULTURE else "LAB",
            25: status,
        }
        if parent is not None:
            fields[26] = f"{CULTURE.loinc.replace('^', '&')}&LN^1"
            own = f"{parent.filler}&{FILLERS.components.replace('^', '&')}"
            asked = (
                f"{parent.placer}&{ORDERS.components.replace('^', '&')}" if parent.placer else ""
            )
            fields[29] = f"{asked}^{own}"
        common = seg.segment("ORC", {1: "RE", 2: placer, 3: filler,
                                     5: "CM" if status in "FC" else "CA" if status == "X" else "IP",
                                     12: who})  # fmt: skip
        return [common, seg.segment("OBR", fields)]

    def _results_of(self, sample: Sample, at: float) -> list[str]:
        when = self._system.stamp(at)
        lines: list[str] = []
        if sample.panel is CULTURE:
            result = sample.order.results[0]
            germ = next((one for one in GERMS if result.value in one), "")
            kind, text = ("CE", germ) if germ else ("ST", result.value)
            lines.append(f"OBX|1|{kind}|{CULTURE.loinc}^LN|1|{text}||||||{result.status}|||{when}")
        for place, (analyte, result) in enumerate(
            zip(sample.panel.analytes, sample.order.results, strict=False), 1
        ):
            lines.append(self._observation(place, analyte, result, when))
        if sample.comment:
            lines.append(f"NTE|1|L|{escape(sample.comment)}")
        return lines

    def _observation(self, place: int, analyte: Analyte, result: Result, when: str) -> str:
        if self._modern:
            code = f"{analyte.loinc}^LN^{analyte.local}^{_OWN}"
            unit = f"{analyte.unit}^^UCUM" if analyte.unit else ""
        else:
            code, unit = f"{analyte.local}^L", analyte.loose
        value, kind = result.value, "NM"
        flag = analyte.flag(value) if value else ""
        if analyte.words:
            kind = "ST"
            if analyte.local.startswith(_CODED):
                kind, flag = "CE", ""
                value = f"{value}^{value}^{_OWN}" if value else ""
        elif value.startswith("<"):
            kind, value = "SN", f"<^{value[1:]}"
        return (
            f"OBX|{place}|{kind}|{code}||{value}|{unit}|{analyte.reference}|{flag}|||"
            f"{result.status}|||{when}"
        )

    def _specimen(self, place: int, sample: Sample) -> str:
        tube = f"^{sample.tube}&{SPECIMENS.subcomponents}"
        return seg.segment(
            "SPM",
            {
                1: str(place),
                2: tube,
                4: sample.panel.specimen,
                17: self._system.stamp(sample.taken_at),
            },
        )
