"""Datatype functions that keep what they made of the last texts.

For codes, units and authorities: a source has few of them and sends them with every message. Only
for functions that depend on the text alone; names, addresses and numbers of people are not kept.
"""

from functools import lru_cache

from google.protobuf.message import Message

from plexus.codecs.hl7v2 import NULL, Value
from services.transform.domain.citations import MessageMap
from services.transform.domain.claims import completed
from services.transform.domain.terms import NO_TERMS
from services.transform.domain.wire import delimited

__all__ = ["LONGEST_SEGMENT", "LONGEST_VALUE", "Kept", "Read"]

Read = tuple[int, bytes]
"""What came of a value: the claim, 0 where it says nothing, and the message as a field holds it."""

LONGEST_VALUE = 256
"""No longer value is kept, counted in characters."""
LONGEST_SEGMENT = 512
"""Values of longer segments are measured one by one."""

_KEPT = 2048
_NOTHING = (0, b"")


class Kept:
    """A datatype function with a memory, bounded in number and in length of its texts.

    The function must ask nothing of its terms.

    Attributes:
        fill: the function itself.
        known: what comes of a text that is written as is usual (see `Value.is_usual`) and not too
            long, and of its level.
    """

    def __init__(self, fill: MessageMap, kind: type[Message]) -> None:
        """Keep what `fill` makes of an empty message of that kind."""
        self.fill = fill
        self._kind = kind
        self.known = lru_cache(_KEPT)(self._make)

    def read(self, value: Value) -> Read:
        """What comes of any value."""
        if len(value.text) <= LONGEST_VALUE and value.is_usual:
            return self.known(value.text, value.level)
        return self._read(value)

    def _make(self, text: str, level: int) -> Read:
        return self._read(Value.usual(text, level))

    def _read(self, value: Value) -> Read:
        if value.text in {"", NULL}:
            return _NOTHING
        message = self._kind()
        mask = self.fill(value, message, NO_TERMS)
        return (completed(mask, value), delimited(message)) if mask else _NOTHING
