-- What a source has said, not somebody who filed it; and in which message, so that one that is told
-- again changes nothing.
ALTER TABLE directive ADD COLUMN source text NOT NULL DEFAULT '';
ALTER TABLE directive ADD COLUMN message_id text NOT NULL DEFAULT '';
