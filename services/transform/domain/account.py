"""The account of each source: how many leaves went which way, and which fields nobody maps.

It must cost next to nothing. So leaves are counted of one message in eight of a source, which tells shares
as well; and a place that was seen before costs one look into a set. A field is news once: for its source
and type of message, whatever the repetition and component.
"""

import re
from typing import NamedTuple

from plexus.codecs.hl7v2.groups.table import segment_names
from services.transform.domain.convert import Conversion
from services.transform.domain.coverage import coverage_of

__all__ = ["Account", "Accounts", "UnmappedField"]

_LOCAL = re.compile(r"Z[A-Z0-9]{2}", re.ASCII)
_ONE_IN = 8
_MOST_PLACES = 5_000
_MOST_NEWS = 5_000
_MOST_TOLD = 100_000


class UnmappedField(NamedTuple):
    """A field that came and that nobody maps.

    Attributes:
        tenant, source: who sends it.
        trigger: type of the message, as ADT^A01.
        place: segment and field, as PID-18; of a segment that is neither HL7's nor local: other.
        message_id: the first message seen with it.
    """

    tenant: str
    source: str
    trigger: str
    place: str
    message_id: str


class Account:
    """Numbers of leaves of one source, in one message of eight."""

    __slots__ = ("dropped", "mapped", "residue")

    def __init__(self) -> None:
        """Begin at none."""
        self.mapped = self.dropped = self.residue = 0


class Accounts:
    """The accounts of all sources."""

    def __init__(self) -> None:
        """Begin with none."""
        self._accounts: dict[tuple[str, str], Account] = {}
        self._messages: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str, str], set[str]] = {}
        self._told: set[tuple[str, str, str, str]] = set()
        self._news: list[UnmappedField] = []

    def add(self, tenant: str, source: str, message_id: str, conversion: Conversion) -> None:
        """Count a message."""
        draft = conversion.draft
        number = self._messages.get((tenant, source), 0)
        self._messages[tenant, source] = number + 1
        if number % _ONE_IN == 0:
            self._count(tenant, source, conversion)
        trigger = draft.event.trigger
        seen = self._seen.get((tenant, source, trigger))
        if seen is None:
            seen = self._seen[tenant, source, trigger] = set()
        for location in [location for location, _ in draft.left if location not in seen]:
            if len(seen) >= _MOST_PLACES:
                seen.clear()
            seen.add(location)
            self._meet(UnmappedField(tenant, source, trigger, _place(location), message_id))

    def _count(self, tenant: str, source: str, conversion: Conversion) -> None:
        account = self._accounts.get((tenant, source))
        if account is None:
            account = self._accounts[tenant, source] = Account()
        mapped, dropped, residue = coverage_of(conversion.message, conversion.draft)
        account.mapped += mapped
        account.dropped += dropped
        account.residue += residue

    def _meet(self, field: UnmappedField) -> None:
        at = field[:4]
        if at not in self._told and len(self._news) < _MOST_NEWS:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told.add(at)
            self._news.append(field)

    def drain(self) -> tuple[dict[tuple[str, str], Account], list[UnmappedField]]:
        """What was counted by source, and the fields that are news. Counting begins anew."""
        accounts, self._accounts = self._accounts, {}
        news, self._news = self._news, []
        return accounts, news


def _place(location: str) -> str:
    """The field of a leaf. Text that was torn may stand where names do, so only names are repeated."""
    head, _, rest = location.partition("]-")
    name = head.partition("[")[0]
    is_local = _LOCAL.fullmatch(name) is not None
    if not is_local and name not in segment_names():
        return "other"
    return f"{name}-{rest.partition('[')[0]}"
