"""Orders and results: ORC, OBR, OBX, SPM and NTE (HL7 v2.5.1 chapters 4 and 7)."""

import base64
from collections.abc import Iterator
from typing import Any, Final

from plexus.api.canonical.v1 import resources_pb2 as canonical
from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.codecs.hl7v2.rendering.cited import Cited
from plexus.codecs.hl7v2.rendering.fields import first_of, spelled

__all__ = ["ResultSegments"]

_YES_NO: Final = {True: "Y", False: "N"}
_RESULT: Final = {
    "amended": "A", "corrected": "C", "entered-in-error": "W", "final": "F", "preliminary": "P",
    "cancelled": "X", "registered": "I",
}  # fmt: skip
_REPORT: Final = {
    "registered": "I", "preliminary": "P", "corrected": "C", "amended": "C", "appended": "C",
    "partial": "R", "final": "F", "cancelled": "X",
}  # fmt: skip
_ORDER: Final = {"completed": "CM", "active": "IP", "on-hold": "HD", "revoked": "CA"}


class ResultSegments(Cited):
    """Writes them field by field, as the maps read them."""

    def orc(self, order: canonical.ServiceRequest) -> str:
        """ORC (4.5.1) before a result."""
        return self.row(
            "ORC",
            {
                1: "RE",
                2: self.ei(first_of(order.identifiers, "PLAC")),
                3: self.ei(first_of(order.identifiers, "FILL")),
                5: spelled(_ORDER, order.status),
                9: self.time(order.authored_on),
                12: self.cited_person(order.requester),
            },
        )

    def obr(self, number: int, report: canonical.DiagnosticReport, requester: Reference) -> str:
        """OBR (4.5.3) of a report."""
        return self.row(
            "OBR",
            {
                1: str(number),
                2: self.ei(first_of(report.identifiers, "PLAC")),
                3: self.ei(first_of(report.identifiers, "FILL")),
                4: self.cwe(report.code),
                7: self.time(report.effective.start),
                8: self.time(report.effective.end),
                16: self.cited_person(requester),
                22: self.time(report.issued),
                24: self.code(report.categories[0]) if report.categories else "",
                25: spelled(_REPORT, report.status),
                32: self._reader(report.interpreters[0]) if report.interpreters else "",
            },
        )

    def _reader(self, reference: Reference) -> str:
        """NDL (2.A.47) of who interpreted a report."""
        found = self.target(reference, "practitioner")
        return self.parts(self.cnn(found)) if found is not None else ""

    def obx(self, number: int, one: canonical.Observation) -> Iterator[str]:
        """OBX (7.4.2) and its notes."""
        kind, value, unit = self._value(one.value)
        if len(one.reference_ranges) == 1:
            limits = one.reference_ranges[0]
            between = f"{limits.low.value}-{limits.high.value}"
            normal = limits.text or (between if between != "-" else "")
        else:
            normal = ""
        yield self.row(
            "OBX",
            {
                1: str(number),
                2: kind,
                3: self.cwe(one.code),
                4: self.text(one.sub_id),
                5: value,
                6: unit,
                7: self.text(normal),
                8: self.each(self.cwe(each, alone=True) for each in one.interpretations),
                11: spelled(_RESULT, one.status),
                14: self.time(one.effective_time),
                16: self.each(map(self.cited_person, one.performers)),
                17: self.each(map(self.cwe, one.methods)),
                18: self.each([*map(self.cited_device, one.equipment), *map(self.ei, one.devices)]),
                19: self.time(one.issued),
                20: self.cwe(one.body_site),
                21: self.ei(first_of(one.identifiers, "FILL")),
            },
        )
        yield from self.notes(one.notes)

    def _value(self, value: canonical.ObservationValue) -> tuple[str, str, str]:
        """OBX-2, OBX-5 and OBX-6."""
        kind = value.WhichOneof("kind")
        if kind == "quantity":
            one = value.quantity
            unit = self.parts(one.code, "" if one.unit == one.code else one.unit, "UCUM")
            if not one.code:
                unit = self.text(one.unit)
            if one.comparator:
                return "SN", self.parts(one.comparator, one.value), unit
            return "NM", self.text(one.value), unit
        if kind == "concept":
            return "CWE", self.cwe(value.concept), ""
        if kind == "date_time":
            return "DTM", self.time(value.date_time), ""
        if kind == "time":
            return "TM", value.time.replace(":", ""), ""
        if kind == "period":
            ends = (self.time(value.period.start), self.time(value.period.end))
            return "DR", self.parts(*ends), ""
        if kind == "integer":
            return "NM", str(value.integer), ""
        if kind == "boolean":
            return "ID", _YES_NO[value.boolean], ""
        if kind == "range":
            return "NR", self.parts(value.range.low.value, value.range.high.value), ""
        if kind == "ratio":
            sides = (value.ratio.numerator.value, ":", value.ratio.denominator.value)
            return "SN", self.parts("", *sides), self.text(value.ratio.numerator.unit)
        if kind == "attachment":
            return self.attachment(value.attachment)
        return ("TX", self.text(value.text), "") if kind == "text" else ("", "", "")

    def attachment(self, one: Any) -> tuple[str, str, str]:
        """ED (2.A.24) of bytes, RP (2.A.64) of an address."""
        main, _, sub = one.content_type.partition("/")
        if one.data:
            data = base64.b64encode(one.data).decode()
            return "ED", self.parts("", main, sub, "Base64", data), ""
        return "RP", self.parts(one.url, "", main, sub), ""

    def notes(self, notes: Any) -> Iterator[str]:
        """NTE (2.15.10), one for each."""
        for number, each in enumerate(notes, 1):
            yield self.row("NTE", {1: str(number), 3: self.text(each.text), 4: self.cwe(each.kind)})

    def spm(self, number: int, one: canonical.Specimen) -> str:
        """SPM (7.4.3)."""
        known: list[list[str]] = []
        for kinds in (("PGN", "PLAC"), ("FGN", "FILL")):
            found = next((i for kind in kinds if (i := first_of(one.identifiers, kind))), None)
            known.append([found.value, *self._hd(found.authority)] if found else [""])
        ends = (self.time(one.collected.start), self.time(one.collected.end))
        return self.row(
            "SPM",
            {
                1: str(number),
                2: self.parts(*known),
                4: self.cwe(one.type),
                8: self.cwe(one.body_site),
                17: self.parts(*ends),
                18: self.time(one.received_time),
            },
        )
