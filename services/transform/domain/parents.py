"""Parents and children among the orders of a message: OBR-29 names the order, OBR-26 the result.

A culture has a report of what grew and, for each organism, a child with its susceptibilities (HL7
v2.5.1 7.4.1.26 and 7.4.1.29). The map of OBR gives the child's order a reference by the parent's
number. Where the parent stands in the same message the reference gets its key, and the child's results
refer to the result that they were derived from.
"""

from collections.abc import Iterator

from plexus.codecs.hl7v2 import Segment
from services.transform.domain.scopes import Made, Scope

__all__ = ["link_parents"]

_PARENT_RESULT = 26
_PARENT_ORDER = 29
# Component of OBR-29 and field of the parent's OBR.
_NUMBERS = ((2, 3), (1, 2))


def link_parents(scopes: list[Scope]) -> None:
    """Give what has a parent in the message its reference to it."""
    orders = list(_orders(scopes))
    for scope, order in orders:
        if not order.raw(_PARENT_ORDER):
            continue
        parents = [
            (other, _results(other, order))
            for other, candidate in orders
            if other is not scope and _is_parent(candidate, order)
        ]
        if not parents:
            continue
        # One number may cover several tests: then the result tells which of them it is.
        parent, results = next((each for each in parents if each[1]), parents[0])
        _refer(scope, parent, results)


def _orders(scopes: list[Scope]) -> Iterator[tuple[Scope, Segment]]:
    """The scopes that have an order of their own."""
    for scope in scopes:
        order = scope.near.get("OBR")
        if order is not None and (scope.outer is None or scope.outer.near.get("OBR") is not order):
            yield scope, order


def _is_parent(candidate: Segment, child: Segment) -> bool:
    for component, field in _NUMBERS:
        number = child.get(_PARENT_ORDER, component, 1)
        if number:
            realm, known = child.get(_PARENT_ORDER, component, 2), candidate.get(field, 2)
            return candidate.get(field) == number and (not (realm and known) or realm == known)
    return False


def _results(parent: Scope, child: Segment) -> list[Made]:
    """The results of the parent that OBR-26 names by code and sub id."""
    code, sub_id = child.get(_PARENT_RESULT, 1, 1), child.get(_PARENT_RESULT, 2, 1)
    if not code:
        return []
    return [
        made
        for made in parent.made_of("Observation")
        if made.segment.get(3) == code and made.segment.get(4) == sub_id
    ]


def _refer(scope: Scope, parent: Scope, results: list[Made]) -> None:
    above = parent.latest("ServiceRequest")
    for made in scope.made_of("ServiceRequest"):
        for reference in made.content.based_on:
            if above is not None and above.key != made.key:
                reference.key = above.key
    for made in scope.made_of("Observation"):
        for result in results:
            made.content.derived_from.add(type="Observation", key=result.key)
