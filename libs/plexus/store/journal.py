"""What a journal of turn batches promises. Kept by `postgres` and `memory`, checked by tests/contract.

A turn batch commits, all or nothing: the service's own state, one entry per message (what was done
and what is to be published), and the mark up to which the input was worked off. The commit is fenced:
it fails where another owner has claimed the unit since. So a message is applied once, whoever crashes
when; and publishing what was committed may be repeated, since streams and stages know repeats.
"""

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from plexus.store.database import Connection

__all__ = ["Done", "Entry", "Journal", "Mark", "Transaction"]


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """How far a unit has got in its input stream.

    Attributes:
        incarnation: of the stream that `sequence` counts in.
        sequence: last message that was worked off.
        published: what came of messages up to here is known to be published.
    """

    incarnation: str = ""
    sequence: int = 0
    published: int = 0


class Done(NamedTuple):
    """What names a message within one stage: the same message may come as event and as adoption.

    Attributes:
        message_id: of the message.
        kind: of payload.
        key: under which it came.
        part: of a message about several persons, from 1; 0 where it is all of it.
    """

    message_id: str
    kind: int
    key: str
    part: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What was done with one message.

    Attributes:
        done: the message.
        attempt: its passage.
        unit: the shard it came through.
        sequence: its place in the input stream.
        outputs: envelopes to publish: stream and bytes, in order.
        custody: the custody entry, serialised; empty for none.
    """

    done: Done
    attempt: int
    unit: str
    sequence: int
    outputs: tuple[tuple[str, bytes], ...]
    custody: bytes


class Transaction(Protocol):
    """One turn batch on its way."""

    @property
    def connection(self) -> Connection:
        """For the service's own statements, within the same transaction."""

    @property
    def epochs(self) -> Mapping[str, int]:
        """The epoch of each unit. As long as one can commit, nobody else has written to its unit."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this once all is committed for certain; never where it is not, or may not be."""

    async def seen(self, messages: Collection[Done]) -> dict[Done, Entry]:
        """The entries of those messages that were worked off before."""

    async def commit(self, entries: Sequence[Entry], marks: Mapping[str, Mark]) -> None:
        """Add entries and set the marks of all units of this transaction.

        Raises:
            Fenced: another owner has claimed one of the units.
        """


class Journal(Protocol):
    """The journal of one stage."""

    async def claim(self, units: Collection[str]) -> dict[str, int]:
        """Become the only writer of some units. Returns the epoch of each, which only rises."""

    async def marks(self, units: Collection[str]) -> dict[str, Mark]:
        """The marks of some units."""

    async def unpublished(self, units: Collection[str], limit: int) -> list[Entry]:
        """Entries past the published mark, by sequence."""

    def transaction(
        self, epochs: Mapping[str, int]
    ) -> contextlib.AbstractAsyncContextManager[Transaction]:
        """Begin a batch on units with the epochs at which they were claimed.

        Leaving the block without `commit` undoes everything.
        """

    async def purge(self, before: datetime.datetime) -> int:
        """Forget entries older than `before` that are published; returns how many.

        What is forgotten can no longer be told apart from a new message, so keep entries longer
        than anything may be in flight.
        """
