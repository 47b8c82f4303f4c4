-- Persons about whom something was said, each with the number of changes since: what decides reads
-- it for every decision, so a change holds from its commit on.
CREATE TABLE person (
    tenant      text NOT NULL,
    person_id   text NOT NULL,
    epoch       bigint NOT NULL, -- 0: nothing was said, or only that the person was merged
    merged_into text, -- who has taken this person's directives over
    PRIMARY KEY (tenant, person_id)
);

-- Every version of every directive. Append-only: what is revoked has one more version.
CREATE TABLE directive (
    tenant     text NOT NULL,
    person_id  text NOT NULL,
    consent_id text NOT NULL,
    version    integer NOT NULL,
    status     text NOT NULL,
    content    bytea NOT NULL, -- the FHIR Consent, as JSON
    filed_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, person_id, consent_id, version),
    FOREIGN KEY (tenant, person_id) REFERENCES person
);
