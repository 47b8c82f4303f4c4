"""What nobody read: every populated leaf of a message that no claim covers.

The places are those of `plexus.codecs.hl7v2.leaves`, so that claims and residue together can be
held against it. Claims are held against the text as it was split; a place is spelled only for what
is left over.
"""

from collections.abc import Sequence

from plexus.codecs.hl7v2 import Message
from services.transform.domain.claims import ALL, FIELD_SHIFT, Claims

__all__ = ["unclaimed"]

_SEPARATORS_OF_MSH = 3


def unclaimed(message: Message, taken: Sequence[Claims]) -> list[tuple[str, str]]:
    """Give location and value of the leaves that the claims by segment leave over, in order."""
    left: list[tuple[str, str]] = []
    separators = message.separators
    between, within, below = separators.repetition, separators.component, separators.subcomponent
    mark = separators.escape
    for segment, claims in zip(message.segments, taken, strict=True):
        name = f"{segment.name}[{segment.index}]"
        fields = segment.fields()
        if fields[0] != segment.name:
            left.append((f"{name}-0", fields[0][len(segment.name) :]))
        # What the segment has nowhere need not be looked for in each field.
        whole = segment.text
        repeats = between if between and between in whole else ""
        nests = below if below and below in whole else ""
        decode = segment.decode if mark and mark in whole else str
        start = _SEPARATORS_OF_MSH if segment.name == "MSH" else 1
        for field, text in enumerate(fields[start:], start):
            if not text:
                continue
            at = field << FIELD_SHIFT
            values = text.split(repeats) if repeats and repeats in text else (text,)
            for repetition, value in enumerate(values, 1):
                mask = claims.get(at | repetition, 0)
                if mask == ALL or not value:
                    continue
                for n, part in enumerate(value.split(within) if within else (value,), 1):
                    mask >>= 2
                    # State 1: read whole; state 2: its first subcomponent has been read.
                    if not part or mask & 1:
                        continue
                    if nests and nests in part:
                        for m, piece in enumerate(part.split(nests), 1):
                            if piece and not (m == 1 and mask & 2):
                                place = f"{name}-{field}[{repetition}].{n}.{m}"
                                left.append((place, decode(piece)))
                    elif not mask & 2:
                        left.append((f"{name}-{field}[{repetition}].{n}.1", decode(part)))
    return left
