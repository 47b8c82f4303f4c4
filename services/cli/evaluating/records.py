"""Rows of a CSV file as the records that identity compares."""

import collections
import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Address, Authority, HumanName, Identifier, Telecom
from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.errors import InvalidRequest
from services.cli.evaluating.columns import columns_of
from services.identity.domain.normalisation import Features, features_of, is_sound_number

__all__ = ["Records", "read_records"]

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
_TELL_EACH: Final = 2000


class Records(NamedTuple):
    """The records of a file, in its order.

    Attributes:
        features: what is compared.
        truth: whose each record is; a record of which nothing is said is nobody else's.
        columns: the column that each field was read from.
        fields: of how many records each field was told.
    """

    features: list[Features]
    truth: list[str]
    columns: dict[str, str]
    fields: collections.Counter[str]


def read_records(
    path: Path,
    truth: str,
    mapping: Mapping[str, str],
    on_progress: Callable[[int], None] | None = None,
) -> Records:
    """Read a CSV file with a header. `on_progress` is told how many rows are read.

    Raises:
        InvalidRequest: there is no such column, or no field of a person among the columns.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file, dialect=_dialect(path))
        header = list(rows.fieldnames or ())
        if truth not in header:
            raise InvalidRequest(f"the file has no column {truth}; it has: {', '.join(header)}")
        columns = columns_of(header, mapping, (truth,))
        if not {"surname", "given", "ssn"} & set(columns):
            raise InvalidRequest(
                "no column looks like a name or a national number; say which with --map "
                f"surname=COLUMN,given=COLUMN; the file has: {', '.join(header)}"
            )
        told: list[dict[str, str]] = []
        whose: list[str] = []
        for number, row in enumerate(rows):
            if on_progress is not None and number % _TELL_EACH == 0:
                on_progress(number)
            told.append(_told(row, columns))
            whose.append((row.get(truth) or "").strip() or f"\0{number}")
    is_day_first = _is_day_first(row.get("dob", "") for row in told)
    scheme = _scheme([row["ssn"] for row in told if "ssn" in row])
    features = [_features(row, scheme, is_day_first=is_day_first) for row in told]
    return Records(
        features, whose, columns, collections.Counter(name for row in told for name in row)
    )


def _dialect(path: Path) -> type[csv.Dialect]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        head = file.readline()
    counts = {mark: head.count(mark) for mark in ",;\t|"}

    class Found(csv.excel):
        delimiter = max(counts, key=lambda mark: counts[mark])

    return Found


def _told(row: Mapping[str, str | None], columns: Mapping[str, str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for field, column in columns.items():
        value = (row.get(column) or "").strip()
        if value.casefold() not in _NOTHING:
            # Tables that went through a data frame have whole numbers as 123.0.
            told[field] = value[:-2] if _FLOAT.fullmatch(value) else value
    return told


def _features(told: Mapping[str, str], scheme: str, *, is_day_first: bool) -> Features:
    def said(field: str) -> str:
        return told.get(field, "")

    person = Person(
        birth_date=_birth_date(said("dob"), is_day_first=is_day_first),
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
    return features_of(person)


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
