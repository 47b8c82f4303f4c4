"""The wires of delivery: one module per kind of destination, all behind `actors.Wire`."""

from services.delivery.edge.fhir import FhirWire
from services.delivery.edge.folder import FolderWire
from services.delivery.edge.mllp import MllpWire

__all__ = ["FhirWire", "FolderWire", "MllpWire"]
