"""Writing segments: text escaped, parts joined by the separators of the message, ends left out.

What is written comes back from `reader` as it was given, in any separators; the exceptions are told
at `SegmentWriter.text`. `acknowledge` writes answers with it.
"""

from collections.abc import Iterable, Sequence

from plexus.codecs.hl7v2.escapes import DEFAULT_SEPARATORS, Separators, escape
from plexus.codecs.hl7v2.value import NULL

__all__ = ["SegmentWriter"]

_CONTROL = dict.fromkeys((*range(0x20), 0x7F))


class SegmentWriter:
    """Writes the parts of a message in its separators.

    `text`, `parts` and `repeated` give written text, which the next level takes as it is.
    """

    def __init__(self, separators: Separators = DEFAULT_SEPARATORS) -> None:
        """Write in these separators."""
        self.separators = separators

    def text(self, text: str) -> str:
        """One value. The HL7 null (`NULL`) stays the null.

        Line ends become escape sequences; other control characters are dropped, for they could
        break the MLLP block. In a message without an escape character, separators become blanks.
        """
        if text.isalnum() or text == NULL:
            return text
        return escape(text, self.separators).translate(_CONTROL)

    def parts(self, *components: str | Sequence[str]) -> str:
        """Components of one value, each a text or its subcomponents; empty ones at the end left out."""
        below, between = self.separators.subcomponent, self.separators.component
        return _joined(
            between,
            (
                self.text(part) if isinstance(part, str) else _joined(below, map(self.text, part))
                for part in components
            ),
        )

    def repeated(self, *values: str) -> str:
        """Repetitions of a field, each as `text` or `parts` has written it."""
        return _joined(self.separators.repetition, values)

    def segment(self, name: str, *fields: str) -> str:
        """A segment of written fields, without its terminator.

        MSH, FHS and BHS take their encoding characters as the first field: number 1 is the separator.
        """
        return self.separators.field.join((name, *fields)).rstrip(self.separators.field)

    @staticmethod
    def message(segments: Iterable[str], charset: str = "utf-8", bom: bytes = b"") -> bytes:
        """The bytes of a message; what the character set has no character for is "?"."""
        return bom + "".join(f"{segment}\r" for segment in segments).encode(charset, "replace")


def _joined(separator: str, parts: Iterable[str]) -> str:
    """The parts, or the first alone where the message has no such separator."""
    given = list(parts)
    while given and not given[-1]:
        given.pop()
    return separator.join(given) if separator else "".join(given[:1])
