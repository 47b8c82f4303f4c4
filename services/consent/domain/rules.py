"""A directive as a tree of rules, ready to decide: what each rule asks of a request and of a datum.

Everything that can be worked out before a request comes is worked out here: covered purposes,
reached levels of confidentiality, what a rule inherits from the root. A dimension that is None asks
for nothing; all dimensions of a rule must match, one value of a dimension is enough.

Where an attribute of a datum is unknown, a deny matches and a permit does not: so what is unsure is
never disclosed.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.consent.domain.codes import LEVELS, NORMAL, UNKNOWN_LEVEL, local_reference
from services.consent.domain.purposes import BREAK_GLASS, PURPOSES, covers
from services.consent.domain.times import ALWAYS, Span, text_of

__all__ = [
    "Node",
    "actors_reached",
    "levels_reached",
    "purposes_reached",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One provision.

    Attributes:
        path: where it stands in its resource, for example `provision.provision[1]`.
        is_deny: what it says where it matches.
        start: from when it holds, in microseconds since 1970; `end` is the first moment after it.
        levels: levels of confidentiality that its labels reach; None where labels do not matter.
        labels: other labels, as `system|code`.
        data_period: the span that the datum must lie in, or, for a deny, touch.
        instances: references of data themselves; `related`: of data or what they relate to;
            `authors`: of who wrote them. Together one dimension, `data`.
        asks_of_data: the datum matters to it.
    """

    path: str
    is_deny: bool
    start: int = ALWAYS[0]
    end: int = ALWAYS[1]
    actors: frozenset[str] | None = None
    purposes: frozenset[str] | None = None
    actions: frozenset[str] | None = None
    levels: frozenset[int] | None = None
    labels: frozenset[str] = frozenset()
    classes: frozenset[str] | None = None
    codes: frozenset[str] | None = None
    data_period: Span | None = None
    instances: frozenset[str] | None = None
    related: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    children: tuple["Node", ...] = ()

    asks_of_data: bool = dataclasses.field(init=False, default=False)

    def __post_init__(self) -> None:
        dimensions = (self.levels, self.classes, self.codes, self.data_period, self.instances)
        object.__setattr__(self, "asks_of_data", any(each is not None for each in dimensions))

    def walk(self) -> Iterator["Node"]:
        """This rule and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def data_dimensions(self) -> Mapping[str, Any]:
        """What it asks of a datum, as JSON can hold it; for whoever filters elsewhere."""
        told: dict[str, Any] = {}
        if self.levels is not None:
            names = {level: code for code, level in LEVELS.items()}
            told["confidentiality"] = [names.get(level, "?") for level in sorted(self.levels)]
            told["labels"] = sorted(self.labels)
        if self.classes is not None:
            told["classes"] = sorted(self.classes)
        if self.codes is not None:
            told["codes"] = sorted(self.codes)
        if self.data_period is not None:
            start, end = self.data_period
            told["dataPeriod"] = {
                name: text_of(edge)
                for name, edge, open_edge in (("start", start, ALWAYS[0]), ("before", end, ALWAYS[1]))
                if edge != open_edge
            }  # fmt: skip
        if self.instances is not None:
            told["data"] = {
                "instance": sorted(self.instances),
                "related": sorted(self.related),
                "authoredby": sorted(self.authors),
            }
        return told


_ALL_LEVELS: Final = frozenset((*LEVELS.values(), UNKNOWN_LEVEL))
_BELOW_RESTRICTED: Final = frozenset(range(NORMAL + 1))


def levels_reached(code: str, *, is_deny: bool) -> frozenset[int]:
    """Levels that a confidentiality code reaches.

    A deny reaches its level and all above. A permit reaches its own only, but N also reaches data
    without a label and all that is below it: whatever is neither R nor V.
    """
    level = LEVELS[code]
    if is_deny:
        return frozenset(each for each in _ALL_LEVELS if each >= level)
    return _BELOW_RESTRICTED if level == NORMAL else frozenset({level})


def purposes_reached(codes: frozenset[str], *, is_deny: bool) -> frozenset[str]:
    """The purposes that these cover, themselves included; downwards only.

    A permit reaches break-glass only where it names it: nobody gets it by way of another purpose.
    """
    reached = {each for each in PURPOSES if any(covers(code, each) for code in codes)}
    if not is_deny and BREAK_GLASS not in codes:
        reached.discard(BREAK_GLASS)
    return frozenset(reached)


def actors_reached(names: frozenset[str], *, is_deny: bool) -> frozenset[str]:
    """The actors as a request may name them: a deny also reaches `Type/id` of an address."""
    return names | {local_reference(name) for name in names} if is_deny else names
