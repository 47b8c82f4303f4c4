"""Segments: whether those that must come have come, and whether each stands where it may."""

from collections.abc import Iterator
from typing import Literal

from plexus.codecs.hl7v2 import Message
from plexus.codecs.hl7v2.groups import Group, grammar_of, group, structure_of
from plexus.codecs.hl7v2.groups.table import Kind

__all__ = ["structure_findings"]

_Found = tuple[str, Literal["error", "warning", "note"], str, str]


def structure_findings(message: Message, version: str) -> Iterator[_Found]:
    """Give place, level, rule and text of what the structure of the event does not allow."""
    name = structure_of(message.code, message.trigger, version, message.structure)
    grammar = grammar_of(name, version)
    if not name or grammar is None:
        text = "HL7 has no structure for this event; segments and their order were not checked."
        yield "MSH-9", "warning", "structure", text
        return
    if message.structure and message.structure != name:
        text = f"The structure of this event is {name} in version {version}."
        yield "MSH-9", "warning", "structure", text
    tree = group(message, grammar)
    for segment, owner in zip(message.segments, tree.owners, strict=True):
        place = f"{segment.name}[{segment.index}]"
        if segment.name in owner.kind.direct or segment.name.startswith("Z"):
            continue
        if segment.name in grammar.root.names:
            yield place, "error", "order", f"{segment.name} may not stand here in {name}."
        else:
            yield place, "error", "segment", f"{name} of version {version} has no {segment.name}."
    yield from _missing(tree.root, name)


def _missing(found: Group, where: str) -> Iterator[_Found]:
    first = found.segments[0] if found.segments else next(found.walk())
    place = f"{first.name}[{first.index}]"
    for item in found.kind.items:
        names = [item.name] if isinstance(item, Kind) else sorted(item.names)
        if item.low and not found.seen & item.bit:
            text = f"{' or '.join(names)} is missing in {where}."
            yield place, "error", "missing", text
        elif not item.many and not isinstance(item, Kind):
            foreseen = [other for other in found.kind.items if not isinstance(other, Kind)]
            allowed = sum(names[0] in other.names for other in foreseen)
            again = [one for one in found.segments if one.name in names][allowed:]
            if again and not any(o.many and names[0] in o.names for o in foreseen):
                text = f"{names[0]} comes {len(again) + allowed} times in {where}; {allowed} is allowed."
                yield f"{again[0].name}[{again[0].index}]", "error", "often", text
    for child in found.children:
        yield from _missing(child, child.name)
