"""The judge: everything R4 says of a resource that a program can check.

    validation    structure: what the strict schema says (checked on all that leaves)
    walk          every element with what R4 says of it
    invariants    what must hold of an element as a whole
    terminology   codes, units, days and addresses that exist
    references    references that lead somewhere, to a type that may stand there

Ten to thirty milliseconds a bundle and 40 MB: for tests, for people, and samples in production.
Not checked: displays, profiles, codes of systems that cannot be shipped, and ctm-1.
"""

from collections.abc import Container
from typing import Any

from plexus.codecs.fhir.judge.invariants import broken_invariants
from plexus.codecs.fhir.judge.references import broken_references, broken_requests, surroundings_of
from plexus.codecs.fhir.judge.terminology import unknown_values
from plexus.codecs.fhir.judge.walk import walk
from plexus.codecs.fhir.validation import Finding, findings, nested_resources

__all__ = ["judge"]

_DEEPEST = 100


def judge(resource: Any, *, known: Container[str] | None = None) -> list[Finding]:
    """Everything that is wrong with a resource and those within it; each finding once.

    Args:
        resource: a JSON value as `orjson.loads` gives it.
        known: where the resource is one of several: the address (Type/id) of each, so that
            references between them can be followed.
    """
    found = findings(resource)
    if not isinstance(resource, dict):
        return found
    if _is_deeper(resource, _DEEPEST):
        return [*found, Finding(str(resource.get("resourceType")), "type", "nesting")]
    around = surroundings_of(resource)
    found += broken_requests(resource)
    waiting: list[tuple[dict[str, Any], dict[str, Any]]] = [(resource, resource)]
    while waiting:
        one, outer = waiting.pop()
        is_container = one.get("resourceType") in {"Bundle", "Parameters"}
        # What a resource contains is part of it; what a Bundle carries stands for itself.
        waiting += ((each, each if is_container else outer) for each in nested_resources(one))
        if one is not outer and not isinstance(one.get("id"), str):
            found.append(Finding(str(one.get("resourceType")), "cardinality", "id"))
        for node in walk(one):
            found += broken_invariants(node, outer)
            found += unknown_values(node)
            found += broken_references(node, outer, around, known)
    return list(dict.fromkeys(found))


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether a JSON value is nested deeper than so many levels."""
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for each in layer
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return True
