"""Every metric once, with its meaning and unit. Labels are closed sets: never a person or message.

prometheus-client costs 3-6 µs an update, so counts are added per batch, not per message, on hot
paths.
"""

from prometheus_client import Counter, Gauge, Histogram

__all__ = [
    "ACKNOWLEDGED",
    "AUDIT_ANCHORED",
    "AUDIT_SEALED",
    "AUDIT_SEALING_FAILED",
    "BATCH_SECONDS",
    "BATCH_SIZE",
    "BROKEN_GLASS",
    "BUS_ERRORS",
    "CONSENT_DECISIONS",
    "CONSUMER_PENDING",
    "DELIVERY_SECONDS",
    "DESTINATION_PENDING",
    "FEED_CONNECTIONS",
    "FEED_LAST_MESSAGE",
    "IDENTITY_LARGE_BLOCKS",
    "IDENTITY_MATCHES",
    "JUDGED",
    "JUDGE_FINDINGS",
    "LEAVES",
    "LOOP_LAG",
    "OUTCOMES",
    "PARKING_PAUSED",
    "RECEIPT_SECONDS",
    "RECEIVED",
    "REDELIVERIES",
    "RELOADS",
    "RPC_HANDLED",
    "RPC_SECONDS",
    "SHARDS_OWNED",
    "UNMAPPED_CODES",
    "UNMAPPED_FIELDS",
    "UNRELAYED",
]

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RECEIVED = Counter(
    "plexus_messages_received", "Messages that got a receipt.", ["tenant", "feed", "outcome"]
)
ACKNOWLEDGED = Counter("plexus_ack", "Acknowledgements by code.", ["feed", "code"])
RECEIPT_SECONDS = Histogram(
    "plexus_receipt_seconds",
    "From the last byte of a message to its answer.",
    ["feed"],
    buckets=_FAST,
)
FEED_LAST_MESSAGE = Gauge(
    "plexus_feed_last_message_timestamp_seconds", "Time of the last message.", ["tenant", "feed"]
)
FEED_CONNECTIONS = Gauge("plexus_feed_connections", "Open connections.", ["feed"])
UNRELAYED = Gauge("plexus_unrelayed", "Receipts not yet handed to the stream.")
OUTCOMES = Counter("plexus_message_outcome", "Messages by what a stage did.", ["stage", "outcome"])
BATCH_SECONDS = Histogram(
    "plexus_batch_seconds", "Time of one turn batch.", ["stage"], buckets=_FAST
)
BATCH_SIZE = Histogram(
    "plexus_batch_messages",
    "Messages of one turn batch.",
    ["stage"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
REDELIVERIES = Counter("plexus_redeliveries", "Messages that a stage had already done.", ["stage"])
CONSUMER_PENDING = Gauge("plexus_consumer_pending", "Messages that wait for a stage.", ["stage"])
SHARDS_OWNED = Gauge("plexus_shards_owned", "Shards that this replica owns.", ["stage"])
PARKING_PAUSED = Gauge(
    "plexus_parking_paused", "1 while a stage stands still: it parked too much.", ["stage"]
)
BUS_ERRORS = Counter("plexus_bus_errors", "Errors that the bus reported.", ["kind"])
IDENTITY_MATCHES = Counter("plexus_identity_matches", "Matches by kind.", ["result"])
IDENTITY_LARGE_BLOCKS = Counter(
    "plexus_identity_large_blocks",
    "Blocking keys that found too many records and were left out, by pass.",
    ["kind"],
)
RELOADS = Counter(
    "plexus_reloads",
    "Changes of what was agreed with sources, by what became of them.",
    ["outcome"],
)
UNMAPPED_CODES = Counter(
    "plexus_unmapped_codes", "Codes without a standard coding.", ["tenant", "source"]
)
UNMAPPED_FIELDS = Counter(
    "plexus_unmapped_fields",
    "Fields of a type of message that came for the first time and that no rule takes.",
    ["tenant", "source"],
)
LEAVES = Counter(
    "plexus_leaves",
    "Populated leaves by what became of them (mapped, dropped, residue), of one message in eight.",
    ["tenant", "source", "outcome"],
)
CONSENT_DECISIONS = Counter(
    "plexus_consent_decisions", "Decisions by effect and reason.", ["effect", "reason"]
)
BROKEN_GLASS = Counter(
    "plexus_consent_broken_glass", "Disclosures that were permitted only by breaking the glass."
)
DESTINATION_PENDING = Gauge(
    "plexus_destination_pending", "Messages that wait for a destination.", ["destination"]
)
DELIVERY_SECONDS = Histogram(
    "plexus_delivery_seconds", "Time of one try at a destination.", ["destination"], buckets=_FAST
)
JUDGED = Counter("plexus_judged", "Deliveries that were judged, in samples.", ["outcome"])
JUDGE_FINDINGS = Counter(
    "plexus_judge_findings", "Faults that the judge found in samples, by kind.", ["kind"]
)
RPC_HANDLED = Counter("plexus_grpc_server_handled", "Calls answered.", ["method", "code"])
RPC_SECONDS = Histogram("plexus_grpc_server_seconds", "Time of a call.", ["method"], buckets=_FAST)
LOOP_LAG = Gauge("plexus_event_loop_lag_seconds", "How late the event loop is.")
AUDIT_SEALED = Counter("plexus_audit_sealed", "Audit events that became leaves of a log.")
AUDIT_SEALING_FAILED = Counter("plexus_audit_sealing_failed", "Sealings that did not succeed.")
AUDIT_ANCHORED = Gauge(
    "plexus_audit_anchored_timestamp_seconds",
    "Time at which a checkpoint last left the database, by where it went.",
    ["kind"],
)
