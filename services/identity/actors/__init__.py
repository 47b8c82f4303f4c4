"""What identity decides: on events of the stream (`index`), and what people say (`stewardship`). `readings` are recorded."""

from services.identity.actors.arrival import Arrival
from services.identity.actors.index import MasterIndex
from services.identity.actors.readings import AuditedReadings, Readings
from services.identity.actors.stewardship import BothSides, Order, Outcome, Stewardship

__all__ = [
    "Arrival",
    "AuditedReadings",
    "BothSides",
    "MasterIndex",
    "Order",
    "Outcome",
    "Readings",
    "Stewardship",
]
