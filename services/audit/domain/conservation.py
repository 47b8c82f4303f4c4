"""The conservation law: received = delivered + rejected + withheld + held + parked + in flight.

Every received message is in one state, so the law holds by adding up states. Duplicates have none and
are counted apart.
"""

import dataclasses
from collections.abc import Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import DestinationCount, Disposition, FeedCount, ReasonCount
from plexus.errors import Reason
from services.audit.domain.standing import LegState

__all__ = ["LegTally", "Tally", "destinations", "feeds", "reasons"]

_FIELDS: Final = {
    Disposition.DISPOSITION_IN_FLIGHT: "in_flight",
    Disposition.DISPOSITION_DELIVERED: "delivered",
    Disposition.DISPOSITION_REJECTED: "rejected",
    Disposition.DISPOSITION_WITHHELD: "withheld",
    Disposition.DISPOSITION_HELD: "held",
    Disposition.DISPOSITION_PARKED: "parked",
}
_WITH_REASON: Final = frozenset({
    Disposition.DISPOSITION_REJECTED,
    Disposition.DISPOSITION_WITHHELD,
    Disposition.DISPOSITION_PARKED,
})  # fmt: skip
# What is held for a destination has not come to its end there: it counts as on its way.
_LEG_FIELDS: Final = {
    LegState.PENDING: "in_flight",
    LegState.HELD: "in_flight",
    LegState.PARKED: "parked",
    LegState.WITHHELD: "withheld",
    LegState.DELIVERED: "delivered",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """How many messages of a feed are in one state for one reason."""

    tenant: str
    feed: str
    disposition: Disposition.ValueType
    reason: Reason.ValueType
    messages: int


@dataclasses.dataclass(frozen=True, slots=True)
class LegTally:
    """How many messages are in one state towards a destination."""

    tenant: str
    destination: str
    state: LegState
    messages: int


def feeds(tallies: Iterable[Tally]) -> list[FeedCount]:
    """The law for each feed, by tenant and name."""
    counts: dict[tuple[str, str], FeedCount] = {}
    for tally in tallies:
        count = counts.setdefault(
            (tally.tenant, tally.feed), FeedCount(tenant=tally.tenant, feed=tally.feed)
        )
        if tally.disposition == Disposition.DISPOSITION_UNSPECIFIED:
            count.duplicates += tally.messages
            continue
        count.received += tally.messages
        field = _FIELDS[tally.disposition]
        setattr(count, field, getattr(count, field) + tally.messages)
    return [counts[name] for name in sorted(counts)]


def destinations(tallies: Iterable[LegTally]) -> list[DestinationCount]:
    """What each destination got, by tenant and name: routed is the sum of the others."""
    counts: dict[tuple[str, str], DestinationCount] = {}
    for tally in tallies:
        count = counts.setdefault(
            (tally.tenant, tally.destination),
            DestinationCount(tenant=tally.tenant, destination=tally.destination),
        )
        count.routed += tally.messages
        field = _LEG_FIELDS[tally.state]
        setattr(count, field, getattr(count, field) + tally.messages)
    return [counts[name] for name in sorted(counts)]


def reasons(tallies: Iterable[Tally]) -> list[ReasonCount]:
    """Why messages are parked, rejected or withheld, by feed, state and reason."""
    counts: dict[tuple[str, int, int], ReasonCount] = {}
    for tally in tallies:
        if tally.disposition not in _WITH_REASON:
            continue
        count = counts.setdefault(
            (tally.feed, tally.disposition, tally.reason),
            ReasonCount(feed=tally.feed, disposition=tally.disposition, reason=tally.reason),
        )
        count.messages += tally.messages
    return [counts[name] for name in sorted(counts)]
