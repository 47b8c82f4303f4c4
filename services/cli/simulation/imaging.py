"""Radiology: status of an order (ORM O01), and reports as text (ORU R01, v2.4 7.3.1)."""

import random
from typing import Final

from services.cli.simulation import segments as seg
from services.cli.simulation.care import Study
from services.cli.simulation.numbers import ORDERS, STUDIES
from services.cli.simulation.orders import Order, Result
from services.cli.simulation.stays import HOSPITAL
from services.cli.simulation.systems import Draft, Outbox

__all__ = ["Radiology"]

_FINDINGS: Final = "18782-3^Radiology Study observation^LN"
_IMPRESSION: Final = "19005-8^Radiology Imaging study [Interpretation]^LN"
_PAGE: Final = (
    "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZz4+ZW5kb2JqCnRyYWlsZXI8PC9Sb290IDEgMCBSPj4KJSVFT0YK"
)
"""A PDF with nothing on it."""


class Radiology:
    """Writes what the radiology system sends."""

    def __init__(self, outbox: Outbox, chance: random.Random) -> None:
        self._outbox = outbox
        self._system = outbox.system
        self._chance = chance

    def performed(self, order: Order, at: float) -> Draft:
        """ORM O01: the pictures were taken (ORC-1 SC, ORC-5 IP)."""
        order.status = "in-progress"
        body = [
            *self._head(order),
            seg.segment("ORC", {1: "SC", 2: _placer(order), 3: _filler(order), 5: "IP",
                                9: self._system.stamp(at)}),
            seg.segment("OBR", {1: "1", 2: _placer(order), 3: _filler(order), 4: order.code,
                                7: self._system.stamp(at)}),
        ]  # fmt: skip
        return self._draft("ORM^O01", body, "order-status", order, at)

    def look(self, order: Order, study: Study) -> None:
        """See what there is to see."""
        place = 0 if self._chance.random() < 0.45 else self._chance.randrange(len(study.findings))
        order.results = [
            Result("18782-3", study.findings[place]),
            Result("19005-8", study.impression[place]),
        ]

    def report(
        self, order: Order, study: Study, status: str, performed_at: float, at: float
    ) -> Draft:
        """ORU R01: the report, preliminary (P), final (F) or with an addendum (C)."""
        order.status = {"P": "preliminary", "F": "final", "C": "corrected"}[status]
        for result in order.results:
            result.status = status
        reader = HOSPITAL.doctors[2]
        head = {
            1: "1", 2: _placer(order), 3: _filler(order), 4: order.code,
            7: self._system.stamp(performed_at),
            16: seg.doctor(self._system, HOSPITAL, order.stay.doctor) if order.stay else "",
            22: self._system.stamp(at), 24: "RAD", 25: status,
            32: f"{reader[0]}&{reader[1]}&{reader[2]}",
        }  # fmt: skip
        body = [
            *self._head(order),
            seg.segment("ORC", {1: "RE", 2: _placer(order), 3: _filler(order)}),
            seg.segment("OBR", head),
            *self._lines(order, study, status),
        ]
        return self._draft("ORU^R01", body, f"report-{order.status}", order, at)

    def _lines(self, order: Order, study: Study, status: str) -> list[str]:
        findings, impression = order.results[0].value, order.results[1].value
        rows = [(_FINDINGS, "TX", sentence) for sentence in findings.split(". ")]
        rows.append((_FINDINGS, "TX", ""))
        rows.append((_IMPRESSION, "FT", rf"\H\Impression:\N\\.br\{impression}"))
        if status == "C":
            rows.append(
                (_IMPRESSION, "FT", r"Addendum: compared with earlier pictures.\.br\No change.")
            )
        if study.modality == "DXA":
            rows.append((study.code, "ED", f"HARBORRIS^AP^PDF^Base64^{_PAGE}"))
        if study.modality == "CT":
            link = f"https://pictures.harbor.example/studies/{order.filler}^HARBORRIS^IM^DICOM"
            rows.append((study.code, "RP", link))
        return [
            f"OBX|{place}|{kind}|{code}|{place}|{text}||||||{status}"
            for place, (code, kind, text) in enumerate(rows, 1)
        ]

    def _head(self, order: Order) -> list[str]:
        person = seg.short_patient(self._system, order.person, order.authority, order.number)
        if order.stay is None:
            return [person]
        return [person, seg.visit(self._system, order.stay, short=True)]

    def _draft(self, kind: str, body: list[str], event: str, order: Order, at: float) -> Draft:
        return self._outbox.draft(
            at,
            kind,
            "",
            body,
            event,
            order.person.key,
            encounter=order.encounter,
            orders=[order.key],
        )


def _placer(order: Order) -> str:
    return f"{order.placer}^{ORDERS.components}"


def _filler(order: Order) -> str:
    return f"{order.filler}^{STUDIES.components}"
