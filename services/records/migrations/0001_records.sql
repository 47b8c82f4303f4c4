-- One row per record. golden is the person as the record shows it: a canonical Resource.
CREATE TABLE person (
    tenant         text NOT NULL,
    person_id      uuid NOT NULL,
    merged_into    uuid, -- set once: this record has gone under, and its resources never change again
    golden         bytea, -- null where no source has described the person
    golden_version bigint NOT NULL,
    PRIMARY KEY (tenant, person_id)
);

-- The winning version of each resource of a record.
CREATE TABLE resource (
    person_id   uuid NOT NULL,
    key_digest  uuid NOT NULL, -- of tenant and key: of one width, so that the index compares fast
    tenant      text NOT NULL,
    type        text NOT NULL, -- canonical, for example Observation
    key         text NOT NULL,
    told_by     text NOT NULL, -- for a Person: whose account it is, for each source has its own; else empty
    version     bigint NOT NULL,
    source      text NOT NULL,
    source_time text NOT NULL, -- FHIR dateTime text, precision and zone as given
    message_id  uuid NOT NULL,
    receipt     bigint NOT NULL,
    attempt     integer NOT NULL,
    content     bytea NOT NULL, -- canonical Resource without its origin, which the columns above are
    PRIMARY KEY (person_id, key_digest, type, told_by)
);
CREATE INDEX resource_account ON resource (person_id) WHERE type = 'Person';
-- Rows are rewritten where they are, each time that a source says the same again.
ALTER TABLE resource SET (fillfactor = 85, toast_tuple_target = 8160);
ALTER TABLE resource ALTER content SET STORAGE EXTERNAL;

-- Append-only: every version that was told and said something new when it came.
CREATE TABLE history (
    key_digest  uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    tenant      text NOT NULL,
    person_id   uuid NOT NULL,
    type        text NOT NULL,
    key         text NOT NULL,
    told_by     text NOT NULL,
    version     bigint NOT NULL, -- the winning one after this message
    disposition smallint NOT NULL, -- plexus.api.records.v1.Disposition
    source      text NOT NULL,
    source_time text NOT NULL,
    message_id  uuid NOT NULL,
    receipt     bigint NOT NULL,
    attempt     integer NOT NULL,
    content     bytea NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (key_digest, seq)
);

-- Which records a record has taken over, so that a late message does not take over again.
CREATE TABLE absorbed (
    tenant      text NOT NULL,
    person_id   uuid NOT NULL,
    from_person uuid NOT NULL,
    message_id  uuid NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant, person_id, from_person)
);
