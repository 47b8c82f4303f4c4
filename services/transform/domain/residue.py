"""What nobody read: every populated leaf of a message that no claim covers.

The places are those of `plexus.codecs.hl7v2.leaves`, so that claims and residue together can be
held against it. Claims are held against the text as it was split; a place is spelled only for what
is left over.
"""

from collections.abc import Mapping, Sequence

from plexus.codecs.hl7v2 import Message
from plexus.codecs.hl7v2.message import HEADERS
from services.transform.domain.claims import Claims, first, whole

__all__ = ["unclaimed"]

_BEHIND_SEPARATORS = 3
_FIRST_LEAF = whole(1) | first(1)
_ONLY_LEAF = [f"-{field}[1].1.1" for field in range(200)]
"""How the place of a field with one leaf ends."""


def unclaimed(
    message: Message, taken: Sequence[Claims], further: Mapping[tuple[int, int], Claims]
) -> list[tuple[str, str]]:
    """Give location and value of the leaves that the claims leave over, in order.

    Args:
        message: whose leaves.
        taken: claims of the first repetitions by position of the segment.
        further: claims of the others by position and repetition, which counts from 0.
    """
    left: list[tuple[str, str]] = []
    separators = message.separators
    between, within, below = separators.repetition, separators.component, separators.subcomponent
    mark = separators.escape
    spelled = len(_ONLY_LEAF)
    for segment, claims in zip(message.segments, taken, strict=True):
        name = f"{segment.name}[{segment.index}]"
        fields = segment.fields()
        # What the segment has nowhere need not be looked for in each field.
        written = segment.text
        repeats = between if between and between in written else ""
        nests = below if below and below in written else ""
        decode = segment.decode if mark and mark in written else None
        head, start = fields[0], 1
        if head != segment.name:
            left.append((f"{name}-0", head[len(segment.name) :]))
        if segment.name in HEADERS:
            start = _BEHIND_SEPARATORS
        for field, text in enumerate(fields):
            if not text:
                continue
            mask = claims[field]
            if mask < 0 and not (repeats and repeats in text):
                continue
            if field < start:
                continue
            if repeats and repeats in text:
                values = text.split(repeats)
            elif text.isalnum() and field < spelled:
                # One leaf, read or not.
                if not mask & _FIRST_LEAF:
                    left.append((name + _ONLY_LEAF[field], text))
                continue
            else:
                values = [text]
            for repetition, value in enumerate(values, 1):
                if repetition > 1:
                    row = further.get((segment.position, repetition - 1))
                    mask = row[field] if row else 0
                if mask >= 0 and value:
                    n = 0
                    for part in value.split(within) if within else (value,):
                        n += 1
                        mask >>= 2
                        # Bit 1: read whole; bit 2: its first subcomponent has been read.
                        if not part or mask & 1:
                            continue
                        if nests and nests in part:
                            for m, piece in enumerate(part.split(nests), 1):
                                if piece and not (m == 1 and mask & 2):
                                    place = f"{name}-{field}[{repetition}].{n}.{m}"
                                    left.append((place, decode(piece) if decode else piece))
                        elif not mask & 2:
                            place = f"{name}-{field}[{repetition}].{n}.1"
                            left.append((place, decode(part) if decode else part))
    return left
