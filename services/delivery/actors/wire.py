"""What a kind of destination must be able to do. Kept by `edge`, one module per kind."""

import datetime
from typing import Literal, NamedTuple, Protocol

from plexus.codecs.fhir import Disclosure, Sender

__all__ = ["Parcel", "Telling", "Wire"]

Telling = Literal["none", "message", "residue"]
"""How much a destination is told of the message itself."""


class Parcel(NamedTuple):
    """What is to leave.

    Attributes:
        message_id: names it at the receiver, the same for each try; of a part, with its number.
        traceparent: context for the receiver.
        feed: by which it came.
    """

    message_id: str
    received_at: datetime.datetime
    traceparent: str
    feed: str
    disclosure: Disclosure

    def sender(self, telling: Telling) -> Sender | None:
        """Whose message it is, as far as the receiver is to be told."""
        if telling == "none":
            return None
        return Sender(self.feed, self.received_at, telling == "residue")


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
