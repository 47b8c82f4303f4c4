"""What nobody read: every populated leaf of a message that no claim covers.

The places are those of `plexus.codecs.hl7v2.leaves`, so that claims and residue together can be
held against it.
"""

from collections.abc import Iterator, Mapping

from plexus.codecs.hl7v2 import Leaf, Message
from services.transform.domain.claims import ALL, FIELD_SHIFT, POSITION_SHIFT

__all__ = ["unclaimed"]

_SEPARATORS_OF_MSH = 3


def unclaimed(message: Message, taken: Mapping[int, int]) -> Iterator[Leaf]:
    """Give the leaves that `taken` (claims by place, see `claims`) leaves over, in order."""
    separators = message.separators
    between, within, below = separators.repetition, separators.component, separators.subcomponent
    for position, segment in enumerate(message.segments):
        name = f"{segment.name}[{segment.index}]"
        fields = segment.fields()
        if fields[0] != segment.name:
            yield Leaf(f"{name}-0", fields[0][len(segment.name) :])
        base = position << POSITION_SHIFT
        start = _SEPARATORS_OF_MSH if segment.name == "MSH" else 1
        for field in range(start, len(fields)):
            text = fields[field]
            if not text:
                continue
            at = base | field << FIELD_SHIFT
            values = text.split(between) if between and between in text else [text]
            for repetition, value in enumerate(values, 1):
                mask = taken.get(at | repetition, 0)
                if mask == ALL or not value:
                    continue
                parts = value.split(within) if within and within in value else [value]
                for n, part in enumerate(parts, 1):
                    state = (mask >> (2 * n)) & 3
                    if not part or state & 1:
                        continue
                    place = f"{name}-{field}[{repetition}].{n}"
                    if below and below in part:
                        for m, piece in enumerate(part.split(below), 1):
                            # State 2 says that the first subcomponent has been read.
                            if piece and not (state and m == 1):
                                yield Leaf(f"{place}.{m}", segment.decode(piece))
                    elif not state:
                        yield Leaf(f"{place}.1", segment.decode(part))
