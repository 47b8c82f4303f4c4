"""Audit: evidence. The custody ledger, the audit log, and the conservation report."""
