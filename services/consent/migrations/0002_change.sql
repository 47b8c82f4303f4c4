-- How many changes of directives there were. Whoever changes one takes this row first, so changes are
-- committed in the order of their numbers: who has seen a number has seen all below it.
CREATE TABLE change (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    total   bigint NOT NULL
);
INSERT INTO change (total) VALUES (1);

-- Number of the last change about the person; 0 where nothing was said.
ALTER TABLE person ADD COLUMN changed bigint NOT NULL DEFAULT 0;
UPDATE person SET changed = 1 WHERE epoch > 0;
CREATE INDEX person_changed ON person (changed);
