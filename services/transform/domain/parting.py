"""Messages about several persons: what is whose.

Where HL7 lets a message repeat what it says of a person (the patients of results, HL7 v2.5.1 7.3.1; the pairs of
merges, 3.3.39 to 3.3.44; the two of a swap, 3.3.17), the message is taken apart: each part has what stands
for all, and what stands with its person. A part is converted as if it had been sent alone. Nothing is guessed:
where it is not plain whose a segment is, the message stays whole, and is refused as one about several.
"""

from typing import Final

from plexus.codecs.hl7v2 import Message, Segment
from plexus.codecs.hl7v2.groups import Group, Kind, group
from plexus.errors import InvalidMessage, Reason
from services.transform.domain.compiling import CompiledStructure

__all__ = ["divide"]

_PATIENT: Final = "PID"
_MOST_PARTS: Final = 500
_SHARED: Final = -1
"""The block of what stands for all persons."""


def divide(message: Message, compiled: CompiledStructure) -> list[Message]:
    """The parts of a message, each about one person, in its order; the message itself where it is about one.

    Each pair of a merge is a part of its own, even where several have the same survivor.

    Raises:
        InvalidMessage: REASON_TOO_LARGE if there are more than can be followed.
    """
    structure = compiled.structure
    patients = message.all(_PATIENT)
    if len(patients) < 2 or not structure.is_about_each:
        return [message]
    is_paired = structure.is_paired
    if not is_paired and len({_who(patient) for patient in patients}) == 1:
        return [message]
    root = group(message, compiled.grammar).root
    owners = _by_group(root) if _repeats(root) else _by_place(message, root.kind)
    if owners is None:
        return [message]
    blocks: dict[object, set[int]] = {}
    for patient in patients:
        block = owners[patient.position]
        name = block if is_paired else _who(patient)
        blocks.setdefault(name, set()).add(block)
    if len(blocks) > _MOST_PARTS:
        raise InvalidMessage(
            f"The message is about more than {_MOST_PARTS} persons.",
            reason=Reason.REASON_TOO_LARGE,
            location=f"PID[{_MOST_PARTS + 1}]",
        )
    return [
        message.only([
            segment
            for segment in message.segments
            if owners.get(segment.position, _SHARED) in own
        ])
        for own in ({*found, _SHARED} for found in blocks.values())
    ]  # fmt: skip


def _who(patient: Segment) -> str:
    """Tells one person of a message from another: the identifiers as written."""
    return patient.raw(3) or patient.raw(2) or patient.raw(4)


def _repeats(root: Group) -> bool:
    return any(_PATIENT in child.kind.names for child in root.children)


def _by_group(root: Group) -> dict[int, int] | None:
    """Which group each segment is in, by position; without those that stand for all. None if that is not plain."""
    kinds = {id(child.kind) for child in root.children if _PATIENT in child.kind.names}
    owners: dict[int, int] = {}
    if any(segment.name == _PATIENT for segment in root.segments):
        return None
    for number, child in enumerate(root.children):
        if id(child.kind) not in kinds:
            continue
        own = list(child.walk())
        # A group without a person, or with two, could be anybody's.
        if len({_who(each) for each in own if each.name == _PATIENT}) != 1:
            return None
        owners.update((segment.position, number) for segment in own)
    return owners


def _by_place(message: Message, kind: Kind) -> dict[int, int] | None:
    """Likewise where no group holds a person, but HL7 names the segment more than once (ADT_A17)."""
    foreseen = sum(not isinstance(each, Kind) and _PATIENT in each.names for each in kind.items)
    patients = message.all(_PATIENT)
    if len(patients) > foreseen:
        return None
    owners: dict[int, int] = {}
    for number, patient in enumerate(patients):
        end = patients[number + 1].position if number + 1 < len(patients) else None
        for segment in message.segments[patient.position : end]:
            owners[segment.position] = number
    return owners
