"""What nobody read: every populated leaf of a message that no claim covers.

The places are those of `plexus.codecs.hl7v2.leaves`, so that claims and residue together can be
held against it. Claims are held against the text as it was split; a place is spelled only for what
is left over.
"""

from collections.abc import Sequence

from plexus.codecs.hl7v2 import Message
from services.transform.domain.claims import ALL, FIELD_SHIFT, Claims, first, whole

__all__ = ["unclaimed"]

_SEPARATORS_OF_MSH = 3
_FIRST_LEAF = whole(1) | first(1)


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
        written = segment.text
        repeats = between if between and between in written else ""
        nests = below if below and below in written else ""
        decode = segment.decode if mark and mark in written else None
        start = _SEPARATORS_OF_MSH if segment.name == "MSH" else 1
        for field, text in enumerate(fields[start:], start):
            if not text:
                continue
            mask = claims.get(field << FIELD_SHIFT | 1, 0)
            if repeats and repeats in text:
                values = text.split(repeats)
            elif mask == ALL:
                continue
            elif text.isalnum():
                # One leaf, read or not.
                if not mask & _FIRST_LEAF:
                    left.append((f"{name}-{field}[1].1.1", text))
                continue
            else:
                values = [text]
            repetition = 1
            for value in values:
                if mask != ALL and value:
                    n = 0
                    for part in value.split(within) if within else (value,):
                        n += 1
                        # State 1: read whole; state 2: its first subcomponent has been read.
                        if not part or (state := mask >> n + n & 3) & 1:
                            continue
                        if nests and nests in part:
                            for m, piece in enumerate(part.split(nests), 1):
                                if piece and not (m == 1 and state):
                                    place = f"{name}-{field}[{repetition}].{n}.{m}"
                                    left.append((place, decode(piece) if decode else piece))
                        elif not state:
                            place = f"{name}-{field}[{repetition}].{n}.1"
                            left.append((place, decode(part) if decode else part))
                repetition += 1
                mask = claims.get(field << FIELD_SHIFT | repetition, 0)
    return left
