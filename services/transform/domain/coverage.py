"""Coverage: how many of a message's populated leaves are mapped, dropped by rule, or residue.

For every message, so it is counted and not looked up: a leaf is a run of characters between separators.
Neighbour: `lineage` tells which leaf went where.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from plexus.codecs.hl7v2 import Message, Segment, Separators
from plexus.codecs.hl7v2.message import HEADERS
from services.transform.domain.draft import Draft

__all__ = ["Coverage", "coverage_of", "leaf_count"]

_BEHIND = 3


class Coverage(NamedTuple):
    """Numbers of leaves by what became of them."""

    mapped: int
    dropped: int
    residue: int

    @property
    def share(self) -> float:
        """Share of those that are mapped among those that no rule drops; 1 where there are none."""
        counted = self.mapped + self.residue
        return self.mapped / counted if counted else 1.0


def coverage_of(message: Message, draft: Draft) -> Coverage:
    """Of a conversion that is done. The separators in headers count as dropped: they say nothing."""
    residue = len(draft.left)
    dropped = len(draft.dropped)
    for name in HEADERS:
        dropped += sum(map(_separators_in, message.all(name)))
    return Coverage(leaf_count(message) - residue - dropped, dropped, residue)


def leaf_count(message: Message) -> int:
    """Number of leaves, as `plexus.codecs.hl7v2.leaves` lists them."""
    find = _leaves(message.separators)
    total = 0
    for segment in message.segments:
        head = segment.fields()[0]
        start = len(head)
        if head != segment.name:
            total += 1
        if segment.name in HEADERS:
            total += _separators_in(segment)
            start += sum(map(len, segment.fields()[1:_BEHIND]))
        total += len(find(segment.text, start))
    return total


def _separators_in(header: Segment) -> int:
    return sum(map(bool, header.fields()[1:_BEHIND]))


@lru_cache(64)
def _leaves(separators: Separators) -> Callable[[str, int], list[str]]:
    """What finds the leaves of the text of a segment."""
    told = (separators.field, separators.repetition, separators.component, separators.subcomponent)
    return re.compile(f"[^{re.escape(''.join(told))}]+").findall
