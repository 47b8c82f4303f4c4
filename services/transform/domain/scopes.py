"""Scopes: what belongs together in a message, and the resources that it makes.

A scope is an instance of a group that the structure's map names, such as one order with its results;
the message itself is the outermost. A segment that was written inside a group of which HL7 does not
foresee it belongs to the nearest scope around it that may have it, so that a visit among the results
is the visit of the message.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import Segment
from plexus.codecs.hl7v2.groups import Grammar, way

__all__ = ["Made", "Scope", "scopes_of", "single_scope"]

# A note belongs to what it follows.
_NOTES = frozenset({"NTE"})


@dataclass(slots=True)
class Made:
    """A resource made by a segment. `is_shared` where more segments than one wrote to it.

    Its key is there when it has been named. `cleared` are fields for which a segment has the HL7 null.
    """

    kind: str
    resource: Resource
    content: Any
    segment: Segment
    is_shared: bool = False
    key: str = ""
    cleared: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Scope:
    """One scope.

    Attributes:
        number: in the order of the message; 0 is the message itself.
        single: the segments that HL7 foresees in it, outside of what repeats in it.
        outer: the scope around it; None for the message.
        near: the first segment of each name in it, else of the nearest scope around it.
        made: what its segments have made, in order.
        end: number behind that of the last scope in it.
    """

    number: int
    single: frozenset[str]
    outer: "Scope | None"
    near: dict[str, Segment] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)
    end: int = 1

    def latest(self, kind: str) -> Made | None:
        """The resource of that type made last."""
        for made in reversed(self.made):
            if made.kind == kind:
                return made
        return None

    def latest_outer(self, kind: str) -> Made | None:
        """The resource of that type made last in the nearest enclosing scope that has one."""
        scope = self.outer
        while scope is not None:
            made = scope.latest(kind)
            if made is not None:
                return made
            scope = scope.outer
        return None

    def made_of(self, kind: str) -> list[Made]:
        """Its resources of that type, in order."""
        return [made for made in self.made if made.kind == kind]

    def by_kind(self) -> dict[str, list[Made]]:
        """Its resources in order, by type."""
        found: dict[str, list[Made]] = {}
        for made in self.made:
            found.setdefault(made.kind, []).append(made)
        return found


def single_scope(segments: Sequence[Segment]) -> tuple[list[Scope], list[Scope]]:
    """The scopes of a message whose map names none, and the scope of each segment."""
    top = Scope(0, frozenset(), None)
    for segment in segments:
        top.near.setdefault(segment.name, segment)
    return [top], [top] * len(segments)


def scopes_of(
    segments: Sequence[Segment], grammar: Grammar, numbers: frozenset[int]
) -> tuple[list[Scope], list[Scope], list[int]]:
    """Divide a message.

    Args:
        segments: of the message.
        grammar: of its structure.
        numbers: of the groups in the grammar that are scopes.

    Returns:
        The scopes in order; and for each segment its scope, and the number of its group.
    """
    scope = Scope(0, grammar.root.single, None)
    scopes = [scope]
    where: list[Scope] = []
    groups: list[int] = []
    known = grammar.root.names - _NOTES
    kind = grammar.root
    # The scope at each open group, from the message inwards.
    stack = [scope]
    for segment, move in zip(segments, way(segments, grammar), strict=True):
        name = segment.name
        if move is not None:
            kind = move.place.kind
            if move.keep < len(stack):
                del stack[move.keep :]
                scope = stack[-1]
            for opened in move.opens:
                if opened.number in numbers:
                    scope = Scope(len(scopes), opened.single, scope)
                    scopes.append(scope)
                stack.append(scope)
        its = scope
        if name not in kind.direct and name in known:
            its = _home(scope, name)
        where.append(its)
        groups.append(kind.number)
        its.near.setdefault(name, segment)
    for one in scopes:
        one.end = len(scopes)
        if one.outer is not None:
            one.near = {**one.outer.near, **one.near}
    _set_ends(scopes)
    return scopes, where, groups


def _set_ends(scopes: list[Scope]) -> None:
    """A scope ends before the next one that is not in it."""
    open_ones: list[Scope] = []
    for scope in scopes:
        while open_ones and open_ones[-1] is not scope.outer:
            open_ones.pop().end = scope.number
        open_ones.append(scope)


def _home(scope: Scope, name: str) -> Scope:
    """The nearest scope that may have one such segment; the innermost if there is none."""
    outer: Scope | None = scope
    while outer is not None:
        if name in outer.single:
            return outer
        outer = outer.outer
    return scope
