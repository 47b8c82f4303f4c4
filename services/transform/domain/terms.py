"""What the datatype functions may ask: the zone of times, the authority of identifiers.

The same for all messages of a source, so what they make of a text can be kept (see `citations`).
`Draft` is such terms too, and has the message beside them.
"""

from zoneinfo import ZoneInfo

from plexus.api.canonical.v1.datatypes_pb2 import Authority
from services.transform.domain.times import date_time

__all__ = ["NO_TERMS", "Assigner", "Terms"]

Assigner = tuple[str, str, str]
"""Namespace, universal id and its type."""


class Terms:
    """The terms of a source.

    Attributes:
        pending: the reason for which a datatype function could not map a value; 0 if there is none.
    """

    __slots__ = ("_assigner", "_zone", "pending")

    def __init__(self, assigner: Assigner, zone: ZoneInfo | None) -> None:
        """Say whose identifiers are those that name nobody, and where times without a zone are."""
        self._assigner = assigner
        self._zone = zone
        self.pending: int = 0

    def time(self, text: str) -> str:
        """FHIR dateTime text; "" where the text is no time."""
        return date_time(text, self._zone)

    def assign(self, authority: Authority) -> None:
        """Make it the authority of the source, unless it has a namespace."""
        if not authority.namespace:
            namespace, universal_id, kind = self._assigner
            if namespace:
                authority.namespace = namespace
            if universal_id:
                authority.universal_id = universal_id
                authority.universal_id_type = kind


NO_TERMS = Terms(("", "", ""), None)
"""For functions that ask nothing of their terms."""
