"""Turning points of stays and orders, which later messages that say nothing of them do not undo.

A snapshot says how things are, not what has happened. An update of an admission that was cancelled
says again that the person is in; an update after the discharge may leave out when it was. So a
record keeps beside the winning version the latest turning point of each kind, and what it shows
follows from both. It keeps the latest of each, and the union of numbers: neither depends on the
order of arrival.

Events: HL7 v2.5.1 3.3 (A01 to A38); statuses: R4 Encounter.status, ServiceRequest.status.
"""

import functools
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.resources_pb2 import Encounter, Person, Resource
from plexus.api.records.v1.records_pb2 import Milestone, MilestoneKind, Milestones
from services.records.domain.times import age

__all__ = [
    "HAVE_COURSE",
    "NOTHING",
    "NO_COURSE",
    "NUMBERED",
    "Rank",
    "Reached",
    "cleared_in",
    "is_aside",
    "is_little",
    "milestones_of",
    "reached_in",
    "shown",
    "united",
]

_OPENED: Final = MilestoneKind.MILESTONE_KIND_OPENED
_CANCELLED: Final = MilestoneKind.MILESTONE_KIND_CANCELLED
_ENDED: Final = MilestoneKind.MILESTONE_KIND_ENDED
_REOPENED: Final = MilestoneKind.MILESTONE_KIND_REOPENED
_SETTLED: Final = MilestoneKind.MILESTONE_KIND_SETTLED
_CLEARED: Final = MilestoneKind.MILESTONE_KIND_CLEARED

_BY_STATUS: Final[dict[str, MilestoneKind.ValueType]] = {
    "finished": _ENDED,
    "cancelled": _CANCELLED,
    "entered-in-error": _CANCELLED,
}
_SETTLED_ORDER: Final = frozenset({"completed", "revoked", "entered-in-error"})
_RESULTS: Final = frozenset({"ORU", "OUL"})
HAVE_COURSE: Final = frozenset({"Encounter", "Person", "ServiceRequest"})
"""Canonical types of which events may say how far they have come."""
NUMBERED: Final = frozenset({"DiagnosticReport", "MedicationRequest", "ServiceRequest"})
"""Canonical types of which all numbers are kept that anybody has said."""
_NUMBERED_CONTENT: Final = frozenset({"diagnostic_report", "medication_request", "service_request"})

# What identifies a person is taken back by a merge or not at all.
_CLEARABLE: Final = frozenset(Person.DESCRIPTOR.fields_by_name) - {"identifiers"}
# Those that change what is shown.
_TELLING: Final = frozenset({_CANCELLED, _ENDED, _SETTLED})

NOTHING: Final = b""
_ASIDE: Final = Milestones(aside=True).SerializeToString()
_LITTLE: Final = frozenset({NOTHING, _ASIDE})


Rank = tuple[int, int, str, int, int]
"""What orders two words: age, receipt, message id, passage and part of it."""


class Reached(NamedTuple):
    """What an event says of a resource's course.

    Attributes:
        kinds: turning points with what goes with them.
        aside: the event is about something else and mentions the resource.
    """

    kinds: tuple[tuple[MilestoneKind.ValueType, str], ...] = ()
    aside: bool = False


NO_COURSE: Final = Reached()
_MENTIONED: Final = Reached(aside=True)


# Discharge and cancel show in the status.
_BY_EVENT: Final = {
    **dict.fromkeys(["A01", "A04", "A05", "A06", "A07", "A14"], Reached(((_OPENED, ""),))),
    "A13": Reached(((_REOPENED, ""),)),
}


def reached_in(resource: Resource, kind: str, trigger: str) -> Reached:
    """What an event says of the course of a resource whose canonical type is `kind`.

    Args:
        resource: of the event.
        kind: its type.
        trigger: what the source calls the event, for example ADT^A01.
    """
    if kind == "Person":
        if not resource.cleared:
            return NO_COURSE
        fields = sorted(_CLEARABLE.intersection(resource.cleared))
        return Reached(tuple((_CLEARED, field) for field in fields))
    if kind == "Encounter":
        family, caret, event = trigger.partition("^")
        if caret and family != "ADT":
            return _MENTIONED
        return _of_stay(resource.encounter, event)
    if kind == "ServiceRequest":
        status = resource.service_request.status
        kinds = ((_SETTLED, status),) if status in _SETTLED_ORDER else ()
        aside = trigger[:3] in _RESULTS
        return Reached(kinds, aside) if kinds else (_MENTIONED if aside else NO_COURSE)
    return NO_COURSE


def _of_stay(stay: Encounter, event: str) -> Reached:
    by_event, by_status = _BY_EVENT.get(event, NO_COURSE), _BY_STATUS.get(stay.status)
    if by_status is None:
        return by_event
    value = stay.period.end if by_status == _ENDED else stay.status
    if by_status == _CANCELLED:
        return Reached(((by_status, value),))
    return Reached(tuple(sorted((*by_event.kinds, (by_status, value)))))


def milestones_of(
    reached: Reached, time: str, receipt: int, message_id: str, attempt: int, part: int = 0
) -> bytes:
    """The serialised Milestones of a version that a message tells; empty where there are none."""
    kinds, aside = reached
    if not kinds:
        return _ASIDE if aside else NOTHING
    made = Milestones()
    for kind, value in kinds:
        each = made.reached.add()
        each.kind = kind
        each.time = time
        each.receipt = receipt
        each.message_id = message_id
        each.attempt = attempt
        if part:
            each.part = part
        if value:
            each.value = value
    if aside:
        made.aside = True
    return made.SerializeToString()


def is_little(milestones: bytes) -> bool:
    """Whether there is no turning point and no number in them."""
    return milestones in _LITTLE


def is_aside(milestones: bytes) -> bool:
    """Whether the version that they belong to only mentions the resource."""
    # It is the last field, and the length of what comes before hides no other one.
    return milestones.endswith(_ASIDE) and (milestones == _ASIDE or _read(milestones).aside)


def united(winner: tuple[bytes, bytes], loser: tuple[bytes, bytes], kind: str) -> bytes:
    """The Milestones of the version that won, with what those of the other one add.

    Args:
        winner: content and milestones.
        loser: likewise.
        kind: canonical type of both.
    """
    content, mine = winner
    other, theirs = loser
    is_numbered = kind in NUMBERED and content != other
    if not is_numbered and theirs in _LITTLE:
        return mine
    if not is_numbered and mine == NOTHING and not is_aside(theirs):
        return theirs
    if mine in _LITTLE and theirs in _LITTLE and _numbers(other) <= _numbers(content):
        return mine
    kept, more = _read(mine), _read(theirs)
    latest: dict[tuple[MilestoneKind.ValueType, str], Milestone] = {}
    for each in (*kept.reached, *more.reached):
        of = (each.kind, each.value if each.kind == _CLEARED else "")
        known = latest.get(of)
        if known is None or _rank(each) > _rank(known):
            latest[of] = each
    numbers = [*kept.identifiers, *more.identifiers]
    if is_numbered:
        mine_too = set(map(_number, _identifiers(content)))
        numbers.extend(_identifiers(other))
        numbers = [each for each in numbers if _number(each) not in mine_too]
    made = Milestones(reached=[latest[each] for each in sorted(latest)], aside=kept.aside)
    distinct = {_number(each): each for each in sorted(numbers, key=_bytes, reverse=True)}
    made.identifiers.extend(sorted(distinct.values(), key=_bytes))
    return made.SerializeToString()


@functools.lru_cache(maxsize=4096)
def shown(content: bytes, milestones: bytes) -> bytes:
    """A canonical Resource as the record shows it. Remembered: what stands is told again and again."""
    if milestones == _ASIDE:
        return content
    kept = _read(milestones)
    reached = {each.kind: each for each in kept.reached}
    if not (kept.identifiers or _TELLING.intersection(reached)):
        return content
    resource = Resource.FromString(content)
    kind = resource.WhichOneof("content")
    if kind == "encounter":
        _show_stay(resource.encounter, reached)
    elif kind == "service_request" and _SETTLED in reached:
        resource.service_request.status = reached[_SETTLED].value
    if kind in _NUMBERED_CONTENT:
        numbered = _content_of(resource)
        known = set(map(_number, numbered.identifiers))
        numbered.identifiers.extend(each for each in kept.identifiers if _number(each) not in known)
    return resource.SerializeToString()


@functools.lru_cache(maxsize=1024)
def _read(milestones: bytes) -> Milestones:
    """Shared: nobody may change it."""
    return Milestones.FromString(milestones)


def cleared_in(milestones: bytes) -> Iterator[tuple[str, Rank]]:
    """The fields of a person that were cleared, each with the rank of the word that did so."""
    return (
        (each.value, _rank(each)) for each in _read(milestones).reached if each.kind == _CLEARED
    )


def _show_stay(stay: Encounter, reached: dict[MilestoneKind.ValueType, Milestone]) -> None:
    opened, cancelled = reached.get(_OPENED), reached.get(_CANCELLED)
    ended, reopened = reached.get(_ENDED), reached.get(_REOPENED)
    # What happened at the same moment was opened first: only then can it be cancelled.
    if cancelled and (opened is None or age(cancelled.time) >= age(opened.time)):
        stay.status = cancelled.value
    elif ended and not any(again and _rank(again) > _rank(ended) for again in (opened, reopened)):
        stay.status = "finished"
        if ended.value and not stay.period.end:
            stay.period.end = ended.value


def _rank(milestone: Milestone) -> Rank:
    return (
        age(milestone.time),
        milestone.receipt,
        milestone.message_id,
        milestone.attempt,
        milestone.part,
    )


def _identifiers(content: bytes) -> tuple[Identifier, ...]:
    return tuple(_content_of(Resource.FromString(content)).identifiers)


def _content_of(resource: Resource) -> Any:
    """The order or the report that a resource is."""
    return getattr(resource, resource.WhichOneof("content") or "")


@functools.lru_cache(maxsize=4096)
def _numbers(content: bytes) -> frozenset[tuple[str, str, str]]:
    return frozenset(map(_number, _identifiers(content)))


def _number(identifier: Identifier) -> tuple[str, str, str]:
    authority = identifier.authority
    named_by = authority.namespace or authority.universal_id
    return identifier.type_code, named_by.casefold(), identifier.value


def _bytes(identifier: Identifier) -> bytes:
    return identifier.SerializeToString()
