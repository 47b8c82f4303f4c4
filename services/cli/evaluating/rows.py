"""One row of a table as a canonical person: what `evaluate` compares and `load` takes in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Address, Authority, HumanName, Identifier, Telecom
from plexus.api.canonical.v1.resources_pb2 import Person
from services.identity.domain.normalisation import is_sound_number

__all__ = ["Reading", "person_of", "reading_of", "told"]

_SSN: Final = "2.16.840.1.113883.4.1"
_NHS: Final = "2.16.840.1.113883.2.1.4.1"
_MOST_ARE: Final = 0.97
"""Numbers of which more break the rule of a scheme are of another one, or invented: no rule holds then."""
_SLASHED: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{2}|\d{4})(?:\D.*)?\Z", re.ASCII)
_YEAR_FIRST: Final = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:\D.*)?\Z", re.ASCII)
_FLOAT: Final = re.compile(r"\d+\.0\Z", re.ASCII)
_NOTHING: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>", "nat"})
_THIS_CENTURY: Final = 26
"""Years of two digits up to this one are of the present century."""


class Reading(NamedTuple):
    """How the values of a table are to be read; a table is read one way throughout.

    Attributes:
        scheme: OID of the national numbers; empty where none is known.
        is_day_first: 03/04/1970 is in April.
    """

    scheme: str
    is_day_first: bool


def reading_of(rows: Iterable[Mapping[str, str]]) -> Reading:
    """How to read a table, by what stands in many of its rows."""
    dates: list[str] = []
    numbers: list[str] = []
    for row in rows:
        dates.append(row.get("dob", ""))
        if "ssn" in row:
            numbers.append(row["ssn"])
    return Reading(_scheme(numbers), _is_day_first(dates))


def told(columns: Mapping[str, int], row: Sequence[str]) -> dict[str, str]:
    """What a row says, by field. `columns` are the places of the fields."""
    found: dict[str, str] = {}
    for field, place in columns.items():
        value = row[place].strip() if place < len(row) else ""
        if value.casefold() not in _NOTHING:
            # Tables that went through a data frame have whole numbers as 123.0.
            found[field] = value[:-2] if _FLOAT.fullmatch(value) else value
    return found


def person_of(told: Mapping[str, str], reading: Reading) -> Person:
    """The person of whom a row tells."""
    scheme = reading.scheme

    def said(field: str) -> str:
        return told.get(field, "")

    person = Person(
        birth_date=_birth_date(said("dob"), is_day_first=reading.is_day_first),
        gender=said("sex"),
    )
    given = [said("given"), said("middle")] if "middle" in told else [said("given")]
    suffix = [said("suffix")] if "suffix" in told else []
    if any(given) or "surname" in told:
        person.names.append(HumanName(family=said("surname"), given=given, suffix=suffix))
    if "maiden" in told:
        person.names.append(HumanName(family=said("maiden"), given=given, suffix=suffix))
    street = " ".join(each for each in (said("street_no"), said("street")) if each)
    unit = f"unit {told['unit']}" if "unit" in told else ""
    line = [each for each in (street, said("street2"), unit) if each]
    if line or "city" in told or "zip" in told:
        person.addresses.append(
            Address(line=line, city=said("city"), state=said("state"), postal_code=said("zip"))
        )
    person.telecoms.extend(
        Telecom(system="phone", value=told[field]) for field in ("phone", "phone2") if field in told
    )
    if "email" in told:
        person.telecoms.append(Telecom(system="email", value=said("email")))
    if "ssn" in told:
        authority = Authority(universal_id=scheme) if scheme else Authority(namespace="national")
        person.identifiers.append(
            Identifier(
                value=said("ssn"), type_code="SS" if scheme == _SSN else "NI", authority=authority
            )
        )
    if "mother" in told:
        person.mother_identifiers.append(
            Identifier(value=said("mother"), authority=Authority(namespace="file"))
        )
    if said("birth_order").isdigit():
        person.birth_order = int(told["birth_order"])
    return person


def _scheme(numbers: Sequence[str]) -> str:
    """The OID of the scheme whose rule most of the numbers keep; empty where none is like that."""
    bare = ["".join(each for each in number if each.isdigit()) for number in numbers]
    for oid, system, length in ((_NHS, "uk-nhs", 10), (_SSN, "us-ssn", 9)):
        sound = sum(len(each) == length and is_sound_number(system, each) for each in bare)
        if bare and sound >= _MOST_ARE * len(bare):
            return oid
    return ""


def _is_day_first(dates: Iterable[str]) -> bool:
    """Whether 03/04/1970 is in April: where more dates have a day there that no month has."""
    day, month = 0, 0
    for date in dates:
        if found := _SLASHED.match(date):
            day += int(found.group(1)) > 12
            month += int(found.group(3)) > 12
    return day > month


def _birth_date(text: str, *, is_day_first: bool) -> str:
    """As year-month-day, as far as it can be read; else as it is."""
    if found := _YEAR_FIRST.match(text):
        return "-".join(part.zfill(2) for part in found.groups())
    if not (found := _SLASHED.match(text)):
        return text
    first, _, second, year = found.groups()
    if len(year) == 2:
        year = ("20" if int(year) <= _THIS_CENTURY else "19") + year
    month, day = (second, first) if is_day_first else (first, second)
    return f"{year}-{month:0>2}-{day:0>2}"
