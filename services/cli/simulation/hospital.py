"""The simulator: messages in the order of their delivery, and the truth about them.

Pure: no file, no socket, no clock. The same arguments give the same bytes and the same truth. Nothing
is kept but the persons, what is open, and what is late.
"""

import dataclasses
import datetime
import itertools
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from services.cli.simulation.agenda import DAY, moment
from services.cli.simulation.dirt import Dirt, Soiled
from services.cli.simulation.lives import Lives
from services.cli.simulation.systems import SYSTEMS
from services.cli.simulation.world import Fact, World

__all__ = ["FIRST_DAY", "Hospital", "Simulated"]

FIRST_DAY: Final = datetime.datetime(2026, 3, 1, 23, tzinfo=datetime.UTC)
"""Midnight of Monday, 2 March 2026, where the hospital stands."""

_MOST_ARRIVE_WITHIN_DAYS: Final = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Simulated:
    """A message as it is delivered.

    Attributes:
        number: from 1, in the order of delivery over all systems.
        at: when it is delivered, in simulated time.
        system: name of the sending system.
        kind: what it is in truth, such as "ADT^A01", whatever its bytes say.
        control_id: MSH-10; empty where the bytes have none that can be read.
        content: the bytes, without framing.
        person: key of the person; messages of one person are to keep their order.
        truth: its line of the truth.
    """

    number: int
    at: datetime.datetime
    system: str
    kind: str
    control_id: str
    content: bytes
    person: str
    truth: Fact


class Hospital:
    """An iterable of messages; can be iterated once."""

    def __init__(
        self,
        seed: int | str,
        *,
        patients: int = 200,
        days: float | None = 3.0,
        count: int | None = None,
        dirt: Mapping[str, float] | None = None,
        systems: AbstractSet[str] = frozenset(SYSTEMS),
        begins: datetime.datetime = FIRST_DAY,
        tell: Callable[[Fact], None] = lambda _: None,
    ) -> None:
        """Invent the persons.

        Args:
            seed: of everything.
            patients: how many persons come; children that are born are more.
            days: how long the hospital is watched; None goes on until `count`.
            count: messages at most.
            dirt: share of messages by kind of dirt; see `dirt.KINDS`.
            systems: whose messages are wanted; the others happen all the same.
            begins: first moment.
            tell: takes the truth, a line at a time: of each message as it is delivered, of orders
                and encounters when they are over, and at the end of what is still open and of all
                persons. Only a run to the end tells all.

        Raises:
            ValueError: neither `days` nor `count`, or no patients, or an unknown system or dirt.
        """
        if days is None and count is None:
            raise ValueError("days or count must say when the simulation ends")
        if patients < 1:
            raise ValueError("a hospital without patients sends nothing")
        if not systems or not systems <= SYSTEMS.keys():
            raise ValueError(f"systems are {', '.join(SYSTEMS)}")
        first = begins.timestamp()
        self._ends = None if days is None else first + days * DAY
        self._count = count
        self._systems = systems
        self._tell = tell
        self._world = World(seed, first, tell)
        self._dirt = Dirt(seed, dirt or {})
        self._numbers = itertools.count(1)
        within_days = min(days or 3.0, _MOST_ARRIVE_WITHIN_DAYS)
        people = self._world.population.invent(patients)
        lives = Lives(self._world, comes_again_days=max(6.0, within_days / 2))
        lives.begin(people, within_days * DAY * 0.8)

    def __iter__(self) -> Iterator[Simulated]:
        """Give the messages, and tell the rest of the truth after the last one."""
        agenda, dirt = self._world.agenda, self._dirt
        made = 0
        while self._count is None or made < self._count:
            next_at = agenda.next_at
            if next_at is None or (self._ends is not None and next_at >= self._ends):
                break
            yield from map(self._deliver, dirt.due(next_at))
            draft = agenda.step()
            if draft is None or draft.system.name not in self._systems:
                continue
            room = None if self._count is None else self._count - made
            made += dirt.take(draft, room)
        yield from map(self._deliver, dirt.due(None))
        self._world.end()

    def _deliver(self, soiled: Soiled) -> Simulated:
        draft = soiled.draft
        number = next(self._numbers)
        at = moment(soiled.at)
        truth: Fact = {
            "kind": "message",
            "number": number,
            "at": at.isoformat(timespec="seconds"),
            "system": draft.system.name,
            "type": draft.kind,
            "control_id": soiled.control_id,
            **draft.truth,
            **soiled.truth,
        }
        self._tell(truth)
        return Simulated(
            number,
            at,
            draft.system.name,
            draft.kind,
            soiled.control_id,
            soiled.content,
            draft.person,
            truth,
        )
