"""How a message stands, told by its custody entries in any order and any number of times.

Every field of a `Standing` only ever rises to the greater of what it knows and what it is told, so
telling is commutative and idempotent: stages may report late, twice, or before the stage on their
left, and the same set of entries always ends in the same standing.

A passage is one attempt at a message. What stages say about the message counts for the latest
passage only; what is said about a destination counts until a later passage says otherwise, for what
is parked there stays parked whatever else is tried.

A message about several persons goes on as parts, each with a standing of its own within that of the
message; transform says how many there are. The message is done when all of them are.
"""

import dataclasses
import datetime
import enum
from collections.abc import Iterable
from typing import Final

from plexus.api.audit.v1.audit_pb2 import Custody, Disposition, Outcome
from plexus.errors import Reason
from services.audit.domain.evidence import moment_of

__all__ = ["Leg", "LegState", "Standing", "deciding"]

_Placed = tuple[int, int]
"""Stage and reason; greater is the stage further on. (0, 0) is nowhere."""
_NOWHERE: Final[_Placed] = (0, 0)


class LegState(enum.IntEnum):
    """How a message stands towards one destination. Within a passage the greater one wins.

    So a leg that a person released may go on from HELD or PARKED, nothing undoes what the destination
    has confirmed, and a delivery outranks a refusal of consent that came before it.
    """

    PENDING = 1
    HELD = 2
    PARKED = 3
    WITHHELD = 4
    DELIVERED = 5


# By name once: looking a protobuf enum's value up costs more than what is done with it here.
_DUPLICATE: Final = Outcome.OUTCOME_DUPLICATE
_RECEIVED: Final = Outcome.OUTCOME_RECEIVED
_REJECTED: Final = Outcome.OUTCOME_REJECTED
_PASSED: Final = Outcome.OUTCOME_PASSED
_ROUTED: Final = Outcome.OUTCOME_ROUTED
_WITHHELD: Final = Outcome.OUTCOME_WITHHELD
_HELD: Final = Outcome.OUTCOME_HELD
_PARKED: Final = Outcome.OUTCOME_PARKED
_UNSPECIFIED: Final = Disposition.DISPOSITION_UNSPECIFIED
_IN_FLIGHT: Final = Disposition.DISPOSITION_IN_FLIGHT
_IS_DELIVERED: Final = Disposition.DISPOSITION_DELIVERED
_IS_REJECTED: Final = Disposition.DISPOSITION_REJECTED
_IS_WITHHELD: Final = Disposition.DISPOSITION_WITHHELD
_IS_HELD: Final = Disposition.DISPOSITION_HELD
_IS_PARKED: Final = Disposition.DISPOSITION_PARKED
_NO_REASON: Final = Reason.REASON_UNSPECIFIED

_LEG_STATES: Final = {
    Outcome.OUTCOME_DELIVERED: LegState.DELIVERED,
    Outcome.OUTCOME_WITHHELD: LegState.WITHHELD,
    Outcome.OUTCOME_PARKED: LegState.PARKED,
    Outcome.OUTCOME_HELD: LegState.HELD,
}
# A stage that said one of these is done with the message.
_DONE: Final = frozenset({
    Outcome.OUTCOME_PASSED,
    Outcome.OUTCOME_ROUTED,
    Outcome.OUTCOME_DELIVERED,
    Outcome.OUTCOME_WITHHELD,
})  # fmt: skip
# The outcomes that can put a message into a state.
_DECIDING: Final[dict[int, set[Outcome.ValueType]]] = {
    _IS_DELIVERED: {Outcome.OUTCOME_DELIVERED},
    _IS_REJECTED: {Outcome.OUTCOME_REJECTED},
    _IS_WITHHELD: {Outcome.OUTCOME_WITHHELD, Outcome.OUTCOME_ROUTED},
    _IS_HELD: {Outcome.OUTCOME_HELD},
    _IS_PARKED: {Outcome.OUTCOME_PARKED},
}


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Leg:
    """A message on its way to one destination. The later passage is greater, then the state."""

    attempt: int
    state: LegState
    reason: int = 0


# Of parts that stand differently, the message shows the first of these that there is.
_BY_URGENCY: Final = (_IS_PARKED, _IS_HELD, _IN_FLIGHT, _IS_DELIVERED, _IS_WITHHELD)
_LEGS_BY_URGENCY: Final = (
    LegState.PARKED,
    LegState.HELD,
    LegState.PENDING,
    LegState.DELIVERED,
    LegState.WITHHELD,
)


@dataclasses.dataclass(slots=True)
class Standing:
    """How one message, or a part of one, stands.

    Attributes:
        tenant, feed, message_type: of the message; empty while nobody has said.
        origin: its receipt number.
        received_at: when its receipt was reported; None while it was not.
        is_accepted, is_rejected, is_duplicate: what ingest said.
        rejected_reason: why it was rejected.
        attempt: the latest passage that anybody spoke of; 0 while only a duplicate was reported.
        last_stage: furthest stage that spoke of the latest passage.
        done_stage: furthest stage that is done with the latest passage.
        is_routed: delivery has named the destinations of the latest passage.
        parked, held, withheld: furthest stage that parked, held or withheld the whole message in the
            latest passage, and the reason.
        legs: by destination, of the message as one.
        count: of parts in the latest passage; 0 where it goes on as one, or nobody has said yet.
        parts: how each part stands, by its number.
    """

    tenant: str = ""
    feed: str = ""
    message_type: str = ""
    origin: int = 0
    received_at: datetime.datetime | None = None
    is_accepted: bool = False
    is_rejected: bool = False
    is_duplicate: bool = False
    rejected_reason: int = 0
    attempt: int = 0
    last_stage: int = 0
    done_stage: int = 0
    is_routed: bool = False
    parked: _Placed = _NOWHERE
    held: _Placed = _NOWHERE
    withheld: _Placed = _NOWHERE
    legs: dict[str, Leg] = dataclasses.field(default_factory=dict)
    count: int = 0
    parts: "dict[int, Standing]" = dataclasses.field(default_factory=dict)

    def tell(self, entry: Custody) -> None:
        """Take in one custody entry."""
        # Compared by hand: this runs for each entry of the mesh, and a call costs as much as all of it.
        if (tenant := entry.tenant) > self.tenant:
            self.tenant = tenant
        if (feed := entry.feed) > self.feed:
            self.feed = feed
        if (message_type := entry.message_type) > self.message_type:
            self.message_type = message_type
        if (origin := entry.origin) > self.origin:
            self.origin = origin
        outcome = entry.outcome
        if outcome == _DUPLICATE:
            self.is_duplicate = True
            self._receive(entry)
            return
        if outcome == _RECEIVED:
            self.is_accepted = True
            self._receive(entry)
        elif outcome == _REJECTED:
            self.is_rejected = True
            self.rejected_reason = max(self.rejected_reason, entry.reason)
            self._receive(entry)
        attempt = entry.attempt or 1
        if attempt > self.attempt:
            self._begin(attempt)
        if entry.part:
            self._tell_part(entry)
            return
        destination = entry.destination
        if attempt == self.attempt:
            self._tell_of_passage(entry, outcome, destination)
        if destination:
            state = _LEG_STATES.get(outcome, LegState.PENDING)
            self._tell_of_leg(destination, Leg(attempt, state, entry.reason))
        elif outcome == _ROUTED:
            for routed in entry.destinations:
                self._tell_of_leg(routed, Leg(attempt, LegState.PENDING))

    @property
    def is_held(self) -> bool:
        """A stage has held the message in its latest passage, whether it has let it go or not."""
        return self.held != _NOWHERE

    @property
    def is_parked_by_stage(self) -> bool:
        """A stage has parked the message, or a part of it, in its latest passage."""
        return self.parked != _NOWHERE or any(
            part.parked != _NOWHERE for part in self.parts.values()
        )

    @property
    def destinations(self) -> dict[str, LegState]:
        """How it stands towards each destination, with all its parts."""
        states = {name: leg.state for name, leg in self.legs.items()}
        for part in self.parts.values():
            for name, leg in part.legs.items():
                both = {leg.state, states.get(name, leg.state)}
                states[name] = next(state for state in _LEGS_BY_URGENCY if state in both)
        return states

    @property
    def disposition(self) -> Disposition.ValueType:
        """The one state that the conservation law counts this message under.

        Unspecified for a duplicate, which the law does not count as received. What needs a person
        shows before what is under way.
        """
        if not self.attempt:
            return _UNSPECIFIED
        if self.is_rejected and not self.is_accepted:
            return _IS_REJECTED
        if self.parked != _NOWHERE:
            return _IS_PARKED
        if self.held[0] > self.done_stage:
            return _IS_HELD
        if self.parts or self.count:
            found = self._dispositions()
            return next((each for each in _BY_URGENCY if each in found), _IN_FLIGHT)
        return self._disposition_as_one()

    @property
    def reason(self) -> Reason.ValueType:
        """Why it is parked, held, withheld or rejected; unspecified in the other states."""
        return self.reason_for(self.disposition)

    def reason_for(self, disposition: Disposition.ValueType) -> Reason.ValueType:
        """`reason`, for whoever has just asked for the disposition."""
        if disposition == _IS_REJECTED:
            return _reason(self.rejected_reason)
        if not self.parts:
            return self._reason_as_one(disposition)
        own = self._reason_as_one(disposition) if self.legs or not self.count else _NO_REASON
        of_parts = (
            part.reason_for(disposition)
            for _, part in sorted(self.parts.items())
            if part.disposition == disposition
        )
        return own or next(filter(None, of_parts), _NO_REASON)

    def _reason_as_one(self, disposition: Disposition.ValueType) -> Reason.ValueType:
        if disposition == _IS_PARKED:
            return _reason(self.parked[1] or self._leg_reason(LegState.PARKED))
        if disposition == _IS_HELD:
            is_open = self.held[0] > self.done_stage
            return _reason(self.held[1] if is_open else self._leg_reason(LegState.HELD))
        if disposition == _IS_WITHHELD:
            if self.is_routed and self.legs:
                return _reason(self._leg_reason(LegState.WITHHELD))
            return _reason(self.withheld[1] or Reason.REASON_NO_SUBSCRIPTION)
        return _NO_REASON

    def _receive(self, entry: Custody) -> None:
        at = moment_of(entry.at)
        self.received_at = at if self.received_at is None else min(self.received_at, at)

    def _begin(self, attempt: int) -> None:
        self.attempt = attempt
        self.last_stage = self.done_stage = 0
        self.is_routed = False
        self.parked = self.held = self.withheld = _NOWHERE
        self.count = 0
        for part in self.parts.values():
            if attempt > part.attempt:
                part._begin(attempt)  # noqa: SLF001 - a standing within this one

    def _tell_part(self, entry: Custody) -> None:
        part = self.parts.get(entry.part)
        if part is None:
            part = self.parts[entry.part] = Standing(attempt=self.attempt)
        own = Custody()
        own.CopyFrom(entry)
        own.part = 0
        part.tell(own)
        self.last_stage = max(self.last_stage, part.last_stage)

    def _tell_of_passage(
        self, entry: Custody, outcome: Outcome.ValueType, destination: str
    ) -> None:
        stage = entry.stage
        self.last_stage = max(self.last_stage, stage)
        self.count = max(self.count, entry.parts)
        if stage > self.done_stage and outcome in _DONE:
            self.done_stage = stage
        if destination or outcome == _PASSED:
            return
        placed = (int(stage), int(entry.reason))
        if outcome == _ROUTED:
            self.is_routed = True
        elif outcome == _PARKED:
            self.parked = max(self.parked, placed)
        elif outcome == _HELD:
            self.held = max(self.held, placed)
        elif outcome == _WITHHELD:
            self.withheld = max(self.withheld, placed)

    def _tell_of_leg(self, destination: str, leg: Leg) -> None:
        known = self.legs.get(destination)
        if known is None or leg > known:
            self.legs[destination] = leg

    def _dispositions(self) -> set[Disposition.ValueType]:
        """Those of all parts, and of the message as one where it has gone on so."""
        found = set()
        if not self.count or self.legs:
            found.add(self._disposition_of_legs() if self.count else self._disposition_as_one())
        for number in range(1, self.count + 1):
            part = self.parts.get(number)
            found.add(part.disposition if part is not None else _IN_FLIGHT)
        # Of an earlier passage, which had more parts: only what is on its way to somebody counts.
        found.update(
            part._disposition_of_legs()  # noqa: SLF001 - a standing within this one
            for number, part in self.parts.items()
            if number > self.count and part.legs
        )
        return found

    def _disposition_as_one(self) -> Disposition.ValueType:
        if not self.is_routed:
            return _IN_FLIGHT if self.withheld == _NOWHERE else _IS_WITHHELD
        return self._disposition_of_legs()

    def _disposition_of_legs(self) -> Disposition.ValueType:
        states = {leg.state for leg in self.legs.values()}
        if LegState.PARKED in states:
            return _IS_PARKED
        if LegState.HELD in states:
            return _IS_HELD
        if LegState.PENDING in states:
            return _IN_FLIGHT
        if LegState.DELIVERED in states:
            return _IS_DELIVERED
        return _IS_WITHHELD

    def _leg_reason(self, state: LegState) -> int:
        return max((leg.reason for leg in self.legs.values() if leg.state == state), default=0)


def deciding(entries: Iterable[Custody], disposition: Disposition.ValueType) -> Custody | None:
    """The entry that put a message into the state it is in: the last that could have; else the last.

    Args:
        entries: of one message, in any order.
        disposition: the state it is in.
    """
    outcomes = _DECIDING.get(disposition, set())

    def rank(entry: Custody) -> tuple[bool, int, int, int, int, str, int]:
        at = entry.at
        could = entry.outcome in outcomes
        return (
            could,
            entry.attempt,
            at.seconds,
            at.nanos,
            entry.stage,
            entry.destination,
            entry.part,
        )

    return max(entries, key=rank, default=None)


def _reason(number: int) -> Reason.ValueType:
    return Reason.ValueType(number)
