"""Whether codes, units, days and other formatted values exist."""

import datetime
import re
from collections.abc import Iterator
from typing import Any, Final

from plexus.codecs.fhir.code_check import is_code_of
from plexus.codecs.fhir.definitions import value_set
from plexus.codecs.fhir.judge.walk import Node
from plexus.codecs.fhir.validation import Finding

__all__ = ["unknown_values"]

_MEDIA_TYPE: Final = re.compile(
    r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(\s*;\s*[\w!#$&^.+-]+=(\"[^\"]*\"|[^\s;]+))*"
)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_URN: Final = {
    "urn:oid:": re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+"),
    "urn:uuid:": re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def unknown_values(node: Node) -> Iterator[Finding]:
    """Coded and formatted values at a node that mean nothing."""
    value = node.value
    if node.type == "Coding":
        if _is_unknown(value):
            yield Finding(node.path, "terminology", "code")
    elif node.type in {"Quantity", "SimpleQuantity", "Age", "Duration", "Count", "Distance"}:
        if _is_unknown(value):
            yield Finding(node.path, "terminology", "unit")
    elif node.type == "CodeableConcept":
        if _lacks_required_code(node):
            yield Finding(node.path, "binding")
    elif node.type in {"date", "dateTime", "instant"}:
        if not _is_day(value):
            yield Finding(node.path, "type", "day")
    elif node.type in {"uri", "url", "canonical"}:
        for prefix, pattern in _URN.items():
            if isinstance(value, str) and value.startswith(prefix) and not pattern.fullmatch(value):
                yield Finding(node.path, "type", prefix.rstrip(":"))
    elif node.path.endswith(".contentType") and not _MEDIA_TYPE.fullmatch(str(value)):
        yield Finding(node.path, "binding", "media type")


def _is_unknown(value: dict[str, Any]) -> bool:
    system, code = value.get("system"), value.get("code")
    return isinstance(system, str) and isinstance(code, str) and not is_code_of(system, code)


def _lacks_required_code(node: Node) -> bool:
    """A concept in words only, where a code is required and its absence is not explained."""
    if node.element is None or not node.element.binding or value_set(node.element.binding) is None:
        return False
    is_explained = any(each.get("url") == _ABSENT for each in node.value.get("extension") or ())
    return not node.value.get("coding") and not is_explained


def _is_day(value: Any) -> bool:
    day = str(value).partition("T")[0]
    if not _DAY.fullmatch(day):
        return True
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        return False
    return True
