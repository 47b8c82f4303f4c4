-- In which order changes were committed for certain: numbers of transactions that have ended only rise above
-- what a reader has seen, which numbers of rows do not.
ALTER TABLE link_event ADD COLUMN transaction xid8 NOT NULL DEFAULT '0';
ALTER TABLE link_event ALTER COLUMN transaction SET DEFAULT pg_current_xact_id();
CREATE INDEX link_event_order ON link_event (tenant, transaction, seq);
CREATE INDEX link_event_from ON link_event (tenant, from_person, seq) WHERE from_person IS NOT NULL;
