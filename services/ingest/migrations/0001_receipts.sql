-- Who writes receipts, how far they were handed to the mesh, and below which number all are settled.
CREATE TABLE writer (
    name        text PRIMARY KEY,
    epoch       bigint NOT NULL,
    relayed     bigint NOT NULL DEFAULT 0,
    settled     bigint NOT NULL DEFAULT 0,
    incarnation text NOT NULL DEFAULT ''
);

-- The promise to every sender: what is here was stored before it was answered.
CREATE TABLE receipt (
    origin       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL UNIQUE,
    first_id     uuid, -- for a duplicate: the message it repeats
    writer       text NOT NULL,
    attempt      integer NOT NULL DEFAULT 1,
    tenant       text NOT NULL,
    feed         text NOT NULL,
    source       text NOT NULL,
    control_id   text NOT NULL,
    message_type text NOT NULL,
    fingerprint  bytea NOT NULL, -- digest of tenant, source, control id and content
    control      bytea NOT NULL, -- digest of tenant, source and control id
    outcome      smallint NOT NULL, -- plexus.api.ingest.v1.ReceiptOutcome
    ack_code     text NOT NULL,
    conflict     boolean NOT NULL,
    key          text NOT NULL,
    charset      text NOT NULL,
    received_at  timestamptz NOT NULL,
    traceparent  text NOT NULL,
    issues       bytea NOT NULL, -- a plexus.api.ingest.v1.Receipt that holds nothing else
    content      bytea NOT NULL
);
ALTER TABLE receipt ALTER content SET STORAGE EXTERNAL;
ALTER TABLE receipt SET (toast_tuple_target = 8160);
-- One accepted message per content: what is found here came before.
CREATE UNIQUE INDEX receipt_fingerprint ON receipt (fingerprint) WHERE outcome = 1;
CREATE INDEX receipt_control ON receipt (control) WHERE outcome = 1;
CREATE INDEX receipt_writer ON receipt (writer, origin);

-- Counts per feed, kept in the transaction of the receipts themselves.
CREATE TABLE feed_count (
    tenant   text NOT NULL,
    feed     text NOT NULL,
    outcome  smallint NOT NULL,
    messages bigint NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, feed, outcome)
);
