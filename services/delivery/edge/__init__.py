"""The wires of delivery: one module per kind of destination, all behind `actors.Wire`."""

from services.delivery.edge.fhir import FhirWire
from services.delivery.edge.folder import FolderWire

__all__ = ["FhirWire", "FolderWire"]
