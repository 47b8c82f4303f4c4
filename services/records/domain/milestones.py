"""Turning points of stays and orders, which later messages that say nothing of them do not undo.

A snapshot says how things are, not what has happened. An update of an admission that was cancelled
says again that the person is in; an update after the discharge may leave out when it was. So a
record keeps beside the winning version the latest turning point of each kind, and what it shows
follows from both. It keeps the latest of each, and the union of numbers: neither depends on the
order of arrival.

Events: HL7 v2.5.1 3.3 (A01 to A38); statuses: R4 Encounter.status, ServiceRequest.status.
"""

import functools
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.api.canonical.v1.resources_pb2 import Encounter, Resource
from plexus.api.records.v1.records_pb2 import Milestone, MilestoneKind, Milestones
from services.records.domain.times import age

__all__ = [
    "NOTHING",
    "NO_COURSE",
    "NUMBERED",
    "Reached",
    "is_aside",
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

# A discharge (A03) shows in the status; so do the cancels, but A11 to a class that is unknown.
_BY_EVENT: Final[dict[str, MilestoneKind.ValueType]] = {
    **dict.fromkeys(["A01", "A04", "A05", "A06", "A07", "A14"], _OPENED),
    "A13": _REOPENED,
}
_BY_STATUS: Final[dict[str, MilestoneKind.ValueType]] = {
    "finished": _ENDED,
    "cancelled": _CANCELLED,
    "entered-in-error": _CANCELLED,
}
_SETTLED_ORDER: Final = frozenset({"completed", "revoked", "entered-in-error"})
_RESULTS: Final = frozenset({"ORU", "OUL"})
NUMBERED: Final = frozenset({"ServiceRequest", "DiagnosticReport"})
"""Canonical types of which all numbers are kept that anybody has said."""
_NUMBERED_CONTENT: Final = frozenset({"service_request", "diagnostic_report"})

NOTHING: Final = b""
_ASIDE: Final = Milestones(aside=True).SerializeToString()


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


def reached_in(resource: Resource, kind: str, trigger: str) -> Reached:
    """What an event says of the course of a resource whose canonical type is `kind`.

    Args:
        resource: of the event.
        kind: its type.
        trigger: what the source calls the event, for example ADT^A01.
    """
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
    by_event, by_status = _BY_EVENT.get(event), _BY_STATUS.get(stay.status)
    if by_status is None:
        return Reached(((by_event, ""),)) if by_event else NO_COURSE
    value = stay.period.end if by_status == _ENDED else stay.status
    if by_event is None or by_status == _CANCELLED:
        return Reached(((by_status, value),))
    return Reached(((by_event, ""), (by_status, value)))


def milestones_of(
    reached: Reached, time: str, receipt: int, message_id: str, attempt: int
) -> bytes:
    """The serialised Milestones of a version that a message tells; empty where there are none."""
    kinds, aside = reached
    if not kinds:
        return _ASIDE if aside else NOTHING
    return Milestones(
        reached=[
            Milestone(
                kind=kind,
                time=time,
                receipt=receipt,
                message_id=message_id,
                attempt=attempt,
                value=value,
            )
            for kind, value in sorted(kinds)
        ],
        aside=aside,
    ).SerializeToString()


def is_aside(milestones: bytes) -> bool:
    """Whether the version that they belong to only mentions the resource."""
    # It is the last field, and the length of what comes before hides no other one.
    return milestones.endswith(_ASIDE) and Milestones.FromString(milestones).aside


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
    if not is_numbered and theirs in {NOTHING, _ASIDE}:
        return mine
    kept, more = Milestones.FromString(mine), Milestones.FromString(theirs)
    latest: dict[MilestoneKind.ValueType, Milestone] = {}
    for each in (*kept.reached, *more.reached):
        known = latest.get(each.kind)
        if known is None or _rank(each) > _rank(known):
            latest[each.kind] = each
    numbers = [*kept.identifiers, *more.identifiers]
    if is_numbered:
        numbers.extend(_identifiers(Resource.FromString(other)))
        known_numbers = set(map(_number, _identifiers(Resource.FromString(content))))
        numbers = [each for each in numbers if _number(each) not in known_numbers]
    made = Milestones(reached=[latest[each] for each in sorted(latest)], aside=kept.aside)
    distinct = {_number(each): each for each in sorted(numbers, key=_bytes, reverse=True)}
    made.identifiers.extend(sorted(distinct.values(), key=_bytes))
    return made.SerializeToString()


@functools.lru_cache(maxsize=4096)
def shown(content: bytes, milestones: bytes) -> bytes:
    """A canonical Resource as the record shows it. Remembered: what stands is told again and again."""
    if milestones == _ASIDE:
        return content
    resource, kept = Resource.FromString(content), Milestones.FromString(milestones)
    reached = {each.kind: each for each in kept.reached}
    kind = resource.WhichOneof("content")
    if kind == "encounter":
        _show_stay(resource.encounter, reached)
    elif kind == "service_request" and _SETTLED in reached:
        resource.service_request.status = reached[_SETTLED].value
    if kind in _NUMBERED_CONTENT:
        known = set(map(_number, _identifiers(resource)))
        content_of: Any = getattr(resource, kind)
        content_of.identifiers.extend(
            each for each in kept.identifiers if _number(each) not in known
        )
    return resource.SerializeToString()


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


def _rank(milestone: Milestone) -> tuple[int, int, str, int]:
    return age(milestone.time), milestone.receipt, milestone.message_id, milestone.attempt


def _identifiers(resource: Resource) -> Iterable[Identifier]:
    kind = resource.WhichOneof("content")
    if kind not in _NUMBERED_CONTENT:
        return ()
    content: Any = getattr(resource, kind)
    found: Iterable[Identifier] = content.identifiers
    return found


def _number(identifier: Identifier) -> tuple[str, str, str]:
    authority = identifier.authority
    named_by = authority.namespace or authority.universal_id
    return identifier.type_code, named_by.casefold(), identifier.value


def _bytes(identifier: Identifier) -> bytes:
    return identifier.SerializeToString()
