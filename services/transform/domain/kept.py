"""Datatype functions that keep what they made of the last texts.

For codes, units and authorities: a source has few of them and sends them with every message. Only
for functions that depend on the text alone; names, addresses and numbers of people are not kept.
"""

from functools import lru_cache

from google.protobuf.message import Message

from plexus.codecs.hl7v2 import Value
from services.transform.domain.citations import MessageMap
from services.transform.domain.claims import completed
from services.transform.domain.terms import Terms

__all__ = ["Kept"]

_KEPT = 2048
_LONGEST_KEPT = 256
_NO_TERMS = Terms(("", "", ""), None)


class Kept:
    """A datatype function with a memory, bounded in number and in length of its texts.

    The function must ask nothing of its terms, and must only set fields, whatever is set already.
    """

    def __init__(self, fill: MessageMap, kind: type[Message]) -> None:
        """Keep what `fill` does to messages of that kind."""
        self._fill = fill
        self._kind = kind
        self._known = lru_cache(_KEPT)(self._make)

    def __call__(self, value: Value, message: Message, terms: Terms) -> int:
        """Fill the message; the message function."""
        text = value.text
        if len(text) > _LONGEST_KEPT or not value.is_usual:
            return self._fill(value, message, terms)
        mask, content = self._known(text, value.level)
        if mask:
            message.MergeFromString(content)
        return mask

    def of(self, text: str, message: Message) -> int:
        """The same, for a repetition that is written with the usual separators and escapes nothing."""
        if len(text) > _LONGEST_KEPT:
            return self._fill(Value.usual(text), message, _NO_TERMS)
        mask, content = self._known(text, 0)
        if mask:
            message.MergeFromString(content)
        return mask

    def _make(self, text: str, level: int) -> tuple[int, bytes]:
        value = Value.usual(text, level)
        message = self._kind()
        mask = self._fill(value, message, _NO_TERMS)
        return completed(mask, value), message.SerializeToString()
