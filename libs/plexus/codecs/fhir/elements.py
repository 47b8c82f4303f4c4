"""The grammar that all renderers are written in, and FHIR's primitive strings.

A renderer is one dict display that names every element it may produce; `filled` takes out what
turned out empty, `every` renders a list, `required` stands in for what R4 demands and the source did
not give. What is empty all through is {} and disappears in its parent, so no output ever holds "",
[] or {}. Neighbour: `datatypes`, the FHIR datatypes that are built with it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from google.protobuf.message import Message

__all__ = [
    "ABSENT",
    "ABSENT_CONCEPT",
    "Json",
    "every",
    "extension",
    "filled",
    "remembered",
    "required",
    "text",
    "token",
    "uri",
]

Json = dict[str, object]
_Source = TypeVar("_Source")
_MessageT = TypeVar("_MessageT", bound=Message)
_Made = TypeVar("_Made")
_REMEMBERED = 4096
_REMEMBERED_BYTES = 512

_ABSENT_URL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ABSENT: Mapping[str, object] = {"extension": [{"url": _ABSENT_URL, "valueCode": "unknown"}]}
"""Stands for a required element that the source did not give."""
ABSENT_CONCEPT: Mapping[str, object] = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "unknown",
            "display": "Unknown",
        }
    ]
}
"""Stands for a required concept that the source did not give."""

# R4 2.24.0.1 string: no control characters but tab, line feed and carriage return.
_CONTROLS = dict.fromkeys(c for c in (*range(32), 127) if c not in {9, 10, 13})
_URI = re.compile(r"[\x21-\x7e]+")


def filled(element: Json) -> Json:
    """`element` without its empty members; False and 0 are values and stay."""
    return {name: value for name, value in element.items() if value or value == 0}


def every(render: Callable[[_Source], Json], sources: Sequence[_Source]) -> list[Json]:
    """`render` of each source, without the empty ones."""
    # Asking for truth and slicing is three times as fast as iterating a protobuf container.
    return [made for each in sources[:] if (made := render(each))] if sources else []


def remembered(
    kind: type[_MessageT], render: Callable[[_MessageT], _Made], without: Sequence[str] = ()
) -> Callable[[_MessageT], _Made]:
    """`render` that remembers its results for small messages of `kind`.

    A feed repeats its codes and reference ranges all day, and reading a message field by field
    costs ten times what looking up its bytes does. Results are shared: nobody may change them.

    Args:
        kind: class of the messages.
        render: follows from the message and nothing else.
        without: fields that `render` does not read and that are new each time. It gets messages that
            lack them.
    """
    recent = lru_cache(maxsize=_REMEMBERED)(lambda data: render(kind.FromString(data)))

    def rendered(source: _MessageT) -> _Made:
        if without:
            whole, source = source, kind()
            source.CopyFrom(whole)
            for name in without:
                source.ClearField(name)
        data = source.SerializeToString()
        return recent(data) if len(data) <= _REMEMBERED_BYTES else render(source)

    return rendered


def required(name: str, value: object) -> Json:
    """A primitive element that R4 demands, or its data-absent-reason."""
    return {name: value} if value else {f"_{name}": ABSENT}


def extension(url: str, **value: object) -> Json:
    """An extension holding `value`, or {} where that is empty."""
    return {"url": url, **value} if all(value.values()) else {}


def text(value: str) -> str:
    """A FHIR string: `value` as it stands, without control characters; "" where it is blank."""
    if value.isprintable() and not value.isspace():
        return value
    value = value.translate(_CONTROLS)
    return "" if value.isspace() else value


def token(value: str) -> str:
    """A FHIR code: no blanks at the ends, single ones within."""
    return value if value.isalnum() else " ".join(text(value).split())


def uri(value: str) -> str:
    """A URI, or "" where `value` cannot be one."""
    return value if _URI.fullmatch(value) else ""
