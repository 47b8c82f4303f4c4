-- The persons of the index. A merged one stays, and points at the person it went under.
CREATE TABLE person (
    tenant      text NOT NULL,
    person_id   uuid NOT NULL,
    merged_into uuid,
    message_id  uuid NOT NULL, -- that brought the person first
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant, person_id)
);
CREATE INDEX person_merged_into ON person (tenant, merged_into) WHERE merged_into IS NOT NULL;

-- The projection of link_event: which person each identifier names now. The primary key is the net
-- below the advisory locks: no identifier ever names two persons.
CREATE TABLE identifier (
    tenant       text NOT NULL,
    authority    text NOT NULL, -- canonical: a universal id or a namespace
    value        text NOT NULL,
    person_id    uuid NOT NULL,
    universal_id text NOT NULL, -- where authority is a namespace: the universal id that came with it, * for several
    source       text NOT NULL, -- that brought it first
    message_id   uuid NOT NULL, -- that brought it first
    PRIMARY KEY (tenant, authority, value),
    FOREIGN KEY (tenant, person_id) REFERENCES person
);
CREATE INDEX identifier_person ON identifier (tenant, person_id);

-- Append-only: every change of a link, with the state before and after, so that each can be undone.
CREATE TABLE link_event (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      text NOT NULL,
    at          timestamptz NOT NULL,
    message_id  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('new_person', 'identifier_added', 'merge', 'conflict')),
    authority   text NOT NULL,
    value       text NOT NULL,
    from_person uuid, -- before; null where the identifier was unknown
    to_person   uuid NOT NULL -- after; for a conflict: the person that the message went to
);
CREATE INDEX link_event_person ON link_event (tenant, to_person, seq);
CREATE INDEX link_event_message ON link_event (message_id);

-- Identifiers that came together and name different persons: for somebody to look at.
CREATE TABLE conflict (
    tenant           text NOT NULL,
    person_id        uuid NOT NULL, -- that the message went to
    other_person     uuid NOT NULL, -- that the identifier names
    authority        text NOT NULL,
    value            text NOT NULL,
    first_message_id uuid NOT NULL,
    last_message_id  uuid NOT NULL,
    last_at          timestamptz NOT NULL,
    count            bigint NOT NULL,
    PRIMARY KEY (tenant, person_id, other_person, authority, value)
);
