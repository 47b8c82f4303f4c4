"""HL7 v2.5.1 datatypes of canonical ones, each a method that gives a written field.

The inverse of what transform's maps read. What a datatype has no component for is left out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.api.canonical.v1.resources_pb2 import Organization, Practitioner
from plexus.codecs.hl7v2.escapes import DEFAULT_SEPARATORS
from plexus.codecs.hl7v2.writing import SegmentWriter
from plexus.codecs.terminology import ICD10CM, LOINC, RXNORM, SNOMED

__all__ = ["Fields", "first_of", "spelled"]

_DATE_TIME: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
_V2_TABLE: Final = re.compile(r"http://terminology\.hl7\.org/CodeSystem/v2-(\d{4})")
# Names of HL7 table 0396.
_NAMES: Final = {LOINC: "LN", SNOMED: "SCT", RXNORM: "RXNORM", ICD10CM: "I10C"} | {
    "http://unitsofmeasure.org": "UCUM",
    "http://hl7.org/fhir/sid/cvx": "CVX",
}
_NAME_TYPES: Final = {
    "usual": "D", "official": "L", "maiden": "M", "anonymous": "MSK", "nickname": "N",
    "old": "BAD", "temp": "TEMP",
}  # fmt: skip
_ADDRESS_TYPES: Final = {"home": "H", "work": "B", "temp": "C", "old": "BA", "billing": "BI"}
_TELECOM_USES: Final = {"home": "PRN", "work": "WPN", "mobile": "PRS"}
_EQUIPMENT: Final = {"phone": "PH", "fax": "FX", "pager": "BP", "email": "Internet"}
_MOST_GIVEN: Final = 2


def spelled(codes: Mapping[str, str], value: str) -> str:
    """The code that stands for a value, or ""."""
    return codes.get(value, "")


class Fields(SegmentWriter):
    """Writes fields in the default separators."""

    def __init__(self) -> None:
        """Write in the usual separators."""
        super().__init__(DEFAULT_SEPARATORS)

    @staticmethod
    def time(value: str) -> str:
        """DTM (2.A.22): the same precision and zone; "" where it is no FHIR time."""
        found = _DATE_TIME.fullmatch(value.strip())
        if found is None:
            return ""
        *digits, fraction, zone = found.groups("")
        offset = "+0000" if zone == "Z" else zone.replace(":", "")
        return "".join(digits) + fraction + offset

    def cx(self, source: canonical.Identifier) -> str:
        """CX (2.A.14)."""
        return self.parts(
            source.value, source.check_digit, source.check_digit_scheme,
            self._hd(source.authority), source.type_code, self._hd(source.facility),
            self.time(source.start)[:8], self.time(source.end)[:8],
        )  # fmt: skip

    def ei(self, source: canonical.Identifier | None) -> str:
        """EI (2.A.28)."""
        return "" if source is None else self.parts(source.value, *self._hd(source.authority))

    @staticmethod
    def _hd(source: canonical.Authority) -> list[str]:
        return [source.namespace, source.universal_id, source.universal_id_type]

    @staticmethod
    def _named(source: canonical.HumanName) -> list[str]:
        """Family, given, further given, suffix, prefix: what XPN, XCN and CNN have in common."""
        given, further = list(source.given), ""
        if len(given) >= _MOST_GIVEN:
            further = " ".join(given[1:])
        return [
            source.family,
            given[0] if given else "",
            further,
            source.suffix[0] if source.suffix else "",
            " ".join(source.prefix),
            source.suffix[1] if len(source.suffix) > 1 else "",
        ]

    @staticmethod
    def _family(source: canonical.HumanName) -> list[str]:
        """FN (2.A.30)."""
        return [
            source.family, source.own_prefix, source.own_family, source.partner_prefix,
            source.partner_family,
        ]  # fmt: skip

    def xpn(self, source: canonical.HumanName) -> str:
        """XPN (2.A.89)."""
        period = source.period
        return self.parts(
            self._family(source), *self._named(source)[1:], spelled(_NAME_TYPES, source.use), "",
            "", "", source.assembly_order, self.time(period.start), self.time(period.end), "",
            source.called,
        )  # fmt: skip

    def xcn(self, source: Practitioner) -> str:
        """XCN (2.A.88)."""
        known = source.identifiers[0] if source.identifiers else canonical.Identifier()
        name = source.names[0] if source.names else canonical.HumanName()
        _, given, further, suffix, prefix, _ = self._named(name)
        degree = source.qualifications[0].text if source.qualifications else ""
        return self.parts(
            known.value, self._family(name), given, further, suffix, prefix, degree, "",
            self._hd(known.authority), spelled(_NAME_TYPES, name.use), known.check_digit,
            known.check_digit_scheme, known.type_code, self._hd(known.facility), "", "", "",
            name.assembly_order,
        )  # fmt: skip

    def cnn(self, source: Practitioner) -> list[str]:
        """CNN (2.A.9), as the subcomponents of NDL."""
        known = source.identifiers[0] if source.identifiers else canonical.Identifier()
        name = source.names[0] if source.names else canonical.HumanName()
        return [known.value, *self._named(name)[:5], "", "", *self._hd(known.authority)]

    def xon(self, source: Organization) -> str:
        """XON (2.A.86)."""
        known = source.identifiers[0] if source.identifiers else canonical.Identifier()
        return self.parts(
            source.name, "", "", known.check_digit, known.check_digit_scheme,
            self._hd(known.authority), known.type_code, self._hd(known.facility), "", known.value,
        )  # fmt: skip

    def xad(self, source: canonical.Address) -> str:
        """XAD (2.A.87)."""
        lines = [*source.line, "", "", ""]
        kind = spelled(_ADDRESS_TYPES, source.use) or ("M" if source.type == "postal" else "")
        return self.parts(
            lines[0], lines[1], source.city, source.state, source.postal_code, source.country,
            kind, lines[2], source.district, source.census_tract, "", "",
            self.time(source.period.start), self.time(source.period.end),
        )  # fmt: skip

    def xtn(self, source: canonical.Telecom) -> str:
        """XTN (2.A.90)."""
        equipment = source.equipment_code or spelled(_EQUIPMENT, source.system)
        use = source.use_code or spelled(_TELECOM_USES, source.use)
        if source.use == "mobile" and source.use_code:
            # It is mobile by its equipment.
            equipment = "CP"
        number, address = source.value, source.other_value
        if source.system == "email":
            number, address, use = source.other_value, source.value, use or "NET"
        return self.parts(
            number, use, equipment, address, source.country_code, source.area, source.local,
            source.extension, source.comment,
        )  # fmt: skip

    def cwe(self, source: canonical.Concept, *, alone: bool = False) -> str:
        """CWE (2.A.13): the first two codings and the words.

        Args:
            source: the concept.
            alone: write the first coding only, where the field has a table, which adds the others.
        """
        codings = [each for each in source.codings if each.code or each.display]
        written = [self._coding(each, alone=alone) for each in codings[: 1 if alone else 2]]
        first, second = [*written, [""] * 3, [""] * 3][:2]
        return self.parts(*first, *second, "", "", source.text)

    @staticmethod
    def _coding(source: canonical.Coding, *, alone: bool) -> list[str]:
        table = _V2_TABLE.fullmatch(source.system)
        name = source.system_name or _NAMES.get(source.system) or source.system
        if table and not source.system_name:
            # A field of one table need not name it.
            name = "" if alone else f"HL7{table[1]}"
        return [source.code, source.display, name]

    def code(self, source: canonical.Concept, system: str = "") -> str:
        """The code of the first coding, or of the one of that system."""
        for each in source.codings:
            if each.code and (not system or each.system == system):
                return self.text(each.code)
        return ""

    def each(self, written: Iterable[str]) -> str:
        """Repetitions, without empty ones."""
        return self.repeated(*(one for one in written if one))

    def row(self, name: str, fields: Mapping[int, str]) -> str:
        """A segment by field numbers; "" where all are empty."""
        if not any(fields.values()):
            return ""
        return self.segment(name, *(fields.get(n, "") for n in range(1, max(fields) + 1)))


def first_of(identifiers: Sequence[canonical.Identifier], kind: str) -> canonical.Identifier | None:
    """The first identifier of that type."""
    return next((each for each in identifiers if each.type_code == kind), None)
