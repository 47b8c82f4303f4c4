"""Whether references lead somewhere, and to a type that may stand there.

Within a Bundle every address must be that of an entry: what is not sent along is named by its
identifier, since the receiver may have somebody else at the sender's address. A relative reference
of a single resource may lead to the server that holds it, and passes unless the caller says what
there is.
"""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final, NamedTuple

from plexus.codecs.fhir.definitions import is_resource_type
from plexus.codecs.fhir.judge.walk import Node
from plexus.codecs.fhir.validation import Finding

__all__ = ["Surroundings", "broken_references", "broken_requests", "surroundings_of"]

_ADDRESS: Final = re.compile(
    r"(?P<base>https?://\S+/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(/_history/\S+)?"
)
_CONDITIONAL: Final = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?\S+")


class Surroundings(NamedTuple):
    """What a resource's references may lead to.

    Attributes:
        types: resource type by address (fullUrl and Type/id) of all that is sent along.
        is_whole: nothing else is there.
    """

    types: Mapping[str, str]
    is_whole: bool


def surroundings_of(resource: Mapping[str, Any]) -> Surroundings:
    """What the references of a resource, and of the entries in it if it is a Bundle, may lead to."""
    if resource.get("resourceType") != "Bundle":
        return Surroundings({}, is_whole=False)
    types: dict[str, str] = {}
    entries = resource.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(inner, dict):
            continue
        fhir_type, id_ = str(inner.get("resourceType")), inner.get("id")
        if isinstance(url := entry.get("fullUrl"), str):
            types[url] = fhir_type
            if match := _ADDRESS.fullmatch(url):
                types[f"{match['type']}/{match['id']}"] = fhir_type
        if isinstance(id_, str):
            types[f"{fhir_type}/{id_}"] = fhir_type
    return Surroundings(types, is_whole=True)


def broken_references(
    node: Node,
    resource: Mapping[str, Any],
    around: Surroundings,
    known: Container[str] | None,
) -> Iterator[Finding]:
    """What is wrong with a Reference.

    Args:
        node: a node of any type.
        resource: in which it stands; for a resource within another one, the outer one.
        around: what it may lead to.
        known: addresses (Type/id) that exist beside those, where that is known.
    """
    if node.type != "Reference" or node.element is None:
        return
    declared, reference = node.value.get("type"), node.value.get("reference")
    found = ""
    if isinstance(reference, str):
        found, is_there = _target(reference, resource, around, known)
        if not is_there:
            yield Finding(node.path, "reference", "dangling")
    if isinstance(declared, str):
        if not is_resource_type(declared) or (found and found != declared):
            yield Finding(node.path, "reference", "type")
        found = found or declared
    targets = node.element.targets
    if found and targets and found not in targets:
        yield Finding(node.path, "reference", "target")


def _target(
    reference: str,
    resource: Mapping[str, Any],
    around: Surroundings,
    known: Container[str] | None,
) -> tuple[str, bool]:
    """The type of what an address leads to, or "", and whether it is there."""
    if reference.startswith("#"):
        if reference == "#":
            return str(resource.get("resourceType")), True
        for each in resource.get("contained") or ():
            if isinstance(each, dict) and each.get("id") == reference[1:]:
                return str(each.get("resourceType")), True
        return "", False
    if fhir_type := around.types.get(reference.partition("/_history/")[0]):
        return fhir_type, True
    if match := _ADDRESS.fullmatch(reference):
        is_local = match["base"] is None
        missing = is_local and (
            around.is_whole or (known is not None and f"{match['type']}/{match['id']}" not in known)
        )
        return match["type"], not missing and is_resource_type(match["type"])
    if match := _CONDITIONAL.fullmatch(reference):
        return match["type"], around.is_whole and is_resource_type(match["type"])
    return "", reference.startswith(("http://", "https://"))


def broken_requests(bundle: Mapping[str, Any]) -> Iterator[Finding]:
    """Entries of a transaction or batch that ask for another type than they bring."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in {"transaction", "batch"}:
        return
    for entry in bundle.get("entry") or ():
        request, inner = (
            (entry.get("request"), entry.get("resource"))
            if isinstance(entry, dict)
            else (None, None)
        )
        if not isinstance(request, dict) or not isinstance(request.get("url"), str):
            continue
        named = re.split(r"[/?]", request["url"], maxsplit=1)[0]
        brought = inner.get("resourceType") if isinstance(inner, dict) else None
        if not is_resource_type(named) or (brought is not None and named != brought):
            yield Finding("Bundle.entry.request.url", "reference", "type")
        if request.get("method") in {"PUT", "POST"} and brought is None:
            yield Finding("Bundle.entry.resource", "cardinality", "resource")
