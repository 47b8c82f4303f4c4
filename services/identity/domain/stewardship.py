"""What stewards do: how urgent a question is, which merge needs two of them, and the event that it becomes."""

import datetime
import enum
from collections.abc import Collection
from typing import Final

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Identifier
from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, EventKind
from services.identity.domain.identifiers import Name
from services.identity.domain.scoring import Thresholds

__all__ = [
    "LINK",
    "MERGE",
    "SPLIT",
    "UNLINK",
    "NoDecision",
    "Ruling",
    "decision_event",
    "needs_another",
    "priority_of",
]

MERGE: Final = "STEWARD^MERGE"
LINK: Final = "STEWARD^LINK"
UNLINK: Final = "STEWARD^UNLINK"
SPLIT: Final = "STEWARD^SPLIT"

_AT_ONCE: Final = frozenset({"two_matches", "requested"})


class Ruling(enum.Enum):
    """What a steward says of a pair."""

    SAME = "same"
    DIFFERENT = "different"
    SKIP = "skip"


class NoDecision(enum.Enum):
    """Why nothing was decided."""

    NOT_FOUND = "not_found"
    ALREADY_DECIDED = "already_decided"
    NOBODY_LEFT = "nobody_left"
    """One of the two has no identifiers."""
    PENDING = "pending"
    """A decision about one of the two is on its way; ask again in a moment."""
    SECOND_STEWARD_NEEDED = "second_steward_needed"
    """It was proposed by the same steward."""


def priority_of(kind: str, bits: float, thresholds: Thresholds) -> int:
    """1 to 3; 1 is most urgent.

    First what is wrong if it is not looked at: data that went to one person and may be another's. Then what
    is probably a duplicate, and last what probably is none.
    """
    if kind in _AT_ONCE:
        return 1
    if kind == "conflicting_member":
        return 2
    return 2 if bits >= (thresholds.match + thresholds.review) / 2 else 3


def needs_another(records: int, four_eyes_records: int) -> bool:
    """Whether a merge of so many source records needs a second steward; 0 never asks for one."""
    return 0 < four_eyes_records <= records


def decision_event(
    kind: EventKind.ValueType,
    trigger: str,
    subject: Collection[Name],
    prior: Collection[Name],
    at: datetime.datetime,
) -> CanonicalEvent:
    """The event that a decision about two persons becomes, as a source would have sent it.

    Args:
        kind: what it does.
        trigger: what it is called.
        subject: identifiers of the person that it is about; of a merge the one that stays.
        prior: identifiers of the other one.
        at: when it was decided.
    """
    return CanonicalEvent(
        kind=kind,
        trigger=trigger,
        event_time=at.isoformat(timespec="seconds"),
        subject=map(_identifier, sorted(subject)),
        prior=map(_identifier, sorted(prior)),
    )


def _identifier(name: Name) -> Identifier:
    # The index knows a name by its authority, be that a universal id or a namespace.
    return Identifier(value=name.value, authority=Authority(universal_id=name.authority))
