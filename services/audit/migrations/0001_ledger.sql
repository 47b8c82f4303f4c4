-- What stages said, word for word, in the order in which it was told. What is told of a message in one
-- batch is one row. Nothing here is ever changed; what was told twice stands here twice, and whoever
-- reads takes the first wording of each entry.
CREATE TABLE custody (
    number     bigint GENERATED ALWAYS AS IDENTITY,
    message_id uuid NOT NULL,
    entries    bytea NOT NULL -- plexus.api.audit.v1.EvidenceBatch
);
CREATE INDEX custody_message ON custody (message_id);

-- How each message stands: what follows from its custody entries (services/audit/domain/standing).
CREATE TABLE message (
    message_id   uuid PRIMARY KEY, -- version 7: sorts by time
    tenant       text NOT NULL,
    feed         text NOT NULL,
    message_type text NOT NULL,
    received_at  timestamptz,
    disposition  smallint NOT NULL, -- plexus.api.audit.v1.Disposition; 0 for a duplicate
    reason       smallint NOT NULL, -- plexus.api.errors.v1.Reason
    standing     bytea NOT NULL -- the rest, packed (services/audit/store/packing)
) WITH (fillfactor = 60); -- room to update a row where it lies
CREATE INDEX message_feed ON message (feed, message_id);
-- Most messages are delivered: finding the others is what needs help.
CREATE INDEX message_undelivered ON message (disposition, message_id) WHERE disposition <> 2::smallint;

-- Which messages were on their way to a destination, whatever became of them.
CREATE TABLE leg (
    destination text NOT NULL,
    message_id  uuid NOT NULL,
    PRIMARY KEY (destination, message_id)
);

-- The conservation report: how many rows of `message` are alike, kept up with each change of them.
CREATE TABLE tally (
    tenant      text NOT NULL,
    feed        text NOT NULL,
    disposition smallint NOT NULL,
    reason      smallint NOT NULL,
    messages    bigint NOT NULL,
    PRIMARY KEY (tenant, feed, disposition, reason)
) WITH (fillfactor = 50);

-- The same for how messages stand towards destinations.
CREATE TABLE leg_tally (
    tenant      text NOT NULL,
    destination text NOT NULL,
    state       smallint NOT NULL, -- services.audit.domain.LegState
    messages    bigint NOT NULL,
    PRIMARY KEY (tenant, destination, state)
) WITH (fillfactor = 50);

-- The audit log: who did what to what.
CREATE TABLE audit_event (
    event_id   uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    tenant     text NOT NULL,
    type       text NOT NULL,
    person_id  text NOT NULL,
    message_id uuid,
    body       bytea NOT NULL -- plexus.api.audit.v1.AuditEvent
);
CREATE INDEX audit_event_at ON audit_event (at, event_id);
CREATE INDEX audit_event_person ON audit_event (person_id, at) WHERE person_id <> '';
CREATE INDEX audit_event_message ON audit_event (message_id, at) WHERE message_id IS NOT NULL;
