"""What a conversion has in hand: the event in the making, who is near, and what has been read.

Generated maps (see `generate`) and datatype functions write through it. Accounting: whenever a map
has put a place into the event it claims it here, per repetition of a field (see `claims`); what
nobody claimed becomes residue, leaf by leaf, at the end. So a rule that did not fire, a code that
no table knows and a date that is none lose nothing.
"""

from collections.abc import Container
from typing import Any

from plexus.api.canonical.v1.event_pb2 import SEVERITY_WARNING, CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import NULL, Message, Segment, Value
from plexus.errors import Reason
from services.transform.domain.citations import MessageMap, cite
from services.transform.domain.claims import Claims
from services.transform.domain.context import SourceContext
from services.transform.domain.kept import Read
from services.transform.domain.merging import absorb
from services.transform.domain.residue import unclaimed
from services.transform.domain.terms import Terms

__all__ = ["Draft", "dropping_key"]

_MAX_ISSUES = 200
_DETAILS = {
    Reason.REASON_DATA_TYPE: "The value is not of its datatype; kept as residue.",
    Reason.REASON_TABLE_VALUE: "The code is not in the code table; kept as residue.",
}

Near = dict[str, Segment]


def dropping_key(place: str, dropping: Container[tuple[str, int]]) -> tuple[str, int] | None:
    """Field and component (0 for all) by which a leaf is dropped; None if it is not."""
    head, _, rest = place.rpartition("[")
    _, _, below = rest.partition("].")
    for component in (0, int(below.partition(".")[0] or 0)):
        if (head, component) in dropping:
            return head, component
    return None


class Draft(Terms):
    """One conversion. Not reusable.

    Attributes:
        left: place and value of every leaf that nobody claimed, when it is done.
        dropped: places of those among them that a rule leaves out.
    """

    __slots__ = (
        "_blamed",
        "_cited",
        "_dropping",
        "_further",
        "_lines",
        "_settled",
        "authority",
        "coder",
        "context",
        "dropped",
        "event",
        "left",
        "near",
        "resources",
        "taken",
        "trigger",
    )

    def __init__(self, message: Message, context: SourceContext) -> None:
        """Begin an empty event for the message."""
        super().__init__(context.assigner, context.zone)
        self.context = context
        self.authority = context.authority
        self.coder = context.coder
        self.trigger = message.trigger
        self.event = CanonicalEvent()
        self.resources = self.event.resources
        self.taken: list[Claims] = [[0] * len(s.fields()) for s in message.segments]
        self._further: dict[tuple[int, int], Claims] = {}
        self.near: Near = {}
        self._cited: dict[tuple[str, str, str], Read] = {}
        self._lines: dict[tuple[int, str], tuple[Any, list[str]]] = {}
        self._blamed: set[tuple[str, int]] = set()
        self._settled: dict[str, Resource] = {}
        self._dropping: set[tuple[str, int]] = set()
        self.left: list[tuple[str, str]] = []
        self.dropped: list[str] = []

    # -- what generated maps call ---------------------------------------------------------------

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

    def row(self, position: int, repetition: int) -> Claims:
        """Claims of a further repetition of the fields of a segment; it counts from 0."""
        at = (position, repetition)
        claims = self._further.get(at)
        if claims is None:
            claims = self._further[at] = [0] * len(self.taken[position])
        return claims

    def drop(self, segment: Segment, field: int, component: int = 0) -> None:
        """Leave out what nobody takes of a field, or of a component of each of its repetitions."""
        self._dropping.add((f"{segment.name}[{segment.index}]-{field}", component))

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

    def refer(self, kind: str, datatype: str, fill: MessageMap, value: Value) -> Read:
        """Make the resource that a value describes, once per message.

        Returns the claim of what was read, 0 where the value describes nothing, and a reference.
        """
        at = (kind, datatype, value.text)
        read = self._cited.get(at)
        if read is None:
            found = cite(kind, fill, value, self._assigner, self._zone)
            self.pending = found.pending or self.pending
            read = (found.mask if found.key else 0, found.reference)
            if found.mask and found.key and not self.settle(found.resource, found.key):
                read = (0, b"")
            self._cited[at] = read
        return read

    def settle(self, content: bytes, key: str) -> bool:
        """Add a serialized resource to the event, or to the one that has its key already.

        Returns False where the two contradict each other, so that its leaves stay as residue.
        """
        known = self._settled.get(key)
        if known is not None:
            return absorb(known, Resource.FromString(content))
        resource = self._settled[key] = self.resources.add()
        resource.MergeFromString(content)
        return True

    def settled(self, key: str) -> Resource:
        """The resource that has the key."""
        return self._settled[key]

    def known(self, key: str) -> Resource | None:
        """The resource that has the key, if there is one."""
        return self._settled.get(key)

    def know(self, key: str, resource: Resource) -> None:
        """That resource of the event has the key."""
        self._settled[key] = resource

    # -- at the end -----------------------------------------------------------------------------

    def sign(self) -> None:
        """Give each resource the origin of all that the message says."""
        signed = Resource()
        origin = signed.origin
        origin.source = self.context.source
        origin.message_id = self.context.message_id
        origin.time = self.event.event_time
        content = signed.SerializeToString()
        for resource in self.resources:
            resource.MergeFromString(content)

    def leave(self, message: Message) -> None:
        """Put every leaf that nobody claimed into the residue of the event, if no rule drops it."""
        add = self.event.residue.add
        self.left = unclaimed(message, self.taken, self._further)
        if self._dropping:
            self.dropped = [place for place, _ in self.left if dropping_key(place, self._dropping)]
            gone = frozenset(self.dropped)
            self.left = [leaf for leaf in self.left if leaf[0] not in gone]
        for location, value in self.left:
            residue = add()
            residue.location = location
            residue.value = value
