"""The read message: segments split once, fields on first access, values decoded when asked for.

A message keeps its text as it was written; every accessor is a view of it. So nothing is lost by
reading, whatever nobody asks for costs nothing, and every field can be found again in the original
bytes (`Segment.span`). Numbers are 1-based as in the standard, out-of-range is absent, absent is
"" and the HL7 null is `NULL` (2.5.3). `reader` makes these objects; `value` has the smaller views.
"""

from collections.abc import Sequence

from plexus.api.canonical.v1.event_pb2 import Issue
from plexus.codecs.hl7v2.escapes import unescape
from plexus.codecs.hl7v2.value import NULL, Origin, Value

__all__ = ["HEADERS", "Message", "Segment"]

HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose first two fields are the separators themselves."""


class Segment:
    """One segment.

    Attributes:
        name: the first three characters, for example "PID".
        index: 1-based ordinal among the segments of that name.
        position: 0-based position in the message.
        text: as written, without its terminator.
    """

    __slots__ = ("_fields", "_origin", "_start", "index", "name", "position", "text")

    def __init__(
        self, name: str, index: int, position: int, text: str, start: int, origin: Origin
    ) -> None:
        """View `text`, which begins at character `start` of the message."""
        self.name = name
        self.index = index
        self.position = position
        self.text = text
        self._start = start
        self._origin = origin
        self._fields: list[str] | None = None

    def at(self, position: int) -> "Segment":
        """The same segment at another position; it keeps its ordinal and its place in the bytes."""
        return Segment(self.name, self.index, position, self.text, self._start, self._origin)

    def get(
        self, field: int, component: int = 1, subcomponent: int = 1, repetition: int = 1
    ) -> str:
        """Decoded text; "" where absent, `NULL` for the HL7 null.

        Fields of MSH count as in the standard: MSH-1 is the field separator, MSH-2 the encoding
        characters, which are given as written.
        """
        fields = self._fields
        if fields is None:
            fields = self._split()
        if not 0 < field < len(fields):
            return ""
        text = fields[field]
        if not text or text.isalnum():
            # Letters and digits are never separators.
            return text if component == subcomponent == repetition == 1 else ""
        separators = self._origin.separators
        if field < 3 and self.name in HEADERS:
            return text if component == subcomponent == repetition == 1 else ""
        separator = separators.repetition
        if separator and separator in text:
            parts = text.split(separator)
            if not 0 < repetition <= len(parts):
                return ""
            text = parts[repetition - 1]
        elif repetition != 1:
            return ""
        separator = separators.component
        if separator and separator in text:
            parts = text.split(separator)
            if not 0 < component <= len(parts):
                return ""
            text = parts[component - 1]
        elif component != 1:
            return ""
        separator = separators.subcomponent
        if separator and separator in text:
            parts = text.split(separator)
            if not 0 < subcomponent <= len(parts):
                return ""
            text = parts[subcomponent - 1]
        elif subcomponent != 1:
            return ""
        mark = separators.escape
        if mark and mark in text:
            return unescape(text, separators, self._origin.charset)
        return text

    def repetitions(self, field: int) -> list[Value]:
        """The repetitions in order, empty ones between others included; [] where absent."""
        text = self.raw(field)
        if not text:
            return []
        origin = self._origin
        separator = origin.separators.repetition
        if field < 3 and self.name in HEADERS:
            return [Value(text, origin, 2)]
        if separator and separator in text:
            return [Value(part, origin) for part in text.split(separator)]
        return [Value(text, origin)]

    @property
    def is_usual(self) -> bool:
        """Whether the text of a field alone tells what it says; see `Value.is_usual`.

        So nothing repeats in the segment. Not for MSH-2.
        """
        origin, text = self._origin, self.text
        return origin.separators.repetition not in text and origin.tells(text)

    def repetition_count(self, field: int) -> int:
        """Number of repetitions as written, empty ones included; 0 where absent."""
        text = self.raw(field)
        separator = self._origin.separators.repetition
        if not text or not separator or (field < 3 and self.name in HEADERS):
            return 1 if text else 0
        return text.count(separator) + 1

    def value(self, field: int) -> Value:
        """The first repetition; one without text where absent."""
        text = self.raw(field)
        origin = self._origin
        separator = origin.separators.repetition
        if separator and separator in text:
            if field < 3 and self.name in HEADERS:
                return Value(text, origin, 2)
            text = text.partition(separator)[0]
        return Value(text, origin)

    def raw(self, field: int) -> str:
        """The field as written; "" where absent."""
        fields = self._fields
        if fields is None:
            fields = self._split()
        return fields[field] if 0 < field < len(fields) else ""

    def whole(self, field: int) -> str:
        """Decoded text of the entire field, separators of every level as written."""
        if field < 3 and self.name in HEADERS:
            return self.raw(field)
        return self._origin.decode(self.raw(field))

    def field_count(self) -> int:
        """Number of fields as written, trailing empty ones included."""
        return len(self._fields or self._split()) - 1

    def span(self, field: int = -1, start: int = 0, end: int = -1) -> tuple[int, int]:
        """Byte offsets [start, end) in the original content: of the segment, or of a field.

        An absent field is an empty span at the end of the segment. `start` and `end` cut the field
        by characters; `spans` finds them.
        """
        if field < 0:
            return self._origin.byte_span(self._start, self._start + len(self.text))
        fields = self._fields or self._split()
        if not field < len(fields):
            first = self._start + len(self.text)
            return self._origin.byte_span(first, first)
        if self.name in HEADERS and field:
            # MSH-1 is the separator itself, so it takes no separator of its own.
            first = self._start + len(fields[0])
            if field > 1:
                first += 1 + sum(len(text) + 1 for text in fields[2:field])
        else:
            first = self._start + sum(len(text) + 1 for text in fields[:field])
        length = len(fields[field])
        return self._origin.byte_span(first + start, first + (length if end < 0 else end))

    def decode(self, text: str) -> str:
        """Resolve the escape sequences of one value of this segment."""
        return self._origin.decode(text)

    def fields(self) -> Sequence[str]:
        """All fields as written, by their number; number 0 is the name.

        Text lines that follow a segment without fields stand with its name.
        """
        return self._fields or self._split()

    def _split(self) -> list[str]:
        separator = self._origin.separators.field
        fields = self.text.split(separator)
        # A second header may be but a name; the separator that it does not have has no place.
        if self.name in HEADERS and len(fields) > 1:
            fields.insert(1, separator)
        self._fields = fields
        return fields


class Message:
    """One message.

    Attributes:
        segments: all of them in order, unknown and local ones included.
        msh: the first MSH segment.
        charset: the Python codec that the text was decoded with.
        charset_declared: MSH-18, first repetition, as written.
        separators: of this message.
        issues: what was wrong with the bytes.
        preamble: bytes before the MSH segment, byte order mark excluded; mostly empty.
        bom: the byte order mark, or empty.
    """

    __slots__ = (
        "_by_name",
        "_headers",
        "_origin",
        "bom",
        "charset",
        "charset_declared",
        "issues",
        "msh",
        "preamble",
        "segments",
        "separators",
    )

    def __init__(
        self,
        segments: Sequence[Segment],
        by_name: dict[str, list[Segment]],
        origin: Origin,
        *,
        charset_declared: str,
        issues: list[Issue],
        bom: bytes,
    ) -> None:
        """Hold what `reader.read` found; the first segment is MSH."""
        self.segments = segments
        self._origin = origin
        self._by_name = by_name
        self._headers: dict[tuple[int, int], str] = {}
        self.msh = segments[0]
        self.charset = origin.charset
        self.charset_declared = charset_declared
        self.separators = origin.separators
        self.issues = issues
        self.bom = bom
        self.preamble = origin.content[len(bom) : origin.base]

    def only(self, segments: Sequence[Segment]) -> "Message":
        """A message of some of its segments, MSH first. Each is still called what it is called here."""
        moved = [segment.at(position) for position, segment in enumerate(segments)]
        by_name: dict[str, list[Segment]] = {}
        for segment in moved:
            by_name.setdefault(segment.name, []).append(segment)
        return Message(
            moved,
            by_name,
            self._origin,
            charset_declared=self.charset_declared,
            issues=self.issues,
            bom=self.bom,
        )

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        found = self._by_name.get(name)
        return found[0] if found else None

    def all(self, name: str) -> list[Segment]:
        """All segments of that name, in order."""
        return list(self._by_name.get(name, ()))

    def _header(self, field: int, component: int = 1) -> str:
        at = (field, component)
        known = self._headers.get(at)
        if known is None:
            text = self.msh.get(field, component)
            known = self._headers[at] = "" if text == NULL else text.strip()
        return known

    @property
    def code(self) -> str:
        """MSH-9.1, for example "ADT"."""
        return self._header(9, 1)

    @property
    def trigger(self) -> str:
        """MSH-9.2, for example "A01"."""
        return self._header(9, 2)

    @property
    def structure(self) -> str:
        """MSH-9.3, for example "ADT_A01"; often absent."""
        return self._header(9, 3)

    @property
    def type(self) -> str:
        """Code and trigger as the standard writes them, for example "ADT^A01"."""
        trigger = self.trigger
        return f"{self.code}^{trigger}" if trigger else self.code

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self._header(10)

    @property
    def processing_id(self) -> str:
        """MSH-11.1: P, T or D."""
        return self._header(11)

    @property
    def version(self) -> str:
        """MSH-12.1, for example "2.5.1"."""
        return self._header(12)
