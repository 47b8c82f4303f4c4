"""What a bus promises. Kept by `jetstream` and by `memory`, checked by tests/contract.

A *stream* is an append-only list. Each message belongs to the *shard* that its key falls into
(`plexus.ids.shard_of`); within a shard, order of publication is order of delivery. A stream has an
*incarnation*: when it is lost and made again the name stays and the incarnation changes, and
sequence numbers start near 1 again.
"""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Protocol

from plexus.errors import Unavailable

__all__ = [
    "Bus",
    "Consumer",
    "ConsumerLost",
    "Incoming",
    "Leases",
    "Outgoing",
    "StreamState",
]


class ConsumerLost(Unavailable):
    """The consumer is gone (reconnection, lost stream). Open a fresh one after the last mark."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish.

    Attributes:
        stream: name of the stream.
        key: decides the shard; a digest or a configured name, never patient data.
        dedupe_id: the stream keeps the first of two messages with the same id, within its window, where
            both were published in the same company (one list, published again). Otherwise it may keep
            both: whoever reads knows repeats.
        data: the message.
        traceparent: trace context for the broker's own spans, or empty.
    """

    stream: str
    key: str
    dedupe_id: str
    data: bytes
    traceparent: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Incoming:
    """A message that was delivered.

    Attributes:
        shard: its shard.
        sequence: its place in the stream, from 1, rising but not without gaps.
        data: the message.
        pending: how many more wait for this consumer, at least.
    """

    shard: int
    sequence: int
    data: bytes
    pending: int


@dataclasses.dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream is now."""

    incarnation: str
    last_sequence: int


class Consumer(Protocol):
    """Reads some shards of one stream, in order, without gaps or repeats."""

    async def next_batch(self, limit: int, wait_seconds: float) -> list[Incoming]:
        """What has arrived, at most `limit`; empty where nothing did within `wait_seconds`.

        Raises:
            ConsumerLost: what was not returned yet will never be; open a fresh consumer.
        """

    async def close(self) -> None:
        """Stop reading."""


class Leases(Protocol):
    """Who is alive, and who owns what. Ownership is decided here and enforced by fences."""

    async def heartbeat(self, stage: str, instance: str) -> None:
        """Say that `instance` of `stage` lives; it counts as alive for the lease time."""

    async def resign(self, stage: str, instance: str) -> None:
        """Say that it goes."""

    async def alive(self, stage: str) -> set[str]:
        """The instances of `stage` that live."""

    async def owner(self, stage: str, unit: str) -> tuple[str, int]:
        """The owner of a unit (empty where it has none) and the revision of that fact."""

    async def take(self, stage: str, unit: str, instance: str, revision: int) -> int | None:
        """Become owner, if nothing changed since `revision`. The new revision, or None."""

    async def load_mark(self, stage: str, unit: str) -> str:
        """The note kept with `save_mark`, or empty text."""

    async def save_mark(self, stage: str, unit: str, mark: str) -> None:
        """Keep a small note for the next owner, for stages that have no store."""


class Bus(Protocol):
    """Streams and leases."""

    shards: int

    @property
    def connected(self) -> bool:
        """True while the bus can be reached."""

    @property
    def connections(self) -> int:
        """How often the bus was connected again: streams may have been lost in between."""

    @property
    def leases(self) -> Leases:
        """The leases of this bus."""

    async def state(self, stream: str) -> StreamState:
        """How a stream is; makes it where it is missing and that is allowed.

        Raises:
            Unavailable: the bus cannot be reached.
        """

    async def publish(self, items: Sequence[Outgoing]) -> None:
        """Append all items, in order per shard. Returns when all are stored.

        Raises:
            Unavailable: some may be stored, some not; publish all again with the same ids.
        """

    async def consume(
        self, stream: str, shards: Collection[int], after: int, name: str
    ) -> Consumer:
        """Read the shards after sequence `after`. `name` shows up in the bus's own tools.

        Raises:
            Unavailable: the bus cannot be reached.
        """

    async def close(self) -> None:
        """Leave the bus."""
