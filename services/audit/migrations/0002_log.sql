-- The log: a Merkle tree for each tenant over its audit events (services/audit/domain/tree).

-- What is stored and not sealed yet. A trigger fills it, so that whoever stores an event queues it too, in
-- the same transaction. An audit of an earlier release goes on storing on these tables.
CREATE TABLE unsealed (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant   text NOT NULL,
    event_id uuid NOT NULL
);

CREATE FUNCTION queue_events() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO unsealed (tenant, event_id) SELECT tenant, event_id FROM stored;
    RETURN NULL;
END $$;
CREATE TRIGGER queue_events AFTER INSERT ON audit_event
    REFERENCING NEW TABLE AS stored FOR EACH STATEMENT EXECUTE FUNCTION queue_events();

-- Each tenant's tree, with its size. Its row is locked while leaves are added.
CREATE TABLE tree (
    tree   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL UNIQUE,
    size   bigint NOT NULL DEFAULT 0
);

-- Which event is which leaf. `at`, `agent` and `destination` are the event's own, for questions.
CREATE TABLE leaf (
    tree        integer NOT NULL,
    sequence    bigint NOT NULL, -- from 0, without gaps
    event_id    uuid NOT NULL,
    hash        bytea NOT NULL,
    at          timestamptz NOT NULL,
    agent       text NOT NULL,
    destination text NOT NULL,
    PRIMARY KEY (tree, sequence)
);
CREATE UNIQUE INDEX leaf_event ON leaf (event_id);
CREATE INDEX leaf_agent ON leaf (agent, at);
CREATE INDEX leaf_destination ON leaf (destination, at) WHERE destination <> '';

-- Full tiles of 256 hashes. What is not full follows from leaves and from roots of tiles.
CREATE TABLE tile (
    tree   integer NOT NULL,
    level  smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    root   bytea NOT NULL,
    PRIMARY KEY (tree, level, number)
);
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress

-- What was signed, as a note (services/audit/domain/notes). The keys are not here.
CREATE TABLE checkpoint (
    tree      integer NOT NULL,
    size      bigint NOT NULL,
    note      text NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tree, size)
);

-- Against mistakes. Who may alter tables can take it away; what holds against that is the tree.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON tile
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was stored before becomes leaves, too.
INSERT INTO unsealed (tenant, event_id) SELECT tenant, event_id FROM audit_event ORDER BY at, event_id;
