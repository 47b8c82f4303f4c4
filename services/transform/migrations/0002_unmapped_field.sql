-- Fields of sources that no rule takes, so that each is told once. It may be emptied at any time; then
-- they are told again.
CREATE TABLE unmapped_field (
    tenant text NOT NULL,
    source text NOT NULL,
    trigger text NOT NULL,
    place text NOT NULL,
    first_at timestamptz NOT NULL,
    message_id text NOT NULL,
    PRIMARY KEY (tenant, source, trigger, place)
);
