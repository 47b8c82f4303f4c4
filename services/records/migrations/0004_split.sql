-- A record that was taken over may stand again. Then a late message of it takes over nothing.
ALTER TABLE absorbed ADD COLUMN released boolean NOT NULL DEFAULT false;
CREATE INDEX absorbed_from ON absorbed (tenant, from_person);

-- What a record held of its own when a merge brought the same resource: what stands again where the merge is taken
-- back. The history has no word that was only said again.
CREATE TABLE kept (
    tenant      text NOT NULL,
    person_id   uuid NOT NULL,
    home        uuid NOT NULL, -- who went under
    type        text NOT NULL,
    key         text NOT NULL,
    told_by     text NOT NULL,
    version     bigint NOT NULL,
    source      text NOT NULL,
    source_time text NOT NULL,
    message_id  uuid NOT NULL,
    receipt     bigint NOT NULL,
    attempt     integer NOT NULL,
    content     bytea NOT NULL,
    milestones  bytea NOT NULL,
    PRIMARY KEY (tenant, person_id, home, type, key, told_by)
);

-- What came to a record after a merge, by an identifier of who went under: what goes back where that is taken back.
CREATE TABLE brought (
    tenant      text NOT NULL,
    person_id   uuid NOT NULL, -- whose record it went to
    home        uuid NOT NULL, -- who went under, and brought the identifier
    type        text NOT NULL,
    key         text NOT NULL,
    told_by     text NOT NULL,
    message_id  uuid NOT NULL,
    PRIMARY KEY (tenant, person_id, home, type, key, told_by, message_id)
);
