"""One turn of one actor: a message in, effects buffered, all or nothing.

An actor never waits and never asks another actor within a turn: it decides from its state and the
message, changes its state, and buffers what follows. `run_turn` tests an actor without a runtime.
"""

import dataclasses
import datetime
import enum
import functools
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from plexus.api.audit.v1.audit_pb2 import Custody, Outcome
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.bus import pack
from plexus.errors import Fenced, InvalidMessage, PlexusError, Reason, Transient
from plexus.store import Done, Entry
from plexus.telemetry.tracing import trace_id_of

__all__ = [
    "Actor",
    "Address",
    "Directive",
    "Turn",
    "TurnFailed",
    "run_turn",
    "run_turns",
    "supervise",
]

# Looking a protobuf enum's value up costs as much as setting it.
_PASSED = Outcome.OUTCOME_PASSED

M_contra = TypeVar("M_contra", contravariant=True)
M = TypeVar("M")


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Names one actor: what kind of entity, and which one."""

    kind: str
    key: str


class Actor(Protocol[M_contra]):
    """One entity: one writer, one turn at a time, rebuilt from its store for each batch."""

    def receive(self, message: M_contra, turn: "Turn") -> None:
        """Decide, change the state, and buffer what follows in `turn`.

        Raises:
            InvalidMessage: the message can never succeed; it is parked.
            Transient: the whole batch is undone and tried again.
        """


class Directive(enum.Enum):
    """What a supervisor does about an error of a turn."""

    RETRY = "undo the batch and try it again after a while"
    RESTART = "undo the batch, rebuild the actors and try again once"
    PARK = "undo the turn and park its message"
    STOP = "stop working off these shards: another owner does"


def supervise(error: Exception) -> Directive:
    """Judge an error: poison is parked, weather is waited for, a defect gets one more chance."""
    if isinstance(error, Fenced):
        return Directive.STOP
    if isinstance(error, Transient):
        return Directive.RETRY
    if isinstance(error, InvalidMessage):
        return Directive.PARK
    return Directive.RESTART


class TurnFailed(Exception):
    """Tells the flow which turn failed, and of what."""

    def __init__(self, turn: "Turn", error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.turn = turn
        self.error = error


class Turn:
    """What one message leads to. Nothing of it happens unless the batch commits.

    Attributes:
        envelope: the message as it came.
        done: what names this message within the stage.
        unit: the shard it came through.
        sequence: its place in the input stream.
        now: time of the turn.
        traceparent: context of this stage's span.
    """

    __slots__ = (
        "_custody",
        "_outputs",
        "_versions",
        "done",
        "envelope",
        "now",
        "sequence",
        "traceparent",
        "unit",
    )

    def __init__(
        self,
        envelope: Envelope,
        *,
        unit: str,
        sequence: int,
        now: datetime.datetime,
        traceparent: str = "",
    ) -> None:
        self.envelope = envelope
        self.done = Done(envelope.message_id, envelope.kind, envelope.key, envelope.part)
        self.unit = unit
        self.sequence = sequence
        self.now = now
        self.traceparent = traceparent or envelope.traceparent
        self.reset()

    @property
    def outputs(self) -> list[tuple[str, Envelope]]:
        """Streams and envelopes that were buffered, in order."""
        return self._outputs

    @property
    def outcome(self) -> Outcome.ValueType:
        """What the custody entry will say."""
        return self._custody.outcome

    @property
    def reason(self) -> Reason.ValueType:
        """Why, for an outcome that needs a reason."""
        return self._custody.reason

    def reset(self) -> None:
        """Forget everything that was buffered."""
        self._outputs: list[tuple[str, Envelope]] = []
        self._versions: dict[str, str] = {}
        self._custody = Custody()
        self._custody.outcome = _PASSED

    def emit(
        self, stream: str, kind: PayloadKind.ValueType, key: str, payload: bytes, part: int = 0
    ) -> None:
        """Hand the message on: `payload` goes to `stream`, in order with others of the same `key`.

        `part` says which part of a message about several persons it is, from 1; see `divide`.
        """
        envelope = Envelope()
        envelope.CopyFrom(self.envelope)
        envelope.kind = kind
        envelope.key = key
        envelope.payload = payload
        if part:
            envelope.part = part
        for name, version in self._versions.items():
            envelope.versions[name] = version
        self._outputs.append((stream, envelope))

    def ran(self, name: str, version: str) -> None:
        """Record the version of what decided this turn, in custody and on what is emitted next."""
        self._versions[name] = version
        self._custody.version = version

    def divide(self, parts: int) -> None:
        """Say that the message goes on as so many parts: it is done when all of them are."""
        self._custody.parts = parts

    def fact(self, name: str, value: str) -> None:
        """Add a plain fact to the custody entry. Never a patient's data."""
        self._custody.facts[name] = value

    def conclude(
        self,
        outcome: Outcome.ValueType,
        reason: Reason.ValueType = Reason.REASON_UNSPECIFIED,
        detail: str = "",
        destinations: Iterable[str] = (),
    ) -> None:
        """Set another outcome than PASSED."""
        self._custody.outcome = outcome
        self._custody.reason = reason
        self._custody.detail = detail
        self._custody.destinations.extend(destinations)

    def park(self, error: PlexusError) -> None:
        """Set the message aside for a person: it can never succeed as it is."""
        self.reset()
        where = f" at {error.location}" if error.location else ""
        self.conclude(Outcome.OUTCOME_PARKED, error.reason, f"{error.detail.rstrip('.')}{where}")

    def entry(self, stage: StageName.ValueType, duration_us: int) -> Entry:
        """The journal entry of this turn: what to publish, and custody."""
        source = self.envelope
        custody = self._custody
        custody.message_id = source.message_id
        custody.tenant = source.tenant
        custody.feed = source.feed
        custody.stage = stage
        custody.at.CopyFrom(_timestamp(self.now))
        custody.attempt = source.attempt
        custody.trace_id = trace_id_of(source.traceparent)
        custody.message_type = source.message_type
        custody.duration_us = duration_us
        custody.origin = source.origin
        custody.part = source.part
        return Entry(
            self.done,
            source.attempt,
            self.unit,
            self.sequence,
            tuple((stream, pack(made)) for stream, made in self._outputs),
            custody.SerializeToString(),
        )


@functools.lru_cache(maxsize=16)
def _timestamp(moment: datetime.datetime) -> Timestamp:
    """A batch has one time; making it costs more than the rest of a custody entry."""
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def run_turns(turns: Iterable[tuple[Turn, Callable[[Turn], None]]]) -> None:
    """Run turns in order, each a call that receives its turn.

    Raises:
        TurnFailed: one failed for good or by a defect; the flow decides what follows.
        Transient: the batch must be tried again.
    """
    for turn, receive in turns:
        try:
            receive(turn)
        except Exception as exc:
            if supervise(exc) in {Directive.RETRY, Directive.STOP}:
                raise
            raise TurnFailed(turn, exc) from exc


def run_turn(
    actor: Actor[M],
    message: M,
    envelope: Envelope | None = None,
    now: datetime.datetime | None = None,
) -> Turn:
    """Let an actor take one turn without a runtime, and return what it buffered.

    Raises:
        Exception: whatever the actor raises.
    """
    turn = Turn(
        envelope or Envelope(message_id="00000000-0000-7000-8000-000000000001", attempt=1),
        unit="0",
        sequence=1,
        now=now or datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    )
    actor.receive(message, turn)
    return turn
