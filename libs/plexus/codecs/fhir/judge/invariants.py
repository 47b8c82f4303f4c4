"""What R4 demands of an element as a whole: its invariants, most of them by FHIRPath.

Those of rank "error" only; a warning is good practice. Evaluated are the expressions of the
definitions, by fhirpathpy. Those that every element has are written out here, for speed, and
because fhirpathpy has no `hasValue`. ctm-1 is not checked: it follows references.
"""

import datetime
import functools
import html.parser
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import orjson

from plexus.codecs.fhir.definitions import extension_types, structure
from plexus.codecs.fhir.judge.walk import Node
from plexus.codecs.fhir.validation import Finding

__all__ = ["broken_invariants"]

_REMEMBERED_BYTES: Final = 1024
_CORE_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/"
# Of the extension pack, in the name space of the specification and later than R4: what the
# v2-to-FHIR guide uses.
_LATER_EXTENSIONS: Final = frozenset(
    [
        "alternate-codes",
        "annotationType",
        "businessEvent",
        "contactpoint-comment",
        "identifier-checkDigit",
        "namingsystem-checkDigit",
        "observation-analysis-date-time",
        "observation-nature-of-abnormal-test",
        "observation-structure-type",
        "specimen-reject-reason",
        "observation-v2-subid",
        "resource-instance-description",
        "servicerequest-order-callback-phone-number",
        "subject-locationClassification",
    ]
)
# txt-1: formatting of HTML 4.0, chapters 7 to 11 without 9, tables, links and images.
_TAGS: Final = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "address",
        "b",
        "big",
        "blockquote",
        "body",
        "br",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
        "var",
    ]
)
# fhirpathpy cannot compare amounts.
_HANDLED: Final = frozenset({"rng-2"})
_EMPTY_TAGS: Final = frozenset({"br", "col", "hr", "img"})


def broken_invariants(node: Node, resource: Mapping[str, Any]) -> Iterator[Finding]:
    """The invariants that a node does not keep.

    Args:
        node: an element, or the resource itself.
        resource: in which it stands.
    """
    if isinstance(node.value, dict) and not node.value.keys() - {"id", "resourceType"}:
        if node.element is not None:
            yield Finding(node.path, "invariant", "ele-1")
    elif by_hand := _BY_HAND.get(node.type):
        yield from (Finding(node.path, kind, rule) for kind, rule in by_hand(node.value))
    elif node.element is None:
        yield from (Finding(node.path, "invariant", key) for key in _contained(node.value))
    for key, expression in _expressions(node):
        if not _holds(expression, node.type, node.value, resource):
            yield Finding(node.path, "invariant", key)


def _expressions(node: Node) -> Iterator[tuple[str, str]]:
    found = structure(node.type)
    if found is not None:
        yield from ((key, rule) for key, rule in found.invariants.items() if key not in _HANDLED)
    if node.element is not None and node.element.invariants:
        yield from node.element.invariants.items()


def _holds(expression: str, type_: str, value: Any, resource: Mapping[str, Any]) -> bool:
    # fhirpathpy adds to what it is given, so it gets a copy: equal ones are judged once.
    data = orjson.dumps(value)
    if "%resource" in expression:
        return _evaluated(expression, type_, data, orjson.dumps(resource))
    if len(data) > _REMEMBERED_BYTES:
        return _evaluated(expression, type_, data)
    return _remembered(expression, type_, data)


def _evaluated(expression: str, type_: str, data: bytes, resource: bytes = b"") -> bool:
    value = orjson.loads(data)
    base = "Quantity" if type_ in {"SimpleQuantity", "MoneyQuantity"} else type_
    around = orjson.loads(resource) if resource else value
    found = _compiled(expression)(_node(value, base), {"resource": around})
    # No answer is not a no: two amounts in different units cannot be compared.
    return all(found)


_remembered = functools.lru_cache(maxsize=16_384)(_evaluated)


def _node(value: Any, type_: str) -> Any:
    """A value of a type other than a resource: it tells which names belong to a choice."""
    from fhirpathpy.engine.nodes import ResourceNode

    create: Callable[[Any, str], Any] = ResourceNode.create_node
    return create(value, type_)


@functools.cache
def _compiled(expression: str) -> Callable[..., list[Any]]:
    # Imported here: it takes a second, and only who judges needs it.
    import fhirpathpy
    from fhirpathpy.models import models

    compiled: Callable[..., list[Any]] = fhirpathpy.compile(expression, models["r4"])
    return compiled


def _contained(resource: Mapping[str, Any]) -> Iterator[str]:
    """dom-2 to dom-5: resources within a resource are its own and have no life of their own."""
    inner = [each for each in resource.get("contained") or () if isinstance(each, dict)]
    if not inner:
        return
    if any("contained" in each for each in inner):
        yield "dom-2"
    references = {each["reference"] for each in _objects_in(resource) if _has_reference(each)}
    for each in inner:
        points_back = any(_has_reference(o) and o["reference"] == "#" for o in _objects_in(each))
        if f"#{each.get('id')}" not in references and not points_back:
            yield "dom-3"
    metas = [each["meta"] for each in inner if isinstance(each.get("meta"), dict)]
    if any("versionId" in meta or "lastUpdated" in meta for meta in metas):
        yield "dom-4"
    if any("security" in meta for meta in metas):
        yield "dom-5"


def _has_reference(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("reference"), str)


def _objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _objects_in(each)


def _extension(value: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    values = [name for name in value if name.lstrip("_").startswith("value")]
    if ("extension" in value) == bool(values):
        yield "invariant", "ext-1"
    url = value.get("url")
    if not isinstance(url, str) or not url.startswith(_CORE_EXTENSION):
        return
    permitted = extension_types().get(url)
    if permitted is None:
        if url.removeprefix(_CORE_EXTENSION) not in _LATER_EXTENSIONS:
            yield "unknown", "extension"
    elif any(_value_type(name) not in {each.lower() for each in permitted} for name in values):
        yield "type", "extension"


def _value_type(member: str) -> str:
    return member.lstrip("_").removeprefix("value").lower()


def _period(value: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """per-1, compared as far as both ends are known."""
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return
    if "T" in start and "T" in end:
        try:
            wrong = datetime.datetime.fromisoformat(start) > datetime.datetime.fromisoformat(end)
        except (TypeError, ValueError):
            return
    else:
        known = min(len(start.partition("T")[0]), len(end.partition("T")[0]))
        wrong = start[:known] > end[:known]
    if wrong:
        yield "invariant", "per-1"


def _range(value: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """rng-2, compared where both ends are of the same unit."""
    ends = [value.get(name) for name in ("low", "high")]
    amounts = [end.get("value") for end in ends if isinstance(end, dict)]
    units = [[end.get(name) for name in ("unit", "system", "code")] for end in ends if end]
    if len(amounts) == 2 and None not in amounts and units[0] == units[1]:
        low, high = (Decimal(str(amount)) for amount in amounts)
        if low > high:
            yield "invariant", "rng-2"


class _Narrative(html.parser.HTMLParser):
    """txt-1 and txt-2: well-formed, formatting only, and something to read."""

    def __init__(self) -> None:
        super().__init__()
        self.is_sound = True
        self.has_content = False
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _EMPTY_TAGS:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.has_content |= tag == "img"
        for name, content in attrs:
            if name.startswith("on") or (content or "").strip().lower().startswith("javascript:"):
                self.is_sound = False
        self.is_sound &= tag in _TAGS

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY_TAGS and (not self._open or self._open.pop() != tag):
            self.is_sound = False

    def handle_data(self, data: str) -> None:
        self.has_content |= not data.isspace()

    def close(self) -> None:
        super().close()
        self.is_sound &= not self._open


def _xhtml(value: Any) -> Iterator[tuple[Any, str]]:
    reader = _Narrative()
    reader.feed(str(value))
    reader.close()
    if not reader.is_sound or re.search(r"<!(DOCTYPE|ENTITY)", str(value)):
        yield "invariant", "txt-1"
    if not reader.has_content:
        yield "invariant", "txt-2"


_BY_HAND: Final[Mapping[str, Callable[[Any], Iterator[tuple[Any, str]]]]] = {
    "Extension": _extension,
    "Period": _period,
    "Range": _range,
    "xhtml": _xhtml,
}
