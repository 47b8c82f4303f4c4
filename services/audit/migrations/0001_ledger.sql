-- What stages said, word for word, once for each thing said.
CREATE TABLE custody (
    message_id  uuid NOT NULL,
    attempt     integer NOT NULL,
    stage       smallint NOT NULL, -- plexus.api.audit.v1.Stage
    outcome     smallint NOT NULL, -- plexus.api.audit.v1.Outcome
    destination text NOT NULL,
    at          timestamptz NOT NULL,
    body        bytea NOT NULL, -- plexus.api.audit.v1.Custody
    PRIMARY KEY (message_id, attempt, stage, outcome, destination)
);

-- How each message stands: what follows from its custody entries (services/audit/domain/standing).
CREATE TABLE message (
    message_id      uuid PRIMARY KEY, -- version 7: sorts by time
    tenant          text NOT NULL,
    feed            text NOT NULL,
    message_type    text NOT NULL DEFAULT '',
    origin          bigint NOT NULL DEFAULT 0,
    received_at     timestamptz,
    is_accepted     boolean NOT NULL DEFAULT false,
    is_rejected     boolean NOT NULL DEFAULT false,
    is_duplicate    boolean NOT NULL DEFAULT false,
    rejected_reason smallint NOT NULL DEFAULT 0,
    attempt         integer NOT NULL DEFAULT 0,
    last_stage      smallint NOT NULL DEFAULT 0,
    done_stage      smallint NOT NULL DEFAULT 0,
    is_routed       boolean NOT NULL DEFAULT false,
    parked_stage    smallint NOT NULL DEFAULT 0,
    parked_reason   smallint NOT NULL DEFAULT 0,
    held_stage      smallint NOT NULL DEFAULT 0,
    held_reason     smallint NOT NULL DEFAULT 0,
    withheld_stage  smallint NOT NULL DEFAULT 0,
    withheld_reason smallint NOT NULL DEFAULT 0,
    disposition     smallint NOT NULL DEFAULT 0, -- plexus.api.audit.v1.Disposition; 0 for a duplicate
    reason          smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 75); -- room to update a row where it lies
CREATE INDEX message_disposition ON message (disposition, message_id);
CREATE INDEX message_feed ON message (feed, message_id);

-- How each message stands towards each destination.
CREATE TABLE leg (
    message_id  uuid NOT NULL,
    destination text NOT NULL,
    tenant      text NOT NULL,
    attempt     integer NOT NULL,
    state       smallint NOT NULL, -- services.audit.domain.LegState
    reason      smallint NOT NULL,
    PRIMARY KEY (message_id, destination)
) WITH (fillfactor = 75);
CREATE INDEX leg_destination ON leg (destination, message_id);

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
