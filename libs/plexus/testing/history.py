"""Holds what senders were promised against what a destination committed.

Promises P1 to P3: a message answered positively is never lost, its effect is applied once, and one
patient's messages keep their order. The checker knows nothing of how the mesh works: it compares the
senders' log of acknowledgements with the receiver's log of commits.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Accepted", "Committed", "Violations", "check_history"]


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """A message that was answered AA or CA.

    Attributes:
        message: what names it on both sides.
        patient: what orders it.
        number: its place among the patient's messages, rising.
    """

    message: str
    patient: str
    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Committed:
    """A commit at the destination, in its order.

    Attributes:
        message: as in Accepted.
        has_effect: False where the commit changed nothing, as a repeat does.
    """

    message: str
    has_effect: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Violations:
    """What went wrong; all empty where all promises were kept."""

    lost: tuple[str, ...] = ()
    applied_twice: tuple[str, ...] = ()
    phantom: tuple[str, ...] = ()
    out_of_order: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.applied_twice or self.phantom or self.out_of_order)


def check_history(
    accepted: Sequence[Accepted],
    committed: Sequence[Committed],
    *,
    unknown: Iterable[str] = (),
) -> Violations:
    """Compare the two logs.

    Args:
        accepted: in any order.
        committed: in the order of commit.
        unknown: messages whose answer never came: they may have been accepted or not.
    """
    by_name: Mapping[str, Accepted] = {one.message: one for one in accepted}
    allowed = set(by_name) | set(unknown)
    effects: dict[str, int] = {}
    seen: set[str] = set()
    newest: dict[str, Accepted] = {}
    phantom: list[str] = []
    out_of_order: list[tuple[str, str]] = []
    for commit in committed:
        if commit.message not in allowed:
            phantom.append(commit.message)
            continue
        if commit.has_effect:
            effects[commit.message] = effects.get(commit.message, 0) + 1
        # A repeat comes late by nature; only the first commit of a message has an order.
        if commit.message in seen:
            continue
        seen.add(commit.message)
        one = by_name.get(commit.message)
        if one is None:
            continue
        before = newest.get(one.patient)
        if before is not None and before.number > one.number:
            out_of_order.append((before.message, one.message))
        else:
            newest[one.patient] = one
    return Violations(
        lost=tuple(name for name in by_name if name not in seen),
        applied_twice=tuple(name for name, count in effects.items() if count > 1),
        phantom=tuple(phantom),
        out_of_order=tuple(out_of_order),
    )
