"""A message as a tree of groups. Linear in the number of segments."""

from collections.abc import Iterator
from typing import NamedTuple

from plexus.codecs.hl7v2.groups.moves import way
from plexus.codecs.hl7v2.groups.table import Grammar, Kind, grammar_of, structure_of
from plexus.codecs.hl7v2.message import Message, Segment

__all__ = ["Group", "Tree", "group"]


class Group:
    """One instance of a group; the outermost is the message itself.

    It does not know the group around it, so that a tree goes when its last user goes.

    Attributes:
        kind: what the grammar says of it.
        index: 1-based ordinal among the groups of that name in the same outer group.
        start: position of its first segment, at whatever depth.
        segments: its own segments in order, without those of inner groups.
        children: the groups in it, in order.
        seen: the items of its kind that it has, as a mask of their bits.
    """

    __slots__ = ("children", "index", "kind", "seen", "segments", "start")

    def __init__(self, kind: Kind, index: int, start: int) -> None:
        """Make an empty one."""
        self.kind = kind
        self.index = index
        self.start = start
        self.segments: list[Segment] = []
        self.children: list[Group] = []
        self.seen = 0

    @property
    def name(self) -> str:
        """Such as ORDER_OBSERVATION; "" for the message."""
        return self.kind.name

    def walk(self) -> Iterator[Segment]:
        """All segments in it, at any depth, in the order written."""
        children = iter(self.children)
        child = next(children, None)
        for segment in self.segments:
            while child is not None and child.start < segment.position:
                yield from child.walk()
                child = next(children, None)
            yield segment
        while child is not None:
            yield from child.walk()
            child = next(children, None)

    def find(self, name: str) -> Iterator["Group"]:
        """The groups of that name in it, at any depth, in order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.find(name)


class Tree(NamedTuple):
    """The groups of a message.

    Attributes:
        grammar: what it was grouped by.
        root: the message.
        owners: by position of the segment, the innermost group that it is in.
    """

    grammar: Grammar
    root: Group
    owners: list[Group]


def _ordinal(children: list[Group], kind: Kind) -> int:
    """Of the next group of a kind. Linear over a message: kinds are few."""
    if children[-1].kind is kind:
        return children[-1].index + 1
    for child in reversed(children):
        if child.kind.name == kind.name:
            return child.index + 1
    return 1


def group(message: Message, grammar: Grammar | None = None) -> Tree:
    """Put the segments of a message into groups.

    Every segment is in the tree once, and the order is that of the message. Segments that the
    grammar does not know are in the group of the segment before them.

    Args:
        message: as read.
        grammar: of `grammar_of`; by default the merged one of the message's event. A message of no
            known event has one group, the message.
    """
    if grammar is None:
        name = structure_of(message.code, message.trigger, message.version, message.structure)
        grammar = grammar_of(name)
        assert grammar is not None  # of the table, or the one without groups
    current = root = Group(grammar.root, 1, 0)
    stack = [root]
    owners: list[Group] = []
    for segment, move in zip(message.segments, way(message.segments, grammar), strict=True):
        if move is not None:
            place, keep, _, opens = move
            if keep < len(stack):
                del stack[keep:]
                current = stack[-1]
            for kind in opens:
                current.seen |= kind.bit
                siblings = current.children
                index = _ordinal(siblings, kind) if siblings else 1
                current = Group(kind, index, segment.position)
                siblings.append(current)
                stack.append(current)
            current.seen |= place.bit
        current.segments.append(segment)
        owners.append(current)
    return Tree(grammar, root, owners)
