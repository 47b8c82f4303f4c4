-- Parts of messages about several persons. `message_id` names the item: the message, or a UUID made from the
-- message and the part (plexus.ids.part_id), so that the key stays what it was.
ALTER TABLE item
    ADD COLUMN part  smallint NOT NULL DEFAULT 0, -- from 1; 0 where the item is the whole message
    ADD COLUMN whole uuid; -- the message that the item is a part of
CREATE INDEX item_whole ON item (whole) WHERE whole IS NOT NULL;
