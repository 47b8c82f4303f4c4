"""Values of a read message, and the way from its text back to the bytes.

A `Value` is a view: it splits when it is asked and decodes what is asked for. `Origin` is what all
views of one message share. `message` has the larger views, segments and the message itself.
"""

import re
from array import array

from plexus.codecs.hl7v2.charsets import byte_offsets
from plexus.codecs.hl7v2.escapes import DEFAULT_SEPARATORS, Separators, unescape

__all__ = ["NULL", "Origin", "Value"]

NULL = '""'
"""A field that is to be deleted at the receiver, not one that is absent (2.5.3)."""

_OF_CHARSET = re.compile(r"\\[XCM]")
"""Escapes that are read by the character set of the message."""


class Origin:
    """What all views of one message share: separators, codec, and the way back to the bytes."""

    __slots__ = (
        "_offsets",
        "_reached",
        "base",
        "between",
        "charset",
        "content",
        "escapes_usually",
        "is_usual",
        "separators",
        "text",
    )

    def __init__(
        self, content: bytes, base: int, text: str, charset: str, separators: Separators
    ) -> None:
        """Keep how `text` was decoded with `charset` from `content` after `base` bytes."""
        self.content = content
        self.base = base
        self.text = text
        self.charset = charset
        self.separators = separators
        # What is between the parts of a repetition, of a component, and of what has no parts.
        self.between = (separators.component, separators.subcomponent, "", "")
        self.is_usual = self.between[:2] == ("^", "&") and separators.escape in {"\\", ""}
        self.escapes_usually = self.is_usual and (
            separators.field,
            separators.repetition,
            separators.escape,
            separators.truncation or "#",
        ) == ("|", "~", "\\", "#")
        self._offsets: array[int] | None = None
        self._reached = (0, base)

    def decode(self, text: str) -> str:
        """Resolve the escape sequences of one value."""
        mark = self.separators.escape
        if mark and mark in text:
            return unescape(text, self.separators, self.charset)
        return text

    def tells(self, text: str) -> bool:
        """Whether a text of the message alone tells what it says, without separators and codec.

        So `^` and `&` separate, and what is escaped means the same in every usual message.
        """
        if not self.is_usual:
            return False
        return "\\" not in text or (self.escapes_usually and not _OF_CHARSET.search(text))

    def byte_span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original content of two characters of the text.

        Places that are asked for in the order of the message take one pass over it in all.
        """
        if len(self.text) == len(self.content) - self.base:
            return self.base + start, self.base + end
        if self.charset.startswith("utf-"):
            at, offset = self._reached
            if start < at:
                at, offset = 0, self.base
            offset += len(self.text[at:start].encode(self.charset))
            self._reached = (start, offset)
            return offset, offset + len(self.text[start:end].encode(self.charset))
        if self._offsets is None:
            self._offsets = byte_offsets(self.content[self.base :], self.charset)
        return self.base + self._offsets[start], self.base + self._offsets[end]


class Value:
    """One repetition of a field, or a component seen as a value of its own."""

    __slots__ = ("_leaves", "_origin", "_parts", "level", "text")

    def __init__(self, text: str, origin: Origin, level: int = 0) -> None:
        """See `text` as a repetition (level 0), a component (1) or a subcomponent (2)."""
        self.text = text
        """As written, escapes and all."""
        self.level = level
        self._origin = origin
        self._parts: list[str] | None = None
        self._leaves: list[str] | None = None

    @property
    def is_null(self) -> bool:
        """Whether the entire value is the HL7 null."""
        return self.text == NULL

    @classmethod
    def usual(cls, text: str, level: int = 0) -> "Value":
        """A value of no message, written with the usual separators."""
        return cls(text, _USUAL, level)

    @property
    def is_usual(self) -> bool:
        """Whether text and level alone tell what it says; see `Origin.tells`."""
        return self._origin.tells(self.text)

    def parts(self) -> list[str]:
        """Its components as written, at least one; not to be changed."""
        parts = self._parts
        if parts is None:
            separator = self._origin.between[self.level]
            parts = self._parts = self.text.split(separator) if separator else [self.text]
        return parts

    def leaves(self) -> list[str]:
        """Decoded text of each component, the first subcomponent where it has several.

        As many as `parts`; not to be changed.
        """
        leaves = self._leaves
        if leaves is None:
            origin, level, text = self._origin, self.level, self.text
            separator = origin.between[level]
            leaves = self._parts = text.split(separator) if separator else [text]
            below = origin.between[level + 1]
            if below and below in text:
                leaves = [part.partition(below)[0] for part in leaves]
            mark = origin.separators.escape
            if mark and mark in text:
                leaves = [origin.decode(leaf) for leaf in leaves]
            self._leaves = leaves
        return leaves

    def split(self) -> tuple[list[str], list[str]]:
        """`parts` and `leaves`."""
        leaves = self._leaves or self.leaves()
        return self._parts or self.parts(), leaves

    def get(self, component: int = 1, subcomponent: int = 1) -> str:
        """Decoded text of a subcomponent; "" where absent, `NULL` for the HL7 null."""
        parts = self._parts or self.parts()
        if not 0 < component <= len(parts):
            return ""
        text = parts[component - 1]
        below = self._origin.between[self.level + 1]
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
        parts = self.parts()
        text = parts[n - 1] if 0 < n <= len(parts) else ""
        return Value(text, self._origin, 2 if self.level else 1)

    def component_count(self) -> int:
        """Number of components as written, trailing empty ones included; 0 if empty."""
        return len(self.parts()) if self.text else 0

    def without(self, component: int, subcomponent: int = 1, *, instead: str = "") -> "Value":
        """The same, as if that subcomponent had not been written, or as if it were another word."""
        parts = list(self.parts())
        below = self._origin.between[self.level + 1]
        if 0 < component <= len(parts):
            pieces = parts[component - 1].split(below) if below else [parts[component - 1]]
            if 0 < subcomponent <= len(pieces):
                pieces[subcomponent - 1] = instead
            parts[component - 1] = below.join(pieces)
        text = self._origin.between[self.level].join(parts)
        return Value(text, self._origin, self.level)

    def whole(self) -> str:
        """Decoded text of the entire value, separators as written.

        For text types, where senders leave separators unescaped.
        """
        return self._origin.decode(self.text)


_USUAL = Origin(b"", 0, "", "ascii", DEFAULT_SEPARATORS)
