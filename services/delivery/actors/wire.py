"""What a kind of destination must be able to do. Kept by `edge`, one module per kind."""

import datetime
from typing import NamedTuple, Protocol

from plexus.codecs.fhir import Disclosure

__all__ = ["Parcel", "Wire"]


class Parcel(NamedTuple):
    """What is to leave.

    Attributes:
        message_id: names it at the receiver, the same for each try.
        traceparent: context for the receiver.
    """

    message_id: str
    received_at: datetime.datetime
    traceparent: str
    disclosure: Disclosure


class Wire(Protocol):
    """Brings parcels to one destination. Bringing one twice has the effect of once."""

    async def send(self, parcel: Parcel) -> None:
        """Bring one parcel; return when the destination has confirmed it.

        Raises:
            Transient: it may succeed later.
            ConfigurationError: nothing can succeed until a person has changed something.
            Refused: this parcel can never succeed.
        """

    async def close(self) -> None:
        """Let go of connections."""
