"""The wires of delivery: one module per kind of destination, all behind `Wire`."""

from services.delivery.edge.fhir import FhirWire
from services.delivery.edge.folder import FolderWire
from services.delivery.edge.wire import Parcel, Wire

__all__ = ["FhirWire", "FolderWire", "Parcel", "Wire"]
