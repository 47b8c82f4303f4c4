"""Every element of a resource, with what R4 says of it.

What does not fit the structure is passed over: `validation` has told it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from plexus.codecs.fhir.definitions import PRIMITIVES, Element, structure

__all__ = ["Node", "walk"]


class Node(NamedTuple):
    """One value.

    Attributes:
        path: without positions in lists, as Patient.contact.gender.
        type: of the value, as Patient.contact or code.
        value: a JSON value; for extensions of a primitive the object beside it.
        element: what is said of the place; None for the resource itself.
    """

    path: str
    type: str
    value: Any
    element: Element | None


def walk(resource: Mapping[str, Any]) -> Iterator[Node]:
    """The resource and all elements below it, resources within it left out."""
    fhir_type = str(resource.get("resourceType"))
    yield Node(fhir_type, fhir_type, resource, None)
    yield from _below(resource, fhir_type, fhir_type)


def _below(value: Mapping[str, Any], type_: str, path: str) -> Iterator[Node]:
    found = structure(type_)
    if found is None:
        return
    for element in found.elements:
        for member, member_type in element.members():
            if member in value:
                yield from _member(value[member], member_type, f"{path}.{member}", element)
            if member_type in PRIMITIVES and f"_{member}" in value:
                yield from _member(value[f"_{member}"], "Element", f"{path}.{member}", element)


def _member(value: Any, type_: str, path: str, element: Element) -> Iterator[Node]:
    for one in value if isinstance(value, list) else (value,):
        if type_ in PRIMITIVES:
            if one is not None and not isinstance(one, dict | list):
                yield Node(path, type_, one, element)
        elif isinstance(one, dict) and type_ != "Resource":
            yield Node(path, type_, one, element)
            yield from _below(one, type_, path)
