"""What ingest decides, without I/O: is this a message, may it come in, what orders it."""

from services.ingest.domain.assessment import SUPPORTED, Assessment, Refusal, assess, refuse

__all__ = ["SUPPORTED", "Assessment", "Refusal", "assess", "refuse"]
