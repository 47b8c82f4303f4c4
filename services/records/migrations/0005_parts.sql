-- Which part of a message about several persons said so, from 1; 0 for all of it.
ALTER TABLE resource ADD COLUMN part smallint NOT NULL DEFAULT 0;
ALTER TABLE history ADD COLUMN part smallint NOT NULL DEFAULT 0;
ALTER TABLE kept ADD COLUMN part smallint NOT NULL DEFAULT 0;
