"""Values of a read message, and the way from its text back to the bytes.

A `Value` is a view: it splits when it is asked and decodes what is asked for. `Origin` is what all
views of one message share. `message` has the larger views, segments and the message itself.
"""

from array import array

from plexus.codecs.hl7v2.charsets import byte_offsets
from plexus.codecs.hl7v2.escapes import Separators, unescape

__all__ = ["NULL", "Origin", "Value"]

NULL = '""'
"""A field that is to be deleted at the receiver, not one that is absent (2.5.3)."""


class Origin:
    """What all views of one message share: separators, codec, and the way back to the bytes."""

    __slots__ = ("_offsets", "base", "charset", "content", "separators", "text")

    def __init__(
        self, content: bytes, base: int, text: str, charset: str, separators: Separators
    ) -> None:
        """Keep how `text` was decoded with `charset` from `content` after `base` bytes."""
        self.content = content
        self.base = base
        self.text = text
        self.charset = charset
        self.separators = separators
        self._offsets: array[int] | None = None

    def decode(self, text: str) -> str:
        """Resolve the escape sequences of one value."""
        mark = self.separators.escape
        if mark and mark in text:
            return unescape(text, self.separators, self.charset)
        return text

    def byte_offset(self, at: int) -> int:
        """Offset in the original content of the character at that place of the text."""
        if len(self.text) == len(self.content) - self.base:
            return self.base + at
        if self.charset.startswith("utf-"):
            return self.base + len(self.text[:at].encode(self.charset))
        if self._offsets is None:
            self._offsets = byte_offsets(self.content[self.base :], self.charset)
        return self.base + self._offsets[at]


class Value:
    """One repetition of a field, or a component seen as a value of its own."""

    __slots__ = ("_level", "_origin", "_parts", "text")

    def __init__(self, text: str, origin: Origin, level: int = 0) -> None:
        """See `text` as a repetition (level 0), a component (1) or a subcomponent (2)."""
        self.text = text
        """As written, escapes and all."""
        self._origin = origin
        self._level = level
        self._parts: list[str] | None = None

    @property
    def is_null(self) -> bool:
        """Whether the entire value is the HL7 null."""
        return self.text == NULL

    def get(self, component: int = 1, subcomponent: int = 1) -> str:
        """Decoded text of a subcomponent; "" where absent, `NULL` for the HL7 null."""
        parts = self._split()
        if not 0 < component <= len(parts):
            return ""
        text = parts[component - 1]
        below = self._origin.separators.subcomponent if self._level == 0 else ""
        if below and below in text:
            pieces = text.split(below)
            if not 0 < subcomponent <= len(pieces):
                return ""
            text = pieces[subcomponent - 1]
        elif subcomponent != 1:
            return ""
        return self._origin.decode(text)

    def component(self, n: int) -> "Value":
        """Component n as a value of its own, whose components are the subcomponents."""
        parts = self._split()
        text = parts[n - 1] if 0 < n <= len(parts) else ""
        return Value(text, self._origin, self._level + 1)

    def component_count(self) -> int:
        """Number of components as written, trailing empty ones included; 0 if empty."""
        return len(self._split()) if self.text else 0

    def whole(self) -> str:
        """Decoded text of the entire value, separators as written.

        For text types, where senders leave separators unescaped.
        """
        return self._origin.decode(self.text)

    def _split(self) -> list[str]:
        if self._parts is None:
            separators = self._origin.separators
            if self._level == 0:
                separator = separators.component
            elif self._level == 1:
                separator = separators.subcomponent
            else:
                separator = ""
            self._parts = self.text.split(separator) if separator else [self.text]
        return self._parts
