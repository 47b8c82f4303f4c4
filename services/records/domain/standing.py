"""How far a version has come: what is settled is never undone by what is not.

A result goes from preliminary to final and from there to corrected, cancelled or withdrawn, never
back (HL7 v2.5.1 tables 0085 and 0123). A preliminary word that is dated after the final one is a resend or
a second channel that lags behind. So a settled version wins over an open one whatever their times;
among settled ones, and among open ones, the later wins. Both are comparisons of two versions alone,
so the record does not depend on the order of arrival.
"""

import functools
from typing import Final

from plexus.api.canonical.v1.resources_pb2 import Resource

__all__ = ["standing_of"]

OPEN: Final = 0
SETTLED: Final = 1

_SETTLED_RESULT: Final = frozenset(
    {"final", "amended", "corrected", "appended", "cancelled", "entered-in-error"}
)


@functools.lru_cache(maxsize=4096)
def standing_of(content: bytes) -> int:
    """How far a canonical Resource has come; the further one wins. 0 where its type knows no such thing.

    Remembered: what stands is compared with each message about it.
    """
    resource = Resource.FromString(content)
    if resource.deleted:
        return SETTLED
    kind = resource.WhichOneof("content")
    if kind == "observation":
        return _result(resource.observation.status)
    if kind == "diagnostic_report":
        return _result(resource.diagnostic_report.status)
    return OPEN


def _result(status: str) -> int:
    return SETTLED if status in _SETTLED_RESULT else OPEN
