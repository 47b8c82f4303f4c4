"""What orders a person's messages: the number that a PID names first, under who assigned it.

Ingest orders what it takes in by it, and transform the parts of a message about several persons, so that
both agree on which messages are of one person.
"""

from plexus.codecs.hl7v2.message import Segment
from plexus.codecs.hl7v2.value import NULL

__all__ = ["ordering_name"]


def ordering_name(patient: Segment | None, source: str) -> tuple[str, ...]:
    """The words of an ordering key, see `plexus.ids.KeyDigest`.

    Args:
        patient: a PID segment; None where there is none.
        source: of the message. It stands for the authority where the number names none, and for the
            person where there is no number.
    """
    if patient is not None:
        for field in (3, 2, 4):
            for value in patient.repetitions(field):
                local_id = value.get(1)
                if local_id and local_id != NULL:
                    authority = value.get(4, 2) or value.get(4, 1) or f"source:{source}"
                    return "patient", authority.casefold(), local_id
    return "source", source
