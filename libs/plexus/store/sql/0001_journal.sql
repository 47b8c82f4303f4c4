-- One row per unit (shard or destination): who may write, and how far it has got.
CREATE TABLE fence (
    unit        text PRIMARY KEY,
    epoch       bigint NOT NULL,
    incarnation text NOT NULL DEFAULT '',
    era         integer NOT NULL DEFAULT 0, -- digest of incarnation, to compare in the journal
    sequence    bigint NOT NULL DEFAULT 0,
    published   bigint NOT NULL DEFAULT 0
);

-- What was done with each message, what came of it (outbox), and its custody entry.
CREATE TABLE journal (
    message_id uuid NOT NULL,
    kind       smallint NOT NULL,
    key        text NOT NULL,
    attempt    integer NOT NULL,
    unit       text NOT NULL,
    era        integer NOT NULL,
    sequence   bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    outputs    bytea NOT NULL, -- plexus.api.envelope.v1.Outputs
    custody    bytea NOT NULL,
    PRIMARY KEY (message_id, kind, key)
);
-- Written once and read seldom: compressing costs more than the space is worth, and what fits into a
-- page stays there.
ALTER TABLE journal ALTER outputs SET STORAGE EXTERNAL, ALTER custody SET STORAGE EXTERNAL;
ALTER TABLE journal SET (toast_tuple_target = 8160);
CREATE INDEX journal_unit ON journal (unit, era, sequence);
CREATE INDEX journal_at ON journal USING brin (at);
