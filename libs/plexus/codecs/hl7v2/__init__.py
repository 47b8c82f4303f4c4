"""HL7 v2 as bytes: a lazy reader that loses nothing, intake checks, acknowledgements.

`reader` finds the message in the bytes, `decoding` its characters, and `message` and `value` are
what they give; `leaves` lists all that is in it. `charsets` and `escapes` turn names and sequences
into text. `batch` cuts files apart. `conformance` says what makes a message refused at intake,
`acknowledge` answers it, and `answers` reads a peer's answer. What a field means is the business of
`services.transform`; framing is `plexus.codecs.mllp`. Section numbers cite HL7 v2.5.1 unless they
say otherwise.
"""

from plexus.codecs.hl7v2.acknowledge import (
    AckMode,
    ack_mode,
    acknowledge,
    answer_code,
    is_rejection,
)
from plexus.codecs.hl7v2.answers import Ack, read_ack
from plexus.codecs.hl7v2.batch import split_batch
from plexus.codecs.hl7v2.charsets import codec_of
from plexus.codecs.hl7v2.conformance import check
from plexus.codecs.hl7v2.escapes import Separators, escape, unescape
from plexus.codecs.hl7v2.leaves import Leaf, leaves
from plexus.codecs.hl7v2.message import Message, Segment
from plexus.codecs.hl7v2.reader import read
from plexus.codecs.hl7v2.value import NULL, Value

__all__ = [
    "NULL",
    "Ack",
    "AckMode",
    "Leaf",
    "Message",
    "Segment",
    "Separators",
    "Value",
    "ack_mode",
    "acknowledge",
    "answer_code",
    "check",
    "codec_of",
    "escape",
    "is_rejection",
    "leaves",
    "read",
    "read_ack",
    "split_batch",
    "unescape",
]
