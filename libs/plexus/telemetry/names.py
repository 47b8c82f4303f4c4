"""The registry of names: spans, attributes, log keys. A name is a contract, not a string in code.

Metrics are listed in `metrics`, where each also has its meaning and unit.
"""

from typing import Final

__all__ = ["ATTRIBUTES", "LOG_KEYS", "SPANS", "SPAN_EDGES"]

SPANS: Final = {
    "receive": "ingest takes one message from its sender, until it is acknowledged",
    "send raw": "ingest's relay hands a receipt to the stream",
    "process raw": "transform turns one message into its canonical event",
    "send canonical": "transform hands the event on",
    "process canonical": "identity finds the person",
    "send resolved": "identity hands the event on",
    "process resolved": "records brings the person's record up to date",
    "send changed": "records hands the effect on",
    "process changed": "delivery finds the destinations",
    "deliver": "delivery brings one message to one destination, consent and audit included",
    "rpc": "a gRPC call, on the caller's and on the server's side",
}
"""Every span name with its meaning. gRPC spans are named by their method."""

SPAN_EDGES: Final = (
    ("ingest", "receive", "ingest", "send raw"),
    ("ingest", "send raw", "transform", "process raw"),
    ("transform", "process raw", "transform", "send canonical"),
    ("transform", "send canonical", "identity", "process canonical"),
    ("identity", "process canonical", "identity", "send resolved"),
    ("identity", "send resolved", "records", "process resolved"),
    ("records", "process resolved", "records", "send changed"),
    ("records", "send changed", "delivery", "process changed"),
    ("delivery", "process changed", "delivery", "deliver"),
)
"""Each hop of a message: parent's service and span, child's service and span."""

ATTRIBUTES: Final = frozenset({
    "plexus.message_id",
    "plexus.tenant",
    "plexus.feed",
    "plexus.stage",
    "plexus.outcome",
    "plexus.reason",
    "plexus.destination",
    "plexus.attempt",
    "messaging.system",
    "messaging.destination.name",
    "messaging.operation.type",
    "messaging.batch.message_count",
    "rpc.system.name",
    "rpc.method",
    "rpc.response.status_code",
    "server.address",
    "error.type",
})  # fmt: skip
"""Every attribute that a span may have. None can hold patient data."""

LOG_KEYS: Final = frozenset({
    "address",
    "attempt",
    "bytes",
    "code",
    "count",
    "destination",
    "detail",
    "epoch",
    "error",
    "feed",
    "frames",
    "incarnation",
    "instance",
    "library",
    "line",
    "location",
    "message_id",
    "method",
    "outcome",
    "path",
    "peer",
    "reason",
    "seconds",
    "sequence",
    "service",
    "shard",
    "source",
    "stage",
    "state",
    "stream",
    "tenant",
    "trace_id",
    "trigger",
    "version",
})  # fmt: skip
"""Every key that a log line may have beside time, level and event."""
