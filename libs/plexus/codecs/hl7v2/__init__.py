"""HL7 v2 as bytes: a lazy reader that loses nothing, intake checks, acknowledgements.

`reader` finds the message in the bytes, `decoding` its characters, and `message` and `value` are
what they give; `leaves` lists all that is in it, `spans` finds it in the bytes, and `groups` tells
what belongs together. `charsets` and `escapes` turn names and sequences into text. `batch` cuts
files apart. `ordering` names whose messages are in order. `conformance` says what makes a message refused at intake, `writing` writes segments,
`acknowledge` answers a message, and `answers` reads a peer's answer. What a field means is the
business of `services.transform`; framing is `plexus.codecs.mllp`. Section numbers cite HL7 v2.5.1
unless they say otherwise.
"""

from plexus.codecs.hl7v2.acknowledge import (
    AckMode,
    ack_mode,
    acknowledge,
    answer_code,
    is_rejection,
)
from plexus.codecs.hl7v2.answers import Ack, read_ack
from plexus.codecs.hl7v2.batch import (
    Batch,
    acknowledge_batch,
    is_batch,
    read_batch,
    split_batch,
)
from plexus.codecs.hl7v2.charsets import codec_of
from plexus.codecs.hl7v2.conformance import check
from plexus.codecs.hl7v2.escapes import Separators, escape, unescape
from plexus.codecs.hl7v2.leaves import Leaf, leaves
from plexus.codecs.hl7v2.message import Message, Segment
from plexus.codecs.hl7v2.ordering import ordering_name
from plexus.codecs.hl7v2.reader import read
from plexus.codecs.hl7v2.spans import locate
from plexus.codecs.hl7v2.value import NULL, Value
from plexus.codecs.hl7v2.writing import SegmentWriter

__all__ = [
    "NULL",
    "Ack",
    "AckMode",
    "Batch",
    "Leaf",
    "Message",
    "Segment",
    "SegmentWriter",
    "Separators",
    "Value",
    "ack_mode",
    "acknowledge",
    "acknowledge_batch",
    "answer_code",
    "check",
    "codec_of",
    "escape",
    "is_batch",
    "is_rejection",
    "leaves",
    "locate",
    "ordering_name",
    "read",
    "read_ack",
    "read_batch",
    "split_batch",
    "unescape",
]
