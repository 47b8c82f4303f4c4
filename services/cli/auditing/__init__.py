"""What stands behind `plexus audit`: the tree over the audit log, for people and for auditors."""
