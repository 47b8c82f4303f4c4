"""Whether an element is surely valid: the strict schema as Python, for what renderers make.

It looks at the objects themselves, where a schema needs them written and read again. It may say False
of what is valid, for it knows only the usual (no gaps in lists): then `validation` holds it against the schema. It never
says True of what is not: tests hold both against each other. Parts that were made once and are used
again are `Sealed` when they are made, and not looked into again.
Neighbours: `definitions` say what is valid, `strict_schema` makes the schema of them.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import orjson

from plexus.codecs.fhir.definitions import (
    PRIMITIVES,
    Element,
    is_resource_type,
    structure,
    value_set,
)

__all__ = ["Sealed", "is_surely_valid", "sealed"]

_Check = Callable[[Any], bool]
_Json = dict[str, object]
_REMEMBERED: Final = 16_384
_LONGEST: Final = 128
_WITHOUT_BLANKS: Final = frozenset({"canonical", "code", "uri", "url"})
_NUMBERS: Final = frozenset({int, orjson.Fragment})


class Sealed(dict[str, object]):
    """An element that is surely valid as the type `of`. It may be shared, so nobody may change it."""

    __slots__ = ("of",)
    of: str

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a shared element is not to be changed")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse


def sealed(of: str, element: _Json) -> _Json:
    """The element, sealed as that datatype; as it is where it is empty or not surely valid."""
    if not element or not _of(of).admits(element):
        return element
    made = Sealed(element)
    made.of = of
    return made


def is_surely_valid(of: str, element: object) -> bool:
    """Whether an element is surely valid as that type.

    Args:
        of: a type of R4: of a resource, a datatype, a primitive, or a backbone element; or Resource.
        element: as for `orjson`; a number that is a fragment is taken for one.
    """
    return _check(of)(element)


@functools.cache
def _check(of: str) -> _Check:
    if of == "Resource":
        return _is_resource
    return _primitive(of) if of in PRIMITIVES else _of(of).admits


class _Shape:
    """A type that is an object."""

    __slots__ = ("_choices", "_members", "_name", "_required")

    def __init__(self, name: str) -> None:
        self._name = name
        self._members: dict[str, _Check] = {}
        self._required: list[str] = []
        self._choices: list[tuple[frozenset[str], bool]] = []

    def admits(self, value: Any) -> bool:
        """Whether a value is surely valid as this type."""
        kind = type(value)
        if kind is Sealed:
            return bool(value.of == self._name)
        if kind is not dict or not value:
            return False
        members = self._members
        for name, held in value.items():
            check = members.get(name)
            if check is None or not check(held):
                return False
        for name in self._required:
            if name not in value and f"_{name}" not in value:
                return False
        for names, is_needed in self._choices:
            present = names.intersection(value)
            if len(present) > 1:
                # Extensions may stand beside a value, or for it.
                present = frozenset(name.removeprefix("_") for name in present)
            if len(present) > 1 or (is_needed and not present):
                return False
        return True

    def fill(self) -> None:
        """Learn what the definitions say of the type."""
        found = structure(self._name)
        if found is None:
            raise KeyError(self._name)
        if found.is_resource:
            name = self._name
            self._members["resourceType"] = lambda value: value == name
            self._required.append("resourceType")
        for element in found.elements:
            members = list(element.members())
            for member, type_ in members:
                self._members[member] = _member(element, type_)
                if type_ in PRIMITIVES and not element.is_list:
                    self._members[f"_{member}"] = _of("Element").admits
            if len(members) > 1:
                names = {f"{mark}{name}" for name, _ in members for mark in ("", "_")}
                self._choices.append((frozenset(names), element.least > 0))
            elif element.least:
                self._required.append(members[0][0])


_shapes: Final[dict[str, _Shape]] = {}


def _of(name: str) -> _Shape:
    shape = _shapes.get(name)
    if shape is None:
        # Known before it is filled, for types hold themselves.
        shape = _shapes[name] = _Shape(name)
        shape.fill()
    return shape


def _member(element: Element, type_: str) -> _Check:
    one = _one(element, type_)
    if not element.is_list:
        return one
    least, most = max(1, element.least), element.most

    def check(value: Any) -> bool:
        if type(value) is not list or not least <= len(value) <= most:
            return False
        for each in value:  # noqa: SIM110 - twice as fast as all() of a generator
            if not one(each):
                return False
        return True

    return check


def _one(element: Element, type_: str) -> _Check:
    systems = value_set(element.binding) if element.binding else None
    if type_ == "code" and systems is not None:
        codes = frozenset().union(*systems.values())
        return lambda value: type(value) is str and value in codes
    if type_ in PRIMITIVES:
        return _primitive(type_)
    if type_ == "Resource":
        return _is_resource
    shape = _of(type_)
    if type_ == "CodeableConcept" and systems is not None:
        return lambda value: shape.admits(value) and _has_code(value, systems)
    return shape.admits


def _is_resource(value: Any) -> bool:
    fhir_type = value.get("resourceType") if type(value) is dict else None
    return type(fhir_type) is str and is_resource_type(fhir_type) and _of(fhir_type).admits(value)


def _has_code(concept: Mapping[str, Any], systems: Mapping[str, frozenset[str]]) -> bool:
    return any(
        each.get("code") in systems.get(each.get("system", ""), ())
        for each in concept.get("coding", ())
    )


@functools.cache
def _primitive(name: str) -> _Check:
    primitive = PRIMITIVES[name]
    if primitive.json == "boolean":
        return lambda value: type(value) is bool
    if primitive.json == "number":
        return lambda value: type(value) in _NUMBERS
    if primitive.json == "integer":
        least, most = primitive.least, primitive.most
        return lambda value: type(value) is int and least <= value <= most
    matches = re.compile(primitive.pattern).fullmatch
    if name in {"string", "markdown"}:
        return lambda value: (
            type(value) is str
            and bool(value)
            and (value.isprintable() or matches(value) is not None)
        )
    if name in _WITHOUT_BLANKS:
        # Ids and addresses are new each time, so that none is remembered.
        return lambda value: (
            type(value) is str
            and bool(value)
            and (
                (value.isascii() and value.isprintable() and " " not in value)
                or matches(value) is not None
            )
        )
    known = functools.lru_cache(_REMEMBERED)(lambda value: matches(value) is not None)
    return lambda value: (
        type(value) is str and (known(value) if len(value) <= _LONGEST else bool(matches(value)))
    )
