"""Datatypes that are code and not maps, since their rules are more than places and conditions.

Two kinds: a *text* function takes one leaf and gives what to store, "" where it is no such value; a
*message* function fills a canonical message and gives the claim of what it read, 0 where it read
nothing. `values` has those of observations, `places` the location. Rows cited are those of the HL7
V2-to-FHIR guide.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from plexus.api.canonical.v1.datatypes_pb2 import Concept, Telecom
from plexus.codecs.hl7v2 import NULL, Value
from plexus.codecs.terminology import OIDS, system_of_name
from services.transform.domain.claims import MAPPED, first
from services.transform.domain.tables import Table
from services.transform.domain.terms import Terms
from services.transform.domain.times import clock_time

__all__ = ["TEXTS", "ConceptReader", "TelecomReader", "decimal"]

_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?", re.ASCII)
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_WHOLE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)

_KEPT = 2048
_LONGEST_KEPT = 16
_TRIPLETS = ((1, 2, 3, 7, 14), (4, 5, 6, 8, 17), (10, 11, 12, 13, 20))
_TEXT = 9
_CWE_PARTS = 20
_XTN_PARTS = 18
_ADDRESS = 4
_NUMBER_PARTS = {5: "country_code", 6: "area", 7: "local", 8: "extension"}


def decimal(text: str) -> str:
    """The number as FHIR writes decimals, digits as sent; "" where it is none (HL7 NM, 2.A.46)."""
    return _known_decimal(text) if len(text) <= _LONGEST_KEPT else _decimal(text)


def _decimal(text: str) -> str:
    found = _NUMBER.fullmatch(text.strip())
    if found is None or not (found[2] or found[3]):
        return ""
    sign = "-" if found[1] == "-" else ""
    digits = found[2].lstrip("0") or "0"
    return f"{sign}{digits}.{found[3]}" if found[3] else f"{sign}{digits}"


_known_decimal = lru_cache(_KEPT)(_decimal)  # results of one kind are much the same


def _clock(text: str) -> str:
    return clock_time(text.strip())


def _whole_number(text: str) -> str:
    text = text.strip()
    return text if _WHOLE_NUMBER.fullmatch(text) and int(text) else ""


TEXTS: dict[str, Callable[[str], str]] = {"TM": _clock, "NM": decimal, "SI": _whole_number}
"""Text functions by datatype. SI is a number from 1, for counting fields."""


@dataclass(frozen=True, slots=True)
class ConceptReader:
    """CWE, CE, CNE, CF, IS as a Concept (CWE[CodeableConcept] 1-14, 17, 20), with a code table if given.

    The sender's coding comes first and keeps the sender's own words. A code without a system that
    the table knows is of the table's HL7 system; what the table makes of it is added as a further
    coding, for it means the same.
    """

    systems: dict[str, str]
    table: Table | None = None

    def __call__(self, value: Value, concept: Concept, _terms: Terms) -> int:
        """Fill the concept; the message function of CWE."""
        leaves = value.leaves()
        mask = 0
        count = len(leaves)
        known: tuple[str, str, str] | None = None
        parts = ["" if leaf == NULL else leaf for leaf in leaves[:_CWE_PARTS]]
        parts += [""] * (_CWE_PARTS - count)
        for n_code, n_display, n_system, n_version, n_oid in _TRIPLETS:
            if n_code > count:
                break
            code, display = parts[n_code - 1], parts[n_display - 1]
            if not code and not display:
                continue
            coding = concept.codings.add()
            if code:
                coding.code = code
                mask |= first(n_code)
            if display:
                coding.display = display
                mask |= first(n_display)
            system = parts[n_system - 1]
            if system:
                mask |= first(n_system)
                uri = self.systems.get(system) or system_of_name(system)
                if uri:
                    coding.system = uri
                coding.system_name = system
            if n_oid <= count and (oid := parts[n_oid - 1]):
                uri = OIDS.get(oid, f"urn:oid:{oid}") if _OID.fullmatch(oid) else ""
                if uri and coding.system in {"", uri}:
                    coding.system = uri
                    mask |= first(n_oid)
            version = parts[n_version - 1]
            if version:
                coding.version = version
                mask |= first(n_version)
            table = self.table
            if table is not None and n_code == 1 and code in table.codes:
                if not system:
                    coding.system = table.system
                known = table.codings.get(code)
        if known is not None and not any(
            coding.system == known[0] and coding.code == known[1] for coding in concept.codings
        ):
            coding = concept.codings.add()
            coding.system, coding.code, coding.display = known
        text = parts[_TEXT - 1]
        if text:
            concept.text = text
            mask |= first(_TEXT)
        return mask


@dataclass(frozen=True, slots=True)
class TelecomReader:
    """XTN as a Telecom (XTN[ContactPoint] 1-12).

    The value is the first there is of: unformatted number (XTN.12), address (XTN.4), number as
    written (XTN.1), number in parts (XTN.5-8). An address beside a number, or a number beside an
    address, is the other value. Codes that FHIR has no code for are kept as they are.
    """

    uses: Table
    equipment: Table

    def __call__(self, value: Value, telecom: Telecom, terms: Terms) -> int:
        """Fill the contact point; the message function of XTN."""
        parts = ["", *value.leaves()]
        if NULL in parts:
            parts = ["" if part == NULL else part for part in parts]
        parts += [""] * (_XTN_PARTS + 1 - len(parts))
        mask = MAPPED
        equipment = parts[3]
        system = self.equipment.codes.get(equipment, "")
        is_address = system == "email"
        if parts[12] and not is_address:
            chosen: tuple[int, ...] = (12,)
        elif parts[4] and (is_address or not equipment):
            chosen = (4,)
            system = system or "email"
        elif parts[1]:
            chosen = (1,)
        elif parts[7]:
            chosen = tuple(n for n in (5, 6, 7, 8) if parts[n])
        elif parts[4]:
            chosen = (4,)
        else:
            return 0
        in_parts = ""
        if parts[7]:
            country = f"+{parts[5].lstrip('+')} " if parts[5] else ""
            area = f"{parts[6]} " if parts[6] else ""
            extension = f" X{parts[8]}" if parts[8] else ""
            in_parts = f"{country}{area}{parts[7]}{extension}"
        telecom.value = in_parts if chosen[0] in _NUMBER_PARTS else parts[chosen[0]]
        for n in chosen:
            mask |= first(n)
        for n, name in _NUMBER_PARTS.items():
            if parts[n]:
                setattr(telecom, name, parts[n])
                mask |= first(n)
        other = 4 if chosen[0] != _ADDRESS else 12 if parts[12] else 1
        if parts[other]:
            telecom.other_value = parts[other]
            mask |= first(other)
        elif other == 1 and in_parts:
            telecom.other_value = in_parts
        for n, end in ((13, "start"), (14, "end")):
            if parts[n] and (at := terms.time(parts[n])):
                setattr(telecom.period, end, at)
                mask |= first(n)
        if parts[18].isdigit() and 0 < int(parts[18]) < 2**31:
            telecom.rank = int(parts[18])
            mask |= first(18)
        if system == "mobile":
            telecom.system, telecom.use = "phone", "mobile"
        elif system:
            telecom.system = system
        if equipment:
            mask |= first(3)
            if system in {"", "other"} or equipment == "X.400":
                telecom.equipment_code = equipment
        use = self.uses.codes.get(parts[2], "")
        if use and not telecom.use:
            telecom.use = use
        elif parts[2]:
            telecom.use_code = parts[2]
        mask |= first(2)
        if parts[9]:
            telecom.comment = parts[9]
            mask |= first(9)
        if parts[1] and not mask & first(1):
            telecom.written = parts[1]
            mask |= first(1)
        return mask
