-- Persons with records of their own that are the same human being, sorted, with commas between.
ALTER TABLE person ADD COLUMN linked text NOT NULL DEFAULT '';
