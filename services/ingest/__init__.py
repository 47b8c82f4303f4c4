"""Ingest: receipt. A message is committed before it is acknowledged."""
