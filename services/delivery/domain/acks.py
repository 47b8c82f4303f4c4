"""What an HL7 v2 acknowledgement means for a message: done, try later, or never.

HL7 v2.5.1 table 0008: A answers of the application, C of the receipt alone (2.9.2.2); table 0357 says what was wrong.
An error code tells more than AE or AR: receivers use these two as they like.
"""

from typing import Final, Literal

from plexus.codecs.hl7v2 import Ack
from plexus.errors import PlexusError, Refused, Unavailable

__all__ = ["OnError", "judge_ack"]

OnError = Literal["park", "retry"]
"""What to do where an error has no code that says whether it is worth trying again."""

_ACCEPTED: Final = frozenset({"AA", "CA"})
# Record locked, and what a receiver cannot do now: nothing is wrong with the message.
_FOR_NOW: Final = frozenset({"206", "207"})
# The message itself: segments, fields, types, tables, versions, keys that are not there.
_FOR_GOOD: Final = frozenset(
    {"100", "101", "102", "103", "104", "200", "201", "202", "203", "204", "205"}
)


def judge_ack(ack: Ack, on_error: OnError = "park") -> PlexusError | None:
    """The error that an answer stands for; None for success.

    Its words are the answer's code and the codes and places of its ERR segments, which hold no data.
    """
    if ack.code in _ACCEPTED:
        return None
    told = f" ({'; '.join(ack.errors[:5])})" if ack.errors else ""
    codes = {error.partition(" ")[0] for error in ack.errors}
    is_for_now = bool(codes & _FOR_NOW) or (on_error == "retry" and ack.code in {"AE", "CE"})
    if is_for_now and not codes & _FOR_GOOD:
        return Unavailable(f"the destination answers {ack.code}{told}")
    return Refused(f"the destination answers {ack.code}{told}")
