"""Receipts on their way into the mesh: the relay, the sweeper behind it, and the ledger they ask."""

from services.ingest.flow.custodian import Custodian
from services.ingest.flow.relay import Relay
from services.ingest.flow.sweeper import Sweeper

__all__ = ["Custodian", "Relay", "Sweeper"]
