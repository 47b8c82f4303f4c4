"""What a conversion has in hand: the event in the making, who is near, and what has been read.

Generated maps (see `generate`) and datatype functions write through it. Accounting: whenever a map
has put a place into the event it claims it here, per repetition of a field (see `claims`); what
nobody claimed becomes residue, leaf by leaf, at the end. So a rule that did not fire, a code that
no table knows and a date that is none lose nothing.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Origin, Reference
from plexus.api.canonical.v1.event_pb2 import SEVERITY_WARNING, CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import NULL, Message, Segment, Value
from plexus.errors import Reason
from services.transform.domain import keys
from services.transform.domain.claims import Claims
from services.transform.domain.context import SourceContext
from services.transform.domain.merging import absorb
from services.transform.domain.residue import unclaimed
from services.transform.domain.times import date_time

__all__ = ["Draft"]

_MAX_ISSUES = 200
_DETAILS = {
    Reason.REASON_DATA_TYPE: "The value is not of its datatype; kept as residue.",
    Reason.REASON_TABLE_VALUE: "The code is not in the code table; kept as residue.",
}

Near = dict[str, Segment]
MessageMap = Callable[[Value, Any, "Draft"], int]


class Draft:
    """One conversion. Not reusable."""

    __slots__ = (
        "_blamed",
        "_cited",
        "_lines",
        "_refs",
        "_zone",
        "authority",
        "context",
        "control_id",
        "event",
        "near",
        "pending",
        "segment",
        "taken",
        "trigger",
    )

    def __init__(self, message: Message, context: SourceContext) -> None:
        """Begin an empty event for the message."""
        self.context = context
        self.authority = context.authority
        self.trigger = message.trigger
        self.control_id = message.control_id
        self.event = CanonicalEvent()
        self.taken: list[Claims] = [defaultdict(int) for _ in message.segments]
        self.near: Near = {}
        self.segment = message.msh
        self.pending: int = 0
        self._zone = context.zone
        self._refs: dict[tuple[str, str, str], tuple[int, str, str]] = {}
        self._lines: dict[tuple[int, str], tuple[Any, list[str]]] = {}
        self._blamed: set[tuple[str, int]] = set()
        self._cited: dict[str, Resource] = {}

    # -- what generated maps call ---------------------------------------------------------------

    def assign(self, authority: Authority) -> None:
        """Make it the authority of the source, unless it has a namespace."""
        if not authority.namespace:
            namespace, universal_id, kind = self.context.assigner
            if namespace:
                authority.namespace = namespace
            if universal_id:
                authority.universal_id = universal_id
                authority.universal_id_type = kind

    def peek(self, name: str, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Text of a place in a near segment; "" where absent or null."""
        segment = self.near.get(name)
        if segment is None:
            return ""
        text = segment.get(field, component, subcomponent)
        return "" if text == NULL else text

    def valued(self, name: str, field: int) -> bool:
        """Whether a field of a near segment holds anything but the HL7 null."""
        segment = self.near.get(name)
        return segment is not None and segment.raw(field) not in {"", NULL}

    def add_line(self, to: Any, name: str, text: str) -> None:
        """Add a line to a text that many repetitions or segments make up; joined at the end.

        Appending to the field itself would copy a long report once for each of its lines.
        """
        at = (id(to), name)
        known = self._lines.get(at)
        if known is not None:
            known[1].append(text)
            return
        before = getattr(to, name)
        if not before:
            setattr(to, name, text)
        # Holding `to` keeps its id from being given to another message.
        self._lines[at] = (to, [before, text] if before else [text])

    def join_lines(self) -> None:
        """Write the texts that `add_line` has gathered."""
        for (_, name), (to, texts) in self._lines.items():
            if len(texts) > 1:
                setattr(to, name, "\n".join(texts))
        self._lines.clear()

    def time(self, text: str) -> str:
        """FHIR dateTime text; "" where the text is no time."""
        return date_time(text.strip(), self._zone)

    def blame(self, segment: Segment, field: int, reason: Reason.ValueType) -> None:
        """Note once for each field that a value could not be mapped. The value itself never enters the text."""
        self.pending = 0
        location = f"{segment.name}[{segment.index}]-{field}"
        if (location, reason) in self._blamed or len(self._blamed) >= _MAX_ISSUES:
            return
        self._blamed.add((location, reason))
        self.event.issues.add(
            severity=SEVERITY_WARNING,
            reason=reason,
            location=location,
            detail=_DETAILS[reason],
        )

    def refer(self, kind: str, datatype: str, fill: MessageMap, value: Value, to: Reference) -> int:
        """Make the resource that a value describes, once per message, and refer to it.

        Returns the mask of what was read; 0 where the value describes nothing.
        """
        at = (kind, datatype, value.text)
        found = self._refs.get(at)
        if found is None:
            resource = self.event.resources.add()
            content = keys.content_of(resource, kind)
            mask = fill(value, content, self)
            if mask:
                key, display = keys.cited_key(kind, content), keys.display_of(kind, content)
                if not self.settle(resource, key):
                    mask = 0
                found = (mask, key, display)
            else:
                del self.event.resources[-1]
                found = (0, "", "")
            self._refs[at] = found
        mask, key, display = found
        if key:
            to.type = kind
            to.key = key
            if display:
                to.display = display
        return mask if key else 0

    def settle(self, resource: Resource, key: str) -> bool:
        """Give the last resource of the event its key, or add it to the one that has it already.

        Returns False where the two contradict each other, so that its leaves stay as residue.
        """
        known = self._cited.get(key)
        if known is None:
            resource.key = key
            self._cited[key] = resource
            return True
        agreed = absorb(known, resource)
        del self.event.resources[-1]
        return agreed

    def settled(self, key: str) -> Resource:
        """The resource that has the key."""
        return self._cited[key]

    # -- at the end -----------------------------------------------------------------------------

    def origin(self) -> Origin:
        """Origin of all that the message says."""
        return Origin(
            source=self.context.source,
            message_id=self.context.message_id,
            time=self.event.event_time,
        )

    def leave(self, message: Message) -> None:
        """Put every leaf that nobody claimed into the residue of the event."""
        add = self.event.residue.add
        for location, value in unclaimed(message, self.taken):
            residue = add()
            residue.location = location
            residue.value = value
