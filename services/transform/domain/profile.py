"""What was agreed with a partner about the messages of a source, and whether a message keeps to it.

A profile narrows HL7: what must come and what must not, how often, how long, with which codes, and
which local segments. It says of each rule whether breaking it is a warning or an error; `convert`
makes issues of the one and refuses for the other. Issues name places and rules, never a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from plexus.api.canonical.v1.event_pb2 import (
    SEVERITY_ERROR,
    SEVERITY_WARNING,
    Issue,
    Severity,
)
from plexus.codecs.hl7v2 import NULL, Message, Segment, Value
from plexus.errors import Reason

__all__ = ["MAX_VIOLATIONS", "FieldRule", "Profile", "SegmentRule", "violations"]

MAX_VIOLATIONS = 100
"""More than this many are not looked for in one message."""


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """How often a segment comes. `most` 0 forbids it; None is without bound."""

    segment: str
    least: int = 0
    most: int | None = None
    is_error: bool = False
    messages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a field, component or subcomponent holds, in every segment of the name.

    Attributes:
        numbers: field, and component and subcomponent where the rule is about one.
        least: of the repetitions with a value; for a component, 1 means in each repetition.
        most: of the repetitions; 0 forbids any value; None is without bound.
        length: most characters of a value, as it is meant.
        codes: values that may come; empty for any.
    """

    segment: str
    numbers: tuple[int, ...]
    least: int = 0
    most: int | None = None
    length: int | None = None
    codes: frozenset[str] = frozenset()
    is_error: bool = False
    messages: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        """As it is written: `PID-3.1`."""
        return f"{self.segment}-{'.'.join(map(str, self.numbers))}"


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one source.

    Attributes:
        name: for people.
        messages: types that it is about, `ADT` or `ADT^A01`; empty for all.
        local: local (Z) segments that may come; None for any.
    """

    name: str
    messages: frozenset[str] = frozenset()
    segments: tuple[SegmentRule, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    local: frozenset[str] | None = None
    is_local_error: bool = False
    by_segment: dict[str, tuple[FieldRule, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the rules by segment once."""
        found: dict[str, tuple[FieldRule, ...]] = {}
        for rule in self.fields:
            found[rule.segment] = (*found.get(rule.segment, ()), rule)
        object.__setattr__(self, "by_segment", found)


def violations(profile: Profile, message: Message) -> list[Issue]:
    """Give what breaks the profile, in the order of the rules and the message; bounded."""
    if not _is_for(profile.messages, message):
        return []
    return list(islice(_violations(profile, message), MAX_VIOLATIONS))


def _violations(profile: Profile, message: Message) -> Iterator[Issue]:
    for one in profile.segments:
        if _is_for(one.messages, message):
            wrong = _count_is_wrong(len(message.all(one.segment)), one.least, one.most)
            if wrong:
                yield _issue(profile, one.segment, f"{one.segment} {wrong}", one.is_error)
    for segment in message.segments:
        place = f"{segment.name}[{segment.index}]"
        if (
            profile.local is not None
            and segment.name[0] == "Z"
            and segment.name not in profile.local
        ):
            yield _issue(profile, place, "The local segment was not agreed", profile.is_local_error)
        for rule in profile.by_segment.get(segment.name, ()):
            if _is_for(rule.messages, message):
                for location, wrong in _of_field(rule, segment):
                    yield _issue(profile, location, f"{rule.place} {wrong}", rule.is_error)


def _of_field(rule: FieldRule, segment: Segment) -> Iterator[tuple[str, str]]:
    number, *below = rule.numbers
    place = f"{segment.name}[{segment.index}]-{number}"
    values = segment.repetitions(number)
    if not below:
        count = sum(1 for value in values if value.text and not value.is_null)
        wrong = _count_is_wrong(count, rule.least, rule.most)
        if wrong:
            yield place, wrong
    for repetition, value in enumerate(values, 1):
        if not value.text or value.is_null:
            continue
        text = _text(value, below)
        at = f"{place}[{repetition}]" + "".join(f".{n}" for n in below)
        is_there = text not in {"", NULL}
        if below and ((rule.least and not is_there) or (rule.most == 0 and is_there)):
            yield at, "is required" if rule.least else "must be empty"
        elif is_there:
            if rule.length is not None and len(text) > rule.length:
                yield at, f"is longer than {rule.length} characters"
            if rule.codes and text not in rule.codes:
                yield at, "is none of the codes that were agreed"


def _text(value: Value, below: list[int]) -> str:
    if not below:
        return value.whole() if value.component_count() > 1 else value.get()
    if len(below) > 1:
        return value.get(below[0], below[1])
    part = value.component(below[0])
    return part.whole() if part.component_count() > 1 else part.get()


def _count_is_wrong(count: int, least: int, most: int | None) -> str:
    if count < least:
        return "is required" if least == 1 else f"must come {least} times; there are {count}"
    if most is not None and count > most:
        return "must not come" if most == 0 else f"may come {most} times; there are {count}"
    return ""


def _is_for(messages: frozenset[str], message: Message) -> bool:
    return not messages or message.code in messages or message.type in messages


def _issue(profile: Profile, location: str, wrong: str, is_error: bool) -> Issue:
    severity: Severity.ValueType = SEVERITY_ERROR if is_error else SEVERITY_WARNING
    return Issue(
        severity=severity,
        reason=Reason.REASON_PROFILE,
        location=location,
        detail=f"{wrong} (profile {profile.name}).",
    )
