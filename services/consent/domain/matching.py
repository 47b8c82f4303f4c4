"""Which rule of a directive decides: how rules match, cancel each other and add up.

Neighbours: `rules` compiles what is matched here, `engine` combines directives.
"""

import enum
from typing import NamedTuple

from services.consent.domain.questions import Datum, Request
from services.consent.domain.rules import Node

__all__ = ["Outcome", "Says", "asked_for", "judge", "judge_pruned", "prune"]


class Says(enum.IntEnum):
    """What a directive says to a request."""

    NOTHING = 0
    PERMIT = 1
    DENY = 2


class Outcome(NamedTuple):
    """What a directive says, and which of its rules.

    Attributes:
        is_outside: denied because the datum is outside of what the base permits.
    """

    says: Says
    path: str = ""
    is_outside: bool = False


Pruned = tuple[Node, tuple["Pruned", ...]]
"""A rule that a request matches, and those below it that it matches too: data are left to see."""

_NOTHING = Outcome(Says.NOTHING)


def asked_for(node: Node, request: Request) -> bool:
    """True where the request matches: period, actor, purpose, action."""
    return (
        node.start <= request.now < node.end
        and (node.purposes is None or not node.purposes.isdisjoint(request.purposes))
        and (
            node.actors is None
            or not node.actors.isdisjoint(request.loose_actors if node.is_deny else request.actors)
            or (node.is_deny and not request.knows_actors)
        )
        and (node.actions is None or request.action in node.actions)
    )


def covers_datum(node: Node, datum: Datum) -> bool:
    """True where the datum matches. What is unknown matches a deny and no permit."""
    if not node.asks_of_data:
        return True
    unsure = node.is_deny is not datum.is_hopeful
    if node.levels is not None:
        if datum.labels is None:
            if not unsure:
                return False
        elif datum.level not in node.levels and node.labels.isdisjoint(datum.labels):
            return False
    if node.classes is not None and (
        not unsure if datum.kind is None else datum.kind not in node.classes
    ):
        return False
    if node.codes is not None and (
        not unsure if datum.codes is None else node.codes.isdisjoint(datum.codes)
    ):
        return False
    if node.data_period is not None:
        if datum.date is None:
            if not unsure:
                return False
        elif not _within(node, datum.date):
            return False
    return node.instances is None or _is_named(node, datum, unsure=unsure)


def _within(node: Node, date: tuple[int, int]) -> bool:
    assert node.data_period is not None
    start, end = node.data_period
    if node.is_deny:
        return date[0] < end and start < date[1]
    return start <= date[0] and date[1] <= end


def _is_named(node: Node, datum: Datum, *, unsure: bool) -> bool:
    assert node.instances is not None
    for names, held in (
        (node.instances, datum.own),
        (node.related, datum.related),
        (node.authors, datum.authors),
    ):
        if names and (unsure if held is None else not names.isdisjoint(held)):
            return True
    return False


def judge(root: Node, request: Request, datum: Datum) -> Outcome:
    """What a directive that is in force says about one datum."""
    permit: Node | None = None
    for child in root.children:
        if asked_for(child, request) and covers_datum(child, datum):
            # Most rules have nothing below them.
            if child.children and _is_cancelled(child, request, datum):
                continue
            if child.is_deny:
                return Outcome(Says.DENY, child.path)
            permit = permit or child
    if permit is not None:
        return Outcome(Says.PERMIT, permit.path)
    return _base(root, datum) if asked_for(root, request) else _NOTHING


def _base(root: Node, datum: Datum) -> Outcome:
    is_inside = covers_datum(root, datum)
    if root.is_deny:
        return Outcome(Says.DENY, root.path) if is_inside else _NOTHING
    if is_inside:
        return Outcome(Says.PERMIT, root.path)
    return Outcome(Says.DENY, root.path, is_outside=True)


def _is_cancelled(node: Node, request: Request, datum: Datum) -> bool:
    """True where a rule below it says the opposite: then the level above decides."""
    return any(
        child.is_deny is not node.is_deny
        and asked_for(child, request)
        and covers_datum(child, datum)
        and not (child.children and _is_cancelled(child, request, datum))
        for child in node.children
    )


def prune(root: Node, request: Request) -> tuple[bool, Pruned]:
    """What is left of a directive when the request is known; and whether its base still speaks."""
    return asked_for(root, request), (
        root,
        tuple(_pruned(child, request) for child in root.children if asked_for(child, request)),
    )


def _pruned(node: Node, request: Request) -> Pruned:
    if not node.children:
        return node, ()
    return node, tuple(
        _pruned(child, request) for child in node.children if asked_for(child, request)
    )


def judge_pruned(pruned: Pruned, datum: Datum, *, has_base: bool) -> Outcome:
    """What is left of a directive says about one datum: the same as `judge` before."""
    root, children = pruned
    permit: Node | None = None
    for child, below in children:
        if covers_datum(child, datum) and not (below and _cancels(child, below, datum)):
            if child.is_deny:
                return Outcome(Says.DENY, child.path)
            permit = permit or child
    if permit is not None:
        return Outcome(Says.PERMIT, permit.path)
    return _base(root, datum) if has_base else _NOTHING


def _cancels(node: Node, below: tuple[Pruned, ...], datum: Datum) -> bool:
    return any(
        child.is_deny is not node.is_deny
        and covers_datum(child, datum)
        and not (grandchildren and _cancels(child, grandchildren, datum))
        for child, grandchildren in below
    )
