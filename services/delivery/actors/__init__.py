"""One actor per destination brings what waits for it; the gate asks before anything leaves."""

from services.delivery.actors.destination import DestinationActor
from services.delivery.actors.gate import Gate, Passed
from services.delivery.actors.sampling import Sampler
from services.delivery.actors.wire import Parcel, Wire

__all__ = ["DestinationActor", "Gate", "Parcel", "Passed", "Sampler", "Wire"]
