"""Every populated place of a message, for the accounting that nothing was lost.

`services.transform` holds what it used of a message against these, and what is left becomes
residue. Locations are those that `plexus.codecs.hl7v2.acknowledge` writes as ERL.
"""

from collections.abc import Iterator
from typing import NamedTuple

from plexus.codecs.hl7v2.message import HEADERS, Message

__all__ = ["Leaf", "leaves"]


class Leaf(NamedTuple):
    """One populated place: "PID[1]-3[2].4.1" is segment[index]-field[repetition].component.sub."""

    location: str
    value: str


def leaves(message: Message) -> Iterator[Leaf]:
    """Give every populated leaf in the order written, HL7 nulls included.

    Together with their locations they hold all that the message says, so whoever counts what was
    used of them knows what was not.
    """
    separators = message.separators
    repetition, component, below = (
        separators.repetition,
        separators.component,
        separators.subcomponent,
    )
    for segment in message.segments:
        name = f"{segment.name}[{segment.index}]"
        for field, text in enumerate(segment.fields()):
            if not field:
                if text != segment.name:
                    yield Leaf(f"{name}-0", text[len(segment.name) :])
                continue
            if not text:
                continue
            if field < 3 and segment.name in HEADERS:
                yield Leaf(f"{name}-{field}[1].1.1", text)
                continue
            values = text.split(repetition) if repetition else [text]
            for nth, value in enumerate(values, 1):
                place = f"{name}-{field}[{nth}]"
                for n, part in enumerate(value.split(component) if component else [value], 1):
                    if below and below in part:
                        for m, piece in enumerate(part.split(below), 1):
                            if piece:
                                yield Leaf(f"{place}.{n}.{m}", segment.decode(piece))
                    elif part:
                        yield Leaf(f"{place}.{n}.1", segment.decode(part))
