-- A merge that is taken back. Every identifier that a merge has moved knows with whom it came; null for none. What
-- was merged before this column was there is known from link_event.
ALTER TABLE identifier ADD COLUMN came_with uuid;

ALTER TABLE link_event DROP CONSTRAINT link_event_kind_check;
ALTER TABLE link_event ADD CONSTRAINT link_event_kind_check
    CHECK (kind IN ('new_person', 'identifier_added', 'auto_link', 'merge', 'unmerge', 'conflict', 'link',
                    'unlink'));
ALTER TABLE decision DROP CONSTRAINT decision_kind_check;
ALTER TABLE decision ADD CONSTRAINT decision_kind_check
    CHECK (kind IN ('same', 'different', 'skip', 'propose', 'assign', 'link', 'unlink', 'merge', 'split', 'retell'));
