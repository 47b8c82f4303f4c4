"""Numbers and what is built of them: Quantity, Range, Ratio.

Canonical numbers are text, so that no digit is lost; a FHIR decimal is a JSON number whose digits
count (R4 2.24.0.1: "1.50" is not "1.5"). Neither float nor Decimal keeps them through orjson, so a
number is an `orjson.Fragment` of checked JSON. What is no number keeps its words in an extension;
`results` shows such an observation as text instead.
"""

import re
from decimal import Decimal
from functools import lru_cache

import orjson

from plexus.api.canonical.v1 import datatypes_pb2 as canonical
from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import codes
from plexus.codecs.fhir.code_check import is_code_of
from plexus.codecs.fhir.codes import coded
from plexus.codecs.fhir.elements import Json, extension, text, token
from plexus.codecs.fhir.systems import system_uri

__all__ = [
    "ORIGINAL_URL",
    "is_expressible",
    "is_upside_down",
    "money",
    "number",
    "quantity",
    "range_words",
    "words",
]

ORIGINAL_URL = "urn:plexus:extension:original-text"
_LONGEST_NUMBER = 48
_CURRENCY = re.compile("[A-Z]{3}")
# Exponents have two digits at most, so that no receiver's number type overflows.
_NUMBER = re.compile(r"([+-]?)(?:0*([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]{1,2}))?")


@lru_cache(maxsize=4096)
def _normal(value: str) -> str:
    """`value` as a JSON number with all its digits, or "" where it is no decimal number."""
    value = value.strip()
    match = _NUMBER.fullmatch(value)
    if match is None or len(value) > _LONGEST_NUMBER:
        return ""
    sign, whole, fraction, bare_fraction, exponent = match.groups()
    made = f"-{whole or 0}" if sign == "-" else whole or "0"
    if digits := fraction or bare_fraction:
        made += f".{digits}"
    return f"{made}e{exponent}" if exponent else made


def number(value: str) -> orjson.Fragment | None:
    """A FHIR decimal with the digits of `value`; ".5" and "+3" become "0.5" and "3"."""
    made = _normal(value)
    return orjson.Fragment(made) if made else None


def words(source: canonical.Quantity) -> str:
    """The amount as a person would write it: comparator, number, unit."""
    amount = f"{source.comparator}{source.value}".strip()
    return text(f"{amount} {source.unit or source.code}".strip())


def is_expressible(source: canonical.Quantity, *, simple: bool = False) -> bool:
    """True where a FHIR Quantity can say the same; a SimpleQuantity has no comparator (sqty-1)."""
    comparator, value = source.comparator, source.value
    if comparator and (simple or not coded(comparator, codes.COMPARATOR)):
        return False
    return not value or bool(_normal(value))


def quantity(source: canonical.Quantity, *, simple: bool = True) -> Json:
    """A SimpleQuantity, or a Quantity where not `simple`; {} where nothing is known.

    A code without its system is sent as the unit (invariant qty-3), and so is one that is not of
    the system it names, such as mmHg of UCUM.
    """
    value, of = source.value, _unit(source.unit, source.system, source.code)
    if not (value or of):
        return {}
    comparator = source.comparator
    normal = _normal(value) if value else ""
    if (value and not normal) or (comparator and not is_expressible(source, simple=simple)):
        held = extension(ORIGINAL_URL, valueString=words(source))
        return {"extension": [held]} if held else {}
    made: Json = {}
    if value:
        made["value"] = orjson.Fragment(normal)
        if comparator:
            made["comparator"] = coded(comparator, codes.COMPARATOR)
    made.update(of)
    return made


def money(source: resources_pb2.Money) -> Json:
    """Money, or {} where it is no number: a currency alone is no amount."""
    value = number(source.value)
    if value is None:
        return {}
    currency = token(source.currency)
    return {"value": value} | ({"currency": currency} if _CURRENCY.fullmatch(currency) else {})


@lru_cache(maxsize=4096)
def _unit(unit: str, system: str, code: str) -> Json:
    """The members of a Quantity that say of what; shared, so nobody may change it."""
    unit, code = text(unit), token(code)
    system = system_uri(system) if code and system else ""
    if system and not is_code_of(system, code):
        system = ""
    made: Json = {}
    if shown := unit or ("" if system else code):
        made["unit"] = shown
    if system:
        made["system"] = system
        made["code"] = code
    return made


def is_upside_down(low: canonical.Quantity, high: canonical.Quantity) -> bool:
    """True where `low` is above `high` (invariant rng-2), both being numbers."""
    if low == high:
        return False
    least, most = _normal(low.value), _normal(high.value)
    return bool(least and most) and Decimal(least) > Decimal(most)


def range_words(low: canonical.Quantity, high: canonical.Quantity) -> str:
    """The range as a person would write it."""
    return " - ".join(each for each in (words(low), words(high)) if each)
