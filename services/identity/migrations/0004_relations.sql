-- What a source has said last of two persons with records of their own: that they are one human being (link),
-- or that they are not (unlink). Survives what matching thinks of them.
CREATE TABLE relation (
    tenant       text NOT NULL,
    person_id    uuid NOT NULL, -- the lesser of the two
    other_person uuid NOT NULL,
    is_same      boolean NOT NULL,
    source       text NOT NULL,
    message_id   uuid NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (tenant, person_id, other_person),
    CHECK (person_id < other_person)
);
CREATE INDEX relation_other ON relation (tenant, other_person);

ALTER TABLE link_event DROP CONSTRAINT link_event_kind_check;
ALTER TABLE link_event ADD CONSTRAINT link_event_kind_check
    CHECK (kind IN ('new_person', 'identifier_added', 'auto_link', 'merge', 'conflict', 'link', 'unlink'));
