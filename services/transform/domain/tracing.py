"""Traces: which rule claimed which part of a message, and what holds it now.

Maps are compiled twice (`Maps.traced`): the plain functions claim what they read; the traced ones claim
the same and tell a `TracingDraft` of each claim. The events are the same, byte for byte. Only who wants
to explain a message pays for it. Neighbour: `lineage` makes paths of traces.
"""

from typing import Any, NamedTuple

from plexus.codecs.hl7v2 import Message, Segment
from services.transform.domain.context import SourceContext
from services.transform.domain.draft import Draft
from services.transform.domain.notation import Rule

__all__ = ["Trace", "TracingDraft"]


class Trace(NamedTuple):
    """One claim.

    Attributes:
        rule: which claimed.
        segment, field, repetition: of what; the repetition counts from 0.
        mask: how much of it (see `claims`).
        root: what the map of the rule writes to: the content of a resource, or the event.
        holder: the message that the value became, or that has it in a field.
        name: that field; empty where the message itself is meant.
    """

    rule: Rule
    segment: Segment
    field: int
    repetition: int
    mask: int
    root: Any
    holder: Any
    name: str


class TracingDraft(Draft):
    """A draft for traced maps.

    Attributes:
        traces: the claims in the order in which they were made.
        dropping: the rules that drop, by place of the field and component; 0 for all of it.
    """

    __slots__ = ("dropping", "traces")

    def __init__(self, message: Message, context: SourceContext) -> None:
        """Begin an empty event for the message."""
        super().__init__(message, context)
        self.traces: list[Trace] = []
        self.dropping: dict[tuple[str, int], Rule] = {}

    def trace(
        self,
        rule: Rule,
        segment: Segment,
        field: int,
        repetition: int,
        mask: int,
        root: Any,
        holder: Any,
        name: str,
    ) -> None:
        """Take what traced maps tell of a claim. Holding the holder keeps it apart from all others."""
        self.traces.append(Trace(rule, segment, field, repetition, mask, root, holder, name))

    def trace_drop(self, rule: Rule, segment: Segment, field: int, component: int = 0) -> None:
        """Take what traced maps tell of a rule that drops."""
        place = f"{segment.name}[{segment.index}]-{field}"
        self.dropping.setdefault((place, component), rule)
