-- Codes of sources that no code map knows, as a list for those who write code maps. Counts only: it may
-- be emptied at any time.
CREATE TABLE unmapped_code (
    tenant text NOT NULL,
    source text NOT NULL,
    place text NOT NULL,
    system text NOT NULL,
    code text NOT NULL,
    display text NOT NULL,
    count bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    message_id text NOT NULL,
    PRIMARY KEY (tenant, source, place, system, code)
);
