-- What people decide. A review of a merge that is large waits, proposed, for a second steward.
ALTER TABLE review DROP CONSTRAINT review_kind_check;
ALTER TABLE review ADD CONSTRAINT review_kind_check
    CHECK (kind IN ('possible_match', 'two_matches', 'conflicting_member', 'requested'));
ALTER TABLE review DROP CONSTRAINT review_status_check;
ALTER TABLE review ADD CONSTRAINT review_status_check
    CHECK (status IN ('open', 'proposed', 'same', 'different'));
ALTER TABLE review
    ADD COLUMN priority    smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 3),
    ADD COLUMN assignee    text NOT NULL DEFAULT '',
    ADD COLUMN deferred_at timestamptz, -- skipped then: behind those that were not
    ADD COLUMN proposed_by text NOT NULL DEFAULT '',
    ADD COLUMN survivor    uuid, -- of a proposed merge
    ADD COLUMN decided_by  text NOT NULL DEFAULT '',
    ADD COLUMN decided_at  timestamptz,
    ADD COLUMN reason      text NOT NULL DEFAULT '';
CREATE INDEX review_queue ON review (tenant, priority, at) WHERE status IN ('open', 'proposed');
CREATE INDEX review_other ON review (tenant, other_person);

-- Append-only: everything that a steward did, and the message that carries it through the mesh.
CREATE TABLE decision (
    decision_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant       text NOT NULL,
    at           timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('same', 'different', 'skip', 'propose', 'assign', 'link',
                                               'unlink', 'merge', 'split')),
    review_id    bigint, -- null where nobody had asked
    person_id    uuid NOT NULL,
    other_person uuid, -- null where it is about one person
    steward      text NOT NULL,
    reason       text NOT NULL,
    message_id   uuid, -- null where nothing changes for others
    event        bytea, -- canonical event of that message
    published_at timestamptz, -- it is on the stream
    applied_at   timestamptz -- identity has worked it off
);
CREATE UNIQUE INDEX decision_message ON decision (message_id);
CREATE INDEX decision_review ON decision (review_id);
CREATE INDEX decision_unpublished ON decision (decision_id) WHERE message_id IS NOT NULL AND applied_at IS NULL;

-- Of which identifiers somebody has said that they are of two persons, and what their records said then. Read
-- before a pair is raised; it beats the score as long as both say the same.
CREATE TABLE assertion (
    tenant          text NOT NULL,
    authority       text NOT NULL, -- with value: the lesser of the two
    value           text NOT NULL,
    other_authority text NOT NULL,
    other_value     text NOT NULL,
    said            bytea NOT NULL, -- digest of what the records of the lesser said
    other_said      bytea NOT NULL,
    message_id      uuid, -- of a source that says so (A37)
    decision_id     bigint, -- of a steward who does
    at              timestamptz NOT NULL,
    PRIMARY KEY (tenant, authority, value, other_authority, other_value)
);
