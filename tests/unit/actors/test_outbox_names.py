"""Names under which an outbox publishes: the same for a repeat, another one for everything else."""

from plexus.actors.outbox import Outbox
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.bus import MemoryBus
from plexus.clock import ManualClock
from plexus.ids import RandomIds
from plexus.store import Done, Entry
from plexus.telemetry.tracing import Tracing

MESSAGE = "01a205a8-8665-79f6-8a9e-a559d159c297"


def adoption(to_key: str) -> Entry:
    envelope = Envelope(
        message_id=MESSAGE, kind=PayloadKind.PAYLOAD_KIND_ADOPTION, key=to_key, attempt=1
    )
    output = ("resolved", envelope.SerializeToString())
    return Entry(Done(MESSAGE, envelope.kind, "from"), 1, "0", 1, (output,), b"")


async def test_a_message_handed_on_twice_in_one_stream_is_kept_twice() -> None:
    # A chain of merges: the first record hands a message to the second, which hands it to the third.
    bus = MemoryBus(shards=8)
    outbox = Outbox(
        bus, service="records", ids=RandomIds(), clock=ManualClock(), tracing=Tracing("t", None)
    )
    for key in ("second", "third", "third"):
        await outbox.hand_over([adoption(key)], 1)
        await outbox.flush()
    kept = [Envelope.FromString(data).key for _, data in bus.entries("resolved")]
    assert kept == ["second", "third"]


async def test_two_parts_of_a_message_for_one_person_are_kept_both() -> None:
    bus = MemoryBus(shards=8)
    outbox = Outbox(
        bus, service="identity", ids=RandomIds(), clock=ManualClock(), tracing=Tracing("t", None)
    )
    for part in (1, 2, 2):
        envelope = Envelope(
            message_id=MESSAGE,
            kind=PayloadKind.PAYLOAD_KIND_RESOLVED,
            key="k",
            attempt=1,
            part=part,
        )
        output = ("resolved", envelope.SerializeToString())
        done = Done(MESSAGE, envelope.kind, "k", part)
        await outbox.hand_over([Entry(done, 1, "0", part, (output,), b"")], part)
        await outbox.flush()
    kept = [Envelope.FromString(data).part for _, data in bus.entries("resolved")]
    assert kept == [1, 2]
