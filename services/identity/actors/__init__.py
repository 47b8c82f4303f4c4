"""What identity decides: on events of the stream (`index`), and what people say (`stewardship`, `orders`).

`seeking` finds who may be meant, `gathering` with whom to compare; `readings` of patient data are recorded.
"""

from services.identity.actors.arrival import Arrival
from services.identity.actors.index import MasterIndex
from services.identity.actors.orders import Order, Outcome, PersonOrders
from services.identity.actors.readings import AuditedReadings, Readings
from services.identity.actors.seeking import Matched, Seeker
from services.identity.actors.splitting import Returning, Splitter
from services.identity.actors.stewardship import BothSides, Stewardship

__all__ = [
    "Arrival",
    "AuditedReadings",
    "BothSides",
    "MasterIndex",
    "Matched",
    "Order",
    "Outcome",
    "PersonOrders",
    "Readings",
    "Returning",
    "Seeker",
    "Splitter",
    "Stewardship",
]
