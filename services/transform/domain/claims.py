"""Claims: which parts of a repetition have been read, as bits of an int.

Component c has two bits: `whole(c)` says that all of it was read, `first(c)` that only its first
subcomponent was. `ALL` covers the repetition with everything in it.
"""

from collections.abc import Container

from plexus.codecs.hl7v2 import Value

__all__ = [
    "ALL",
    "MAPPED",
    "Claims",
    "completed",
    "first",
    "nested",
    "parted",
    "whole",
]

ALL = -1
"""The whole repetition has been read."""

Claims = list[int]
"""The claims of one segment by field: of its first repetition, or of a further one."""

MAPPED = 1
"""Something was mapped, whatever else the mask says. Component 0 does not exist."""


def whole(component: int) -> int:
    """All of the component."""
    return 1 << (2 * component)


def first(component: int) -> int:
    """The first subcomponent only."""
    return 2 << (2 * component)


def nested(part: Value, mask: int, component: int) -> int:
    """Claim of a component whose own parts were read as `mask` says; 0 unless all were.

    A component read in part counts as unread: its leaves stay as residue beside what was mapped,
    which repeats a little and loses nothing.
    """
    if mask != ALL:
        for leaf in part.leaves():
            mask >>= 2
            if not mask & 3 and leaf:
                return 0
    return 1 << (2 * component)


def parted(component: Value, mask: int, number: int, read: Container[int]) -> int:
    """Claim of a component whose parts are read one by one; 0 where not all of them are.

    Args:
        component: as a value of its own.
        mask: what is claimed of the value around it; that its first part is, if there is one.
        number: of the component.
        read: the further parts that rules read.
    """
    for part, leaf in enumerate(component.leaves(), 1):
        if leaf and part not in read and not (part == 1 and mask & first(number)):
            return 0
    return whole(number)


def completed(mask: int, value: Value) -> int:
    """`ALL` if nothing of a value is left to read, else the mask.

    Whoever keeps what was made of a value keeps this too, and residue need not look at it.
    """
    if not mask:
        return 0
    rest = mask
    for part, leaf in zip(value.parts(), value.leaves(), strict=True):
        rest >>= 2
        if part and not rest & 1 and (not rest & 2 or part != leaf):
            return mask
    return ALL
