"""Identity in the stream: events get their person (`stage`), decisions of stewards join them (`decisions`)."""

from services.identity.flow.decisions import DecisionRelay
from services.identity.flow.stage import IdentityStage

__all__ = ["DecisionRelay", "IdentityStage"]
