"""Where a value lies in the original bytes, from a segment down to a subcomponent.

Nothing here is computed before somebody asks; a location is written as `leaves`, issues and ERL
write it, so whoever shows one can show the bytes too.
"""

import re

from plexus.codecs.hl7v2.escapes import Separators
from plexus.codecs.hl7v2.message import HEADERS, Message, Segment

__all__ = ["LOCATION", "locate", "span_of"]

LOCATION = re.compile(
    r"(?P<segment>[A-Za-z0-9]{3})(?:\[(?P<index>\d+)\])?"
    r"(?:-(?P<field>\d+)(?:\[(?P<repetition>\d+)\])?"
    r"(?:\.(?P<component>\d+)(?:\.(?P<subcomponent>\d+))?)?)?"
)
"""A place in a message, as issues, leaves and ERL name it: `PID[1]-3[2].4.1`, or less of it."""


def locate(message: Message, location: str) -> tuple[int, int] | None:
    """Byte offsets [start, end) of a location in the original content; None if it is no place in it.

    Args:
        message: as read.
        location: such as `PID`, `PID[1]-3`, `PID[1]-3[2].4.1`; parts that are left out are the
            first segment of the name, the whole field, all repetitions and so on.
    """
    found = LOCATION.fullmatch(location)
    if found is None:
        return None
    segments = message.all(found["segment"])
    index = int(found["index"] or 1)
    if not 0 < index <= len(segments):
        return None
    segment = segments[index - 1]
    if found["field"] is None:
        return segment.span()
    numbers = (
        int(found[name] or 0) for name in ("field", "repetition", "component", "subcomponent")
    )
    return span_of(segment, message.separators, *numbers)


def span_of(
    segment: Segment,
    separators: Separators,
    field: int,
    repetition: int = 0,
    component: int = 0,
    subcomponent: int = 0,
) -> tuple[int, int] | None:
    """Byte offsets [start, end) of a part of a field; None if the message has no such part.

    A number of 0 means all: all repetitions, all components of it, all subcomponents. A component
    without a repetition is one of the first. Field 0 is the name of the segment.
    """
    fields = segment.fields()
    if not 0 <= field < len(fields):
        return None
    text = fields[field]
    start, end = 0, len(text)
    if field < 3 and segment.name in HEADERS:
        if max(repetition, component, subcomponent) > 1:
            return None
        return segment.span(field)
    if component and not repetition:
        repetition = 1
    if subcomponent and not component:
        repetition, component = repetition or 1, 1
    for number, separator in (
        (repetition, separators.repetition),
        (component, separators.component),
        (subcomponent, separators.subcomponent),
    ):
        if not number:
            break
        part = _part(text, start, end, separator, number)
        if part is None:
            return None
        start, end = part
    return segment.span(field, start, end)


def _part(text: str, start: int, end: int, separator: str, number: int) -> tuple[int, int] | None:
    """The part of that number between `start` and `end`."""
    for _ in range(number - 1):
        at = text.find(separator, start, end) if separator else -1
        if at < 0:
            return None
        start = at + 1
    at = text.find(separator, start, end) if separator else -1
    return start, end if at < 0 else at
