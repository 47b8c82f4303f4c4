"""A small stage behind the real flow, and a world in memory to crash it in.

What a stage does is told by a message's payload. An effect is what a batch has committed; what left
is what any incarnation of the stream `out` was ever given.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

from plexus.actors import Flow, Turn, run_turns
from plexus.api.audit.v1.audit_pb2 import Custody, EvidenceBatch
from plexus.api.audit.v1.audit_pb2 import Stage as StageName
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.bus import Bus, MemoryBus, Outgoing, Ownership, unpack
from plexus.clock import Clock, ManualClock, SystemClock
from plexus.errors import InvalidMessage, Reason, Unavailable
from plexus.ids import RandomIds
from plexus.store import Entry, Journal, Mark, MemoryJournal, Transaction
from plexus.telemetry.tracing import Tracing

SHARDS = 4
UNITS = tuple(str(shard) for shard in range(SHARDS))
KEYS = tuple(f"{number:016x}" for number in (0, 1, 4))  # two in one shard, one in another
OK, POISON, DEFECT = b"ok", b"poison", b"defect"


class BriskClock(SystemClock):
    """Waits are short: a test does not ask how long a stage backs off."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await asyncio.sleep(0)


def message_id(number: int) -> str:
    """The id of the message of that number."""
    return str(uuid.UUID(int=(number << 80) | (7 << 76) | (0x2 << 62)))


def message(number: int, key: str = KEYS[0], payload: bytes = OK, attempt: int = 1) -> Envelope:
    """A message; its number is its receipt number."""
    return Envelope(
        message_id=message_id(number),
        tenant="t",
        feed="f",
        schema_version=1,
        key=key,
        origin=number,
        attempt=attempt,
        kind=PayloadKind.PAYLOAD_KIND_RAW,
        payload=payload,
    )


def outgoing(envelope: Envelope, copy: int = 0) -> Outgoing:
    """The message for the stream `in`; another copy is one that the stream does not recognise."""
    name = f"{envelope.message_id}:{envelope.attempt}:{copy}"
    return Outgoing("in", envelope.key, name, envelope.SerializeToString())


class Recorder:
    """The stage: hands each message on under its key, unless its payload says otherwise.

    Attributes:
        weather: raised by the next batches, one each, the first one first.
        defects: how many tries at a message that meets a defect fail.
        tries: how often each message's turn was taken.
        keep: stores the batch's own state within its transaction.
    """

    def __init__(
        self, keep: Callable[[Sequence[Turn], Transaction], Awaitable[None]] | None = None
    ) -> None:
        self.weather: list[Exception] = []
        self.tries: dict[int, int] = {}
        self.defects = 1_000_000
        self.keep = keep

    async def turn_batch(self, turns: Sequence[Turn], transaction: Transaction) -> None:
        run_turns((turn, self._receive) for turn in turns)
        if self.keep is not None:
            await self.keep(turns, transaction)
        if self.weather:
            raise self.weather.pop(0)

    def _receive(self, turn: Turn) -> None:
        envelope = turn.envelope
        self.tries[envelope.origin] = self.tries.get(envelope.origin, 0) + 1
        if envelope.payload == POISON:
            raise InvalidMessage(
                "no such thing", reason=Reason.REASON_MAPPING_FAILED, location="PID-3"
            )
        if envelope.payload == DEFECT and self.tries[envelope.origin] <= self.defects:
            raise ValueError("Ambrosia's number")
        turn.ran("rules", "v1")
        turn.emit("out", PayloadKind.PAYLOAD_KIND_CANONICAL, envelope.key, envelope.payload)


class KeptJournal(MemoryJournal):
    """Remembers every effect that was committed: message number, attempt and key, in order.

    What is noted again as it was, at another place, is no effect. `went_back` has the units whose
    mark was set to an earlier place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.effects: list[tuple[int, int, str]] = []
        self.went_back: list[str] = []

    def write(
        self, entries: Sequence[Entry], marks: Mapping[str, Mark], epochs: Mapping[str, int]
    ) -> None:
        before = {entry.done: self.find(entry.done) for entry in entries}
        old_marks = {unit: self._marks.get(unit, Mark()) for unit in epochs}
        super().write(entries, marks, epochs)
        for unit, old in old_marks.items():
            new = marks[unit]
            if (new.incarnation, new.sequence) < (old.incarnation, old.sequence):
                self.went_back.append(unit)
        for entry in entries:
            known = before[entry.done]
            if known is None or known.custody != entry.custody:  # custody tells the time
                number = uuid.UUID(entry.done.message_id).int >> 80
                self.effects.append((number, entry.attempt, entry.done.key))


class TroubledBus(MemoryBus):
    """Remembers all that was ever published, and fails when told to.

    Attributes:
        troubles: the next publications of outputs store so many messages, then fail.
        left: lists of what `out` was given, one for each incarnation, without repeats.
        evidence: what `audit` was given, over all incarnations.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(shards=SHARDS, lease_seconds=5.0, clock=clock)
        self.troubles: list[int] = []
        self.left: list[list[Envelope]] = [[]]
        self.evidence: list[Custody] = []

    async def publish(self, items: Sequence[Outgoing]) -> None:
        outputs = items[0].stream != "in"
        stored = self.troubles.pop(0) if self.troubles and outputs else len(items)
        for item in items[:stored]:
            before = len(self.entries(item.stream))
            await super().publish([item])
            if len(self.entries(item.stream)) > before:
                self._note(item)
        if stored < len(items):
            raise Unavailable("trouble")

    def _note(self, item: Outgoing) -> None:
        if item.stream == "out":
            self.left[-1].append(unpack(item.data))
        elif item.stream == "audit":
            envelope = unpack(item.data)
            self.evidence += EvidenceBatch.FromString(envelope.payload).custody

    def wipe(self) -> None:
        super().wipe()
        self.left.append([])

    async def wait(self) -> None:
        await asyncio.sleep(0)


def ownership_of(bus: Bus, instance: str, clock: Clock | None = None) -> Ownership:
    """One member's view of who owns the shards."""
    return Ownership(
        bus.leases,
        stage="stage",
        instance=instance,
        units=UNITS,
        lease_seconds=5.0,
        clock=clock or ManualClock(),
    )


def flow_of(
    bus: Bus,
    journal: Journal,
    stage: Recorder,
    ownership: Ownership,
    *,
    clock: Clock | None = None,
    batch: int = 4,
    park_limit_per_minute: int = 1000,
) -> Flow:
    """One replica's flow from `in` to `out`."""
    return Flow(
        stage,
        name="stage",
        stage_name=StageName.STAGE_TRANSFORM,
        stream="in",
        bus=bus,
        journal=journal,
        ownership=ownership,
        ids=RandomIds(),
        clock=clock or BriskClock(),
        tracing=Tracing("stage", None),
        batch=batch,
        park_limit_per_minute=park_limit_per_minute,
    )


@contextlib.asynccontextmanager
async def running(flow: Flow) -> AsyncIterator[asyncio.Task[None]]:
    """The flow works within the block, and ends in order after it."""
    task = asyncio.create_task(flow.run())
    try:
        yield task
    finally:
        flow.stop()
        await task


async def crash(flow: Flow, task: asyncio.Task[None]) -> None:
    """End the flow at once, publishing included, as SIGKILL would."""
    publishing = flow._outbox._task
    tasks = [task] if publishing is None else [task, publishing]
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def is_worked_off(bus: Bus, journal: Journal) -> bool:
    """Whether all that is in the stream is committed and known to be published."""
    state = await bus.state("in")
    marks = await journal.marks(UNITS)
    reached = {(mark.incarnation, mark.published) for mark in marks.values()}
    return state.last_sequence == 0 or reached == {(state.incarnation, state.last_sequence)}


def numbers(envelopes: Iterable[Envelope]) -> list[int]:
    """The receipt numbers of some messages."""
    return [envelope.origin for envelope in envelopes]
