"""What FHIR R4 says of its types, as tables generated from its definitions.

The README beside the tables tells their source and notation. They are read on import, so that no one
has to wait for a disk later, and kept as text, which is less than a megabyte; a row is parsed when it
is needed, since an output uses few of the types of resource.
"""

import functools
import gzip
import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from plexus.codecs.fhir.definitions.primitives import PRIMITIVES

__all__ = [
    "PRIMITIVES",
    "Element",
    "code_system",
    "extension_types",
    "is_resource_type",
    "structure",
    "structures",
    "value_set",
]

_ANY: Final = 1_000_000


class Element(NamedTuple):
    """One element of a type.

    Attributes:
        name: as it stands in JSON, or with [x] where the type is a choice.
        types: (what ends the name of a choice, type of the value).
        least: how many there must be.
        most: how many there may be.
        is_list: it is a JSON array.
        targets: types that a Reference may point at; empty for all.
        binding: the value set that codes must come from, or "".
        invariants: expression by key of what must hold here and not of the type in general.
    """

    name: str
    types: tuple[tuple[str, str], ...]
    least: int
    most: int
    is_list: bool
    targets: frozenset[str]
    binding: str
    invariants: Mapping[str, str]

    def members(self) -> Iterator[tuple[str, str]]:
        """(member of the JSON object, type of its value); more than one for a choice."""
        if self.name.endswith("[x]"):
            stem = self.name[:-3]
            for ending, type_ in self.types:
                yield stem + ending[0].upper() + ending[1:], type_
        else:
            yield self.name, self.types[0][1]


class Structure(NamedTuple):
    """A resource type, a datatype or a backbone element such as Patient.contact."""

    elements: tuple[Element, ...]
    invariants: Mapping[str, str]

    @property
    def is_resource(self) -> bool:
        """Every resource can have a meta and implicit rules; no other type can."""
        return any(element.name == "implicitRules" for element in self.elements)


def _read(name: str) -> Mapping[str, bytes]:
    packed = importlib.resources.files(__package__).joinpath(name).read_bytes()
    rows = (line.partition(b"\t") for line in gzip.decompress(packed).split(b"\n"))
    return MappingProxyType({key.decode(): row for key, _, row in rows if key})


_STRUCTURES: Final = _read("structures.tsv.gz")
_CODES: Final = _read("codes.tsv.gz")


def _row(table: Mapping[str, bytes], key: str) -> Any:
    row = table.get(key)
    return None if row is None else orjson.loads(row)


@functools.cache
def structure(name: str) -> Structure | None:
    """What R4 says of a type, or None where it has no such type."""
    row = _row(_STRUCTURES, name) if ":" not in name else None
    if row is None:
        return None
    elements = tuple(_element(key, each) for key, each in row["e"].items())
    return Structure(elements, row.get("i", {}))


def _element(name: str, row: Mapping[str, Any]) -> Element:
    # "Quantity:SimpleQuantity" is named by the first and has the rules of the second.
    pairs = ((each, each.rpartition(":")) for each in row["t"])
    types = tuple((head or each, tail) for each, (head, _, tail) in pairs)
    is_list = "m" in row
    return Element(
        name,
        types,
        row.get("n", 0),
        (row["m"] or _ANY) if is_list else 1,
        is_list,
        frozenset(row.get("r", ())),
        row.get("b", ""),
        row.get("i", {}),
    )


def structures() -> Sequence[str]:
    """The names of all types and backbone elements."""
    return [name for name in _STRUCTURES if ":" not in name]


@functools.cache
def is_resource_type(name: str) -> bool:
    """Whether a resource of R4 may call itself so."""
    if name in {"Resource", "DomainResource"} or "." in name:
        return False
    found = structure(name)
    return found is not None and found.is_resource


@functools.cache
def value_set(url: str) -> Mapping[str, frozenset[str]] | None:
    """Codes by system of a value set that R4 requires somewhere, if it can be told at all."""
    row = _row(_STRUCTURES, url)
    return None if row is None else {system: frozenset(codes) for system, codes in row}


@functools.lru_cache(maxsize=256)
def code_system(url: str) -> frozenset[str] | None:
    """All codes of a code system that is known completely, or None."""
    row = _row(_CODES, url) if ":" in url else None
    return None if row is None else frozenset(row)


@functools.cache
def extension_types() -> Mapping[str, Sequence[str]]:
    """The types of value of each extension of the specification by URL; none for a complex one."""
    made: Mapping[str, Sequence[str]] = _row(_CODES, "extensions")
    return made
