"""The values of observations that are code: numbers with comparators, units, ranges, documents.

OBX[Observation] OBX-5 to OBX-7 and the datatype maps SN[Quantity], SN[Range], SN[Ratio],
CWE[Quantity], ED[Attachment] and RP[Attachment] of the HL7 V2-to-FHIR guide. What does not fit
gives 0, and the maps then fall back to text, so no result is lost for its form.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from plexus.api.canonical.v1.datatypes_pb2 import Attachment, Quantity
from plexus.api.canonical.v1.resources_pb2 import ObservationValue, ReferenceRange
from plexus.codecs.hl7v2 import NULL, Value
from plexus.codecs.terminology import UCUM, is_ucum, normalise
from services.transform.domain.claims import ALL, MAPPED, first
from services.transform.domain.datatypes import decimal
from services.transform.domain.kept import Read
from services.transform.domain.terms import NO_TERMS, Terms
from services.transform.domain.wire import delimited

if TYPE_CHECKING:
    from services.transform.domain.draft import Draft

__all__ = ["document", "pointer", "reference_range", "structured_number", "units"]

_UCUM_NAMES = frozenset({"UCUM", "2.16.840.1.113883.6.8", UCUM.upper()})
# Other systems of units (HL7 table 0396); the UCUM system stands for them where the meaning is known.
_UNIT_NAMES = _UCUM_NAMES | {"ISO", "ISO+", "ANS+", "ANSI", "ANSI+"}
_TORN = re.compile(r"[0-9]{1,2} ?/ ?[A-Za-z]{1,4}", re.ASCII)
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_SPAN = re.compile(r"\s*(-?[\d.]+)\s*-\s*(-?[\d.]+)\s*", re.ASCII)
_BOUND = re.compile(r"\s*(<=?|>=?)\s*(-?[\d.]+)\s*", re.ASCII)
_MEDIA = re.compile(r"[\w.+\-]+", re.ASCII)
_UNIT_PARTS = 6
_KEPT = 2048
_LONGEST_KEPT = 64
_SUBTYPES = {
    "PDF": "application/pdf",
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "GIF": "image/gif",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "TIF": "image/tiff",
    "DICOM": "application/dicom",
    "RTF": "application/rtf",
    "HTML": "text/html",
    "XML": "application/xml",
}


def structured_number(value: Value, result: ObservationValue, _terms: Terms) -> int:
    """SN: a quantity, a range or a ratio (SN[Quantity], SN[Range], SN[Ratio])."""
    sign, low, separator, high = (
        "" if (text := value.get(n).strip()) == NULL else text for n in range(1, 5)
    )
    number = decimal(low)
    plain = sign in {"", "="}
    if not number or (sign and not plain and sign not in _COMPARATORS):
        return 0
    mask = first(1) | first(2) | first(3) | first(4)
    if not separator and not high:
        result.quantity.value = number
        if not plain:
            result.quantity.comparator = sign
        return mask
    other = decimal(high)
    if not other:
        return 0
    if separator == "-" and plain:
        result.range.low.value = number
        result.range.high.value = other
        return mask
    if separator in {":", "/"}:
        result.ratio.numerator.value = number
        if not plain:
            result.ratio.numerator.comparator = sign
        result.ratio.denominator.value = other
        return mask
    return 0


def units(value: Value, quantity: Quantity, _terms: Terms) -> int:
    """OBX-6 (CWE[Quantity]): the unit as sent; system and code where it is UCUM, or known as such.

    What the sender calls UCUM is taken as it is if it is UCUM. Else what the sender's code means is
    the code, or what its text means; nothing where both are known and differ (see
    `plexus.codecs.terminology.units`).
    """
    leaves = value.leaves()
    parts = ["" if leaf == NULL else leaf for leaf in leaves] + [""] * (_UNIT_PARTS - len(leaves))
    code, unit, system, other = parts[0], parts[1], parts[2], parts[3]
    if power := _torn_power(code, unit):
        # "10^9/L" was not escaped, and the separator of components tore it.
        code, unit, mask = power, "", first(1) | first(2)
    else:
        mask = (first(1) if code else 0) | (first(2) if unit else 0)
    if system.upper() in _UCUM_NAMES and is_ucum(code):
        mask |= first(3)
        ucum = code
    elif parts[5].upper() in _UCUM_NAMES and is_ucum(other):
        ucum = other
        if unit and code not in {unit, other}:
            mask &= ~first(1)
        mask |= first(4) | first(6)
    else:
        ucum = _meant(code, unit)
        if ucum and unit and code not in {unit, ucum}:
            mask &= ~first(1)
        if ucum and system.upper() in _UNIT_NAMES:
            mask |= first(3)
    if shown := unit or code or (other if ucum else ""):
        quantity.unit = shown
    if ucum:
        quantity.system = UCUM
        quantity.code = ucum
    elif code:
        quantity.code = code
    return mask


def _torn_power(code: str, unit: str) -> str:
    found = _TORN.fullmatch(unit) if code in {"10", "x10"} else None
    return f"{code}^{unit}" if found else ""


def _meant(code: str, unit: str) -> str:
    """The UCUM expression that code and text mean; empty where unknown, or where they differ."""
    one, other = normalise(code).code, normalise(unit).code
    return "" if one and other and one != other else one or other


def reference_range(value: Value, draft: "Draft") -> Read:
    """OBX-7: `low-high`, `< high`, `> low`; always the text too, for it says it exactly."""
    text, unit = value.whole(), b""
    segment = draft.near.get("OBX")
    if segment is not None:
        value = segment.value(6)
        if len(value.text) <= _LONGEST_KEPT and value.is_usual:
            unit = _known_unit(value.text)
        else:
            unit = _unit(value)
    read = _range_of if len(text) + len(unit) > _LONGEST_KEPT * 2 else _known_range
    return ALL, read(text, unit)


@lru_cache(_KEPT)
def _known_unit(text: str) -> bytes:
    return _unit(Value.usual(text))


def _unit(value: Value) -> bytes:
    """The unit, as a serialized quantity that says no number. A code without a system is left out."""
    quantity = Quantity()
    units(value, quantity, NO_TERMS)
    if not quantity.system:
        quantity.code = ""
    return quantity.SerializeToString()


def _range_of(text: str, unit: bytes) -> bytes:
    result = ReferenceRange()
    found = _SPAN.fullmatch(text)
    low = high = ""
    if found:
        low, high = decimal(found[1]), decimal(found[2])
        if not low or not high:
            low = high = ""
    else:
        bound = _BOUND.fullmatch(text)
        # FHIR referenceRange.low and .high are inclusive, so only <= and >= are bounds of it.
        if bound and bound[1] == "<=":
            high = decimal(bound[2])
        elif bound and bound[1] == ">=":
            low = decimal(bound[2])
    for number, quantity in ((low, result.low), (high, result.high)):
        if number:
            quantity.value = number
            quantity.MergeFromString(unit)
    result.text = text
    return delimited(result)


_known_range = lru_cache(_KEPT)(_range_of)


def document(value: Value, attachment: Attachment, _terms: Terms) -> int:
    """ED (ED[Attachment]): embedded data, decoded."""
    data, encoding = value.component(5).whole(), value.get(4)
    if not data or data == NULL:
        return 0
    if encoding.upper() == "BASE64":
        try:
            attachment.data = base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            return 0
    elif encoding.upper() == "HEX":
        try:
            attachment.data = bytes.fromhex(data)
        except ValueError:
            return 0
    elif encoding.upper() in {"A", ""}:
        attachment.data = data.encode()
    else:
        return 0
    mask = 3 << 10 | first(4)
    return mask | _media_type(value, 2, 3, attachment)


def pointer(value: Value, attachment: Attachment, _terms: Terms) -> int:
    """RP (RP[Attachment]): where the data lies."""
    url = value.get(1)
    if not url or url == NULL:
        return 0
    attachment.url = url
    return MAPPED | first(1) | _media_type(value, 3, 4, attachment)


def _media_type(value: Value, main: int, sub: int, attachment: Attachment) -> int:
    """Media type of HL7 tables 0191 and 0291; claims what it could say with it."""
    kind, subtype = value.get(main), value.get(sub)
    if "/" in kind and not subtype:
        attachment.content_type = kind
        return first(main)
    known = _SUBTYPES.get(subtype.upper())
    if known is not None and kind.upper() in {"", "AP", "APPLICATION", "IMAGE", "IM", "TEXT"}:
        attachment.content_type = known
        # The kind stays as residue: AP and IM say no more than the media type does, but differently.
        return first(sub)
    if kind and subtype and _MEDIA.fullmatch(kind) and _MEDIA.fullmatch(subtype):
        attachment.content_type = f"{kind}/{subtype}"
        return first(main) | first(sub)
    return 0
