-- One row per message and destination: what waits, and what became of it.
CREATE TABLE item (
    destination text NOT NULL,
    place       bigint GENERATED ALWAYS AS IDENTITY,
    message_id  uuid NOT NULL,
    attempt     integer NOT NULL,
    tenant      text NOT NULL,
    feed        text NOT NULL,
    key         text NOT NULL,
    origin      bigint NOT NULL,
    message_type text NOT NULL,
    received_at timestamptz NOT NULL,
    traceparent text NOT NULL,
    routed_at   timestamptz NOT NULL DEFAULT now(),
    state       smallint NOT NULL, -- plexus.api.delivery.v1.ItemState
    tries       integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    reason      smallint NOT NULL DEFAULT 0, -- plexus.api.errors.v1.Reason
    detail      text NOT NULL DEFAULT '',
    decision_id text NOT NULL DEFAULT '',
    event       bytea, -- ChangedEvent, as an lz4 block; gone once nothing more will be sent
    PRIMARY KEY (destination, message_id)
);
ALTER TABLE item ALTER event SET STORAGE EXTERNAL;
ALTER TABLE item SET (toast_tuple_target = 8160, fillfactor = 80);
-- What waits, in order. Small: an item leaves it when it is done.
CREATE INDEX item_pending ON item (destination, place) WHERE state = 1;
CREATE INDEX item_message ON item (message_id);
