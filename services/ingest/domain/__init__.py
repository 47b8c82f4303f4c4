"""What ingest decides, without I/O: is this a message, may it come in, what orders it."""

from services.ingest.domain.assessment import SUPPORTED, Assessment, Refusal, assess, refuse
from services.ingest.domain.fhir_assessment import assess_fhir

__all__ = ["SUPPORTED", "Assessment", "Refusal", "assess", "assess_fhir", "refuse"]
