-- Weights that a tenant has trained. A version is a hash of its content and never changes.
CREATE TABLE model (
    tenant     text NOT NULL,
    version    text NOT NULL,
    content    text NOT NULL, -- JSON; of names only those that several people have
    trained_on bigint NOT NULL, -- records
    stored_at  timestamptz NOT NULL DEFAULT now(),
    is_active  boolean NOT NULL, -- the one that scores from the next start of identity on
    PRIMARY KEY (tenant, version)
);
CREATE UNIQUE INDEX model_active ON model (tenant) WHERE is_active;
