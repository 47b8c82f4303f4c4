-- Turning points of a stay or an order, and its further numbers: plexus.api.records.v1.Milestones.
ALTER TABLE resource ADD COLUMN milestones bytea NOT NULL DEFAULT '';
