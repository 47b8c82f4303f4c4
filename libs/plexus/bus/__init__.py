"""The bus: streams of messages that stay in order per key, in shards that one replica owns each.

`contract` says what a bus promises, `jetstream` and `pull` keep it on NATS JetStream, `memory` keeps
it in one process; the same tests hold for both. `packing` writes and reads the envelopes on them,
`frames` lets those of one shard travel together.
`ownership` decides which replica owns which shard. Only this package knows NATS.
"""

from plexus.bus.contract import (
    Bus,
    Consumer,
    ConsumerLost,
    Incoming,
    Leases,
    Outgoing,
    StreamState,
)
from plexus.bus.jetstream import JetStreamBus, connect_bus
from plexus.bus.memory import MemoryBus
from plexus.bus.ownership import Ownership
from plexus.bus.packing import pack, unpack

__all__ = [
    "Bus",
    "Consumer",
    "ConsumerLost",
    "Incoming",
    "JetStreamBus",
    "Leases",
    "MemoryBus",
    "Outgoing",
    "Ownership",
    "StreamState",
    "connect_bus",
    "pack",
    "unpack",
]
