-- How each source knows a person: what it last said of them, in the form in which people are compared.
-- Which person that is, the identifier says.
CREATE TABLE source_record (
    record_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant        text NOT NULL,
    source        text NOT NULL,
    authority     text NOT NULL, -- with value: the identifier by which the source knows the person
    value         text NOT NULL,
    features      text NOT NULL, -- JSON
    digest        bytea NOT NULL, -- of what was said, and of the version of the normalisation
    is_registered boolean NOT NULL, -- said by registration; what other messages say does not replace it
    message_id    uuid NOT NULL, -- that said it
    at            timestamptz NOT NULL,
    UNIQUE (tenant, authority, value, source),
    FOREIGN KEY (tenant, authority, value) REFERENCES identifier
);

-- Records with a common key are compared. A key is a digest of facts and tells none of them.
CREATE TABLE blocking_key (
    key       bigint NOT NULL,
    record_id bigint NOT NULL REFERENCES source_record ON DELETE CASCADE,
    PRIMARY KEY (key, record_id)
);
CREATE INDEX blocking_key_record ON blocking_key (record_id);

-- Two persons that may be one: for somebody to look at.
CREATE TABLE review (
    review_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant       text NOT NULL,
    person_id    uuid NOT NULL, -- that the message went to
    other_person uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('possible_match', 'two_matches', 'conflicting_member')),
    bits         double precision NOT NULL,
    explanation  jsonb NOT NULL, -- levels and bits, no value
    message_id   uuid NOT NULL,
    at           timestamptz NOT NULL,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'same', 'different')),
    UNIQUE (tenant, person_id, other_person)
);
CREATE INDEX review_open ON review (tenant, bits) WHERE status = 'open';

-- A link that was made by demographics says why.
ALTER TABLE link_event DROP CONSTRAINT link_event_kind_check;
ALTER TABLE link_event ADD CONSTRAINT link_event_kind_check
    CHECK (kind IN ('new_person', 'identifier_added', 'auto_link', 'merge', 'conflict'));
ALTER TABLE link_event ADD COLUMN explanation jsonb;
