"""One message in, one canonical event out.

`convert` walks the segments once: each runs the maps that its structure names, on the resources of
its scope. Then resources get their keys, refer to each other, and whatever nobody read becomes
residue. Pure and deterministic: the same bytes, context and maps give the same event.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    CanonicalEvent,
    Issue,
)
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.hl7v2 import NULL, Message, Segment, read
from plexus.errors import InvalidMessage, Reason
from plexus.ids import part_name
from services.transform.domain.compiling import CompiledStep, CompiledStructure
from services.transform.domain.context import SourceContext
from services.transform.domain.draft import Draft
from services.transform.domain.keys import CONTENT_FIELDS
from services.transform.domain.load import Maps
from services.transform.domain.merging import drop_doubles, drop_doubles_within
from services.transform.domain.moving import Moved, name_moved, take_moved
from services.transform.domain.naming import name_resources
from services.transform.domain.parting import divide
from services.transform.domain.profile import Profile, violations
from services.transform.domain.scopes import Made, Scope, scopes_of, single_scope
from services.transform.domain.subjects import check_person

__all__ = ["Conversion", "convert", "run", "run_parts"]

_EVENT = "CanonicalEvent"

_MOVING = frozenset({"A44", "A45"})
_DELETING = frozenset({"A29"})  # the source has deleted the person (3.3.29)


class Conversion(NamedTuple):
    """A message, and what became of it."""

    message: Message
    draft: Draft

    @property
    def event(self) -> CanonicalEvent:
        """The event."""
        return self.draft.event


def convert(
    maps: Maps, content: bytes, context: SourceContext, *, needs_person: bool = True
) -> CanonicalEvent:
    """Convert one HL7 v2 message, as `run` does. Raises InvalidMessage as that."""
    return run(maps, content, context, needs_person=needs_person).draft.event


def run_parts(
    maps: Maps,
    content: bytes,
    context: SourceContext,
    kind: type[Draft] = Draft,
    *,
    needs_person: bool = True,
) -> list[Conversion]:
    """Convert one HL7 v2 message, each of its parts by itself where it is about several persons.

    All or nothing: raises InvalidMessage as `run`, if a part cannot be converted.
    """
    message, compiled = _read(maps, content, context)
    parts = divide(message, compiled)
    if len(parts) == 1:
        return [_converted(message, compiled, context, kind, needs_person=needs_person)]
    # What is named by the message alone, such as an order without a number, is not the same in another part.
    return [
        _converted(part, compiled, own, kind, needs_person=needs_person)
        for part, own in zip(parts, _contexts(context, len(parts)), strict=True)
    ]


def _contexts(context: SourceContext, parts: int) -> Iterator[SourceContext]:
    for part in range(1, parts + 1):
        yield replace(context, message_id=part_name(context.message_id, part))


def run(
    maps: Maps,
    content: bytes,
    context: SourceContext,
    kind: type[Draft] = Draft,
    *,
    needs_person: bool = True,
) -> Conversion:
    """Convert one HL7 v2 message about one person.

    Args:
        maps: of its source.
        content: the message.
        context: of it.
        kind: what the maps write through; traced maps need a draft that takes traces.
        needs_person: refuse a message that names nobody. Else it is converted as far as it goes, with
            an issue of error severity: for who looks at a message, not for a record.

    Raises:
        InvalidMessage: REASON_UNREADABLE if it is no HL7 v2; REASON_UNSUPPORTED_MESSAGE_TYPE or
            REASON_UNSUPPORTED_EVENT if no structure is for it; REASON_PROFILE if it breaks a rule
            of the source's profile that is an error; REASON_MAPPING_FAILED if it names fewer
            persons than it must, or more.
    """
    message, compiled = _read(maps, content, context)
    return _converted(message, compiled, context, kind, needs_person=needs_person)


def _read(maps: Maps, content: bytes, context: SourceContext) -> tuple[Message, CompiledStructure]:
    message = read(content, default_charset=context.charset)
    compiled = maps.structure(message.code, message.trigger)
    if compiled is None:
        known = message.code in maps.supported or message.code in maps.about_nobody
        raise InvalidMessage(
            "There is no map for this event."
            if known
            else "There is no map for this message type.",
            reason=Reason.REASON_UNSUPPORTED_EVENT
            if known
            else Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
            location="MSH-9",
        )
    return message, compiled


def _converted(
    message: Message,
    compiled: CompiledStructure,
    context: SourceContext,
    kind: type[Draft],
    *,
    needs_person: bool,
) -> Conversion:
    draft = kind(message, context)
    event = draft.event
    event.trigger = message.type
    event.issues.extend(message.issues)
    if context.profile is not None:
        event.issues.extend(_kept(context.profile, message))
    conversion = _Conversion(message, draft, compiled)
    conversion.run()
    draft.join_lines()
    _order_identifiers(conversion)
    _say_cleared(conversion.scopes)
    check_person(event, message, compiled.structure, needs_person=needs_person)
    if message.code == "ADT" and message.trigger in _DELETING:
        _say_deleted(conversion.scopes)
    moved: Moved = []
    if message.code == "ADT" and message.trigger in _MOVING:
        moved = take_moved(draft, conversion.scopes, message)
    name_resources(draft, conversion.scopes, compiled.structure)
    name_moved(moved)
    draft.sign()
    draft.leave(message)
    return Conversion(message, draft)


def _kept(profile: Profile, message: Message) -> list[Issue]:
    """The profile's warnings. Raises InvalidMessage for the first error."""
    found = violations(profile, message)
    for issue in found:
        if issue.severity == SEVERITY_ERROR:
            raise InvalidMessage(issue.detail, reason=issue.reason, location=issue.location)
    return found


@dataclass(slots=True)
class _Conversion:
    message: Message
    draft: Draft
    compiled: CompiledStructure
    scopes: list[Scope] = field(default_factory=list)

    def run(self) -> None:
        """Run every step of every segment."""
        compiled, draft = self.compiled, self.draft
        segments = self.message.segments
        kinds, where = self._divide()
        steps_of, anchored = compiled.steps, compiled.anchored
        last_seen: dict[str, int] = {}
        previous: dict[tuple[int, str], Segment] = {}
        other = len(segments)
        if compiled.structure.is_about_two:
            other = next((pid.position for pid in self.message.all("PID")[1:]), other)
        for segment, at_kind, scope in zip(segments, kinds, where, strict=True):
            name = segment.name
            if segment.position >= other:
                self._name_other(segment)
                continue
            steps = steps_of[at_kind].get(name)
            if steps is not None:
                near = scope.near
                draft.near = near if near[name] is segment else {**near, name: segment}
                if name in anchored:
                    steps = _applicable(steps, last_seen)
                at = (scope.number, name)
                before = previous.get(at)
                for step in steps:
                    if step.condition is None or step.condition(draft):
                        self._step(step, segment, scope, before)
                previous[at] = segment
            last_seen[name] = segment.position

    def _name_other(self, segment: Segment) -> None:
        """Take who the other person is; what else the message says of them is residue."""
        if segment.name != "PID":
            return
        draft, other = self.draft, CanonicalEvent()
        draft.near = {**draft.near, "PID": segment}
        for step in self.compiled.steps[0]["PID"]:
            if step.step.kind == _EVENT:
                step.run(segment, other, draft, 1)
        draft.event.prior.extend(other.subject)

    def _divide(self) -> tuple[Sequence[int], list[Scope]]:
        """Give for each segment which steps are for it and the scope that it is in."""
        compiled, segments = self.compiled, self.message.segments
        if not compiled.scopes and len(compiled.steps) == 1:
            self.scopes, where = single_scope(segments)
            return [0] * len(segments), where
        self.scopes, where, groups = scopes_of(segments, compiled.grammar, compiled.scopes)
        return groups if len(compiled.steps) > 1 else [0] * len(segments), where

    def _step(
        self, compiled: CompiledStep, segment: Segment, scope: Scope, previous: Segment | None
    ) -> None:
        draft, step = self.draft, compiled.step
        kind = step.kind
        if kind == _EVENT:
            compiled.run(segment, draft.event, draft, 1)
            return
        if not step.is_new:
            made = scope.latest_outer(kind) if step.is_outer else scope.latest(kind)
            if made is None:
                if step.anchors or step.is_outer:
                    return
                made = self._make(kind, segment, scope)
            compiled.run(segment, made.content, draft, 1)
            made.is_shared = True
            _note_cleared(compiled, segment, made)
            return
        if (
            step.continuing
            and previous is not None
            and self._continues(compiled, segment, previous)
        ):
            made = scope.latest(kind)
            if made is not None:
                compiled.complete(segment, made.content, draft, 1)
                made.is_shared = True
                return
        if step.per is not None:
            count = segment.repetition_count(step.per.numbers[0])
            if count > 1 and not (compiled.unless is not None and compiled.unless(draft)):
                for repetition in range(1, count + 1):
                    made = self._make(kind, segment, scope)
                    compiled.run(segment, made.content, draft, repetition)
                return
        made = self._make(kind, segment, scope)
        compiled.run(segment, made.content, draft, 1)
        _note_cleared(compiled, segment, made)

    def _continues(self, compiled: CompiledStep, segment: Segment, previous: Segment) -> bool:
        draft, step = self.draft, compiled.step
        for place in step.continuing:
            field = place.numbers[0]
            if segment.raw(field) != previous.raw(field):
                return False
        if compiled.alike is None or not compiled.alike(draft):
            return False
        near = draft.near
        draft.near = {**near, segment.name: previous}
        try:
            return compiled.alike(draft)
        finally:
            draft.near = near

    def _make(self, kind: str, segment: Segment, scope: Scope) -> Made:
        resource: Resource = self.draft.resources.add()
        made = Made(kind, resource, getattr(resource, CONTENT_FIELDS[kind]), segment)
        scope.made.append(made)
        return made


def _note_cleared(compiled: CompiledStep, segment: Segment, made: Made) -> None:
    """Note what is to be deleted (HL7 v2.5.1 2.5.3): the null says so, absence says nothing."""
    if compiled.clearing and NULL in segment.text:
        made.cleared.update(
            path for number, path in compiled.clearing if segment.raw(number) == NULL
        )


def _say_deleted(scopes: list[Scope]) -> None:
    for scope in scopes:
        for made in scope.made:
            if made.kind == "Person":
                made.resource.deleted = True


def _say_cleared(scopes: list[Scope]) -> None:
    """Say which fields of a resource the message deletes: those that nothing else of it fills."""
    for scope in scopes:
        for made in scope.made:
            if made.cleared:
                filled = {descriptor.name for descriptor, _ in made.content.ListFields()}
                made.resource.cleared.extend(sorted(made.cleared - filled))


def _applicable(
    steps: tuple[CompiledStep, ...], last_seen: dict[str, int]
) -> tuple[CompiledStep, ...]:
    """Steps without anchors, and those whose anchor is the nearest of all anchors named."""
    nearest = ""
    at = -1
    for compiled in steps:
        for anchor in compiled.step.anchors:
            if last_seen.get(anchor, -1) > at:
                nearest, at = anchor, last_seen[anchor]
    return tuple(
        compiled
        for compiled in steps
        if not compiled.step.anchors or nearest in compiled.step.anchors
    )


def _order_identifiers(conversion: _Conversion) -> None:
    """Put the identifier that orders the person's messages first: MR, else PI, else the first."""
    event = conversion.draft.event
    for identifiers in (event.subject, event.prior):
        drop_doubles(identifiers)
        _order(identifiers)
    for scope in conversion.scopes:
        for made in scope.made:
            if made.kind == "Person":
                drop_doubles_within(made.content)
                _order(made.content.identifiers)
            elif made.is_shared:
                drop_doubles_within(made.content)


def _order(identifiers: Any) -> None:
    if len(identifiers) < 2:
        return
    for wanted in ("MR", "PI"):
        for at, identifier in enumerate(identifiers):
            if identifier.type_code == wanted:
                if at:
                    chosen = type(identifier)()
                    chosen.CopyFrom(identifier)
                    del identifiers[at]
                    identifiers.insert(0, chosen)
                return
