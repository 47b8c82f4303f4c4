"""How far a version has come: what is settled is never undone by what is not.

A result goes from preliminary to final and from there to corrected, cancelled or withdrawn, never
back (HL7 v2.5.1 tables 0085 and 0123). A preliminary word that is dated after the final one is a resend or
a second channel that lags behind. So a settled version wins over an open one whatever their times;
among settled ones, and among open ones, the later wins. Likewise what a message is about wins over
what it mentions: a result names its order and the stay in passing, and knows less of both than who
placed the order and who admitted. All are comparisons of two versions alone, so the record does not
depend on the order of arrival.
"""

import functools
from typing import Final

from plexus.api.canonical.v1.resources_pb2 import Resource
from services.records.domain.milestones import is_aside

__all__ = ["RANKED", "SETTLED", "standing_of"]

RANKED: Final = frozenset({"DiagnosticReport", "Encounter", "Observation", "ServiceRequest"})
"""Canonical types of which a version may be further than another one."""

MENTIONED: Final = -1
OPEN: Final = 0
SETTLED: Final = 1
"""The most that a version can be."""

_SETTLED_RESULT: Final = frozenset(
    {"final", "amended", "corrected", "appended", "cancelled", "entered-in-error"}
)


@functools.lru_cache(maxsize=4096)
def standing_of(content: bytes, milestones: bytes) -> int:
    """How far a canonical Resource has come; OPEN where its type knows no such thing.

    Remembered: what stands is compared with each message about it.
    """
    if is_aside(milestones):
        return MENTIONED
    resource = Resource.FromString(content)
    kind = resource.WhichOneof("content")
    if kind == "observation":
        status = resource.observation.status
    elif kind == "diagnostic_report":
        status = resource.diagnostic_report.status
    else:
        return OPEN
    return SETTLED if status in _SETTLED_RESULT or resource.deleted else OPEN
