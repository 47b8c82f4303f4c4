"""The conservation report, kept up with each change of a standing: it is read, never counted.

What a batch changes is summed up and written last, so that replicas wait for each other's counts no
longer than a commit takes.
"""

import collections

from plexus.store import Connection
from services.audit.domain import LegState, LegTally, Tally
from services.audit.store.packing import Row

__all__ = ["Changes", "read_tallies"]


class Changes:
    """By how much a transaction changes each count."""

    def __init__(self) -> None:
        self._messages: collections.Counter[tuple[str, str, int, int]] = collections.Counter()
        self._legs: collections.Counter[tuple[str, str, int]] = collections.Counter()

    def add(
        self,
        before: Row | None,
        states: dict[str, LegState],
        after: Row,
        towards: dict[str, LegState],
    ) -> None:
        """Count a message where it stands now, and no longer where it stood.

        Args:
            before: its row until now; None for a message that is new.
            states: how it stood towards destinations until now.
            after: its row from now on.
            towards: how it stands towards destinations from now on.
        """
        _, tenant, feed, _, _, disposition, reason, _ = after
        self._messages[tenant, feed, disposition, reason] += 1
        if before is None:
            for destination, now in towards.items():
                self._legs[tenant, destination, now] += 1
            return
        self._messages[before[1], before[2], before[5], before[6]] -= 1
        for destination, now in towards.items():
            state = states.get(destination)
            if state == now and before[1] == tenant:
                continue
            self._legs[tenant, destination, now] += 1
            if state is not None:
                self._legs[before[1], destination, state] -= 1

    async def write(self, connection: Connection) -> None:
        """Apply the changes, in one order for all replicas."""
        messages = sorted((*key, change) for key, change in self._messages.items() if change)
        if messages:
            await connection.execute(
                "INSERT INTO tally SELECT * FROM unnest($1::tally[])"
                " ON CONFLICT (tenant, feed, disposition, reason)"
                " DO UPDATE SET messages = tally.messages + excluded.messages",
                messages,
            )
        legs = sorted((*key, change) for key, change in self._legs.items() if change)
        if legs:
            await connection.execute(
                "INSERT INTO leg_tally SELECT * FROM unnest($1::leg_tally[])"
                " ON CONFLICT (tenant, destination, state)"
                " DO UPDATE SET messages = leg_tally.messages + excluded.messages",
                legs,
            )


async def read_tallies(connection: Connection, tenant: str) -> tuple[list[Tally], list[LegTally]]:
    """What there is of messages and of legs; of all tenants where empty.

    The transaction has to see both at one instant.
    """
    messages = await connection.fetch(
        "SELECT tenant, feed, disposition, reason, messages FROM tally"
        " WHERE messages <> 0 AND ($1 = '' OR tenant = $1)",
        tenant,
    )
    legs = await connection.fetch(
        "SELECT tenant, destination, state, messages FROM leg_tally"
        " WHERE messages <> 0 AND ($1 = '' OR tenant = $1)",
        tenant,
    )
    return (
        [Tally(**dict(row)) for row in messages],
        [LegTally(**{**dict(row), "state": LegState(row["state"])}) for row in legs],
    )
