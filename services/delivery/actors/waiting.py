"""What waits for one destination, as far as it is in memory. Neighbour: `destination`.

The store decides what waits. Messages are loaded ahead without their events; the events of those that
were routed a moment ago are still at hand, those of others are read when their turn has come.
"""

import collections
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plexus.ids import part_name
from services.delivery.store import Item, ItemStore, NewItem

__all__ = ["EventsAtHand", "Waiting"]

_PAGE: Final = 500
_RESCAN_SECONDS: Final = 5.0
_MOST_BYTES: Final = 16 * 1024 * 1024


class EventsAtHand:
    """The events that were routed last to one destination, by name and passage.

    A copy, nothing more: what is not here is in the store, and what was never committed is never
    asked for.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._events: collections.OrderedDict[tuple[str, int], bytes] = collections.OrderedDict()

    def keep(self, name: str, attempt: int, event: bytes) -> None:
        """Keep an event; the oldest ones give way. The first of a passage stays, as in the store."""
        if (name, attempt) in self._events:
            return
        self._events[name, attempt] = event
        self._bytes += len(event)
        while self._bytes > self._most_bytes:
            _, oldest = self._events.popitem(last=False)
            self._bytes -= len(oldest)

    def get(self, name: str, attempt: int) -> bytes | None:
        """The event of a message's passage, if it is here."""
        return self._events.get((name, attempt))

    def drop(self, name: str, attempt: int) -> None:
        """It is not needed any more."""
        self._bytes -= len(self._events.pop((name, attempt), b""))

    def clear(self) -> None:
        """Forget all."""
        self._events.clear()
        self._bytes = 0


class Waiting:
    """The oldest messages that wait for one destination, in order."""

    def __init__(self, destination: str, items: ItemStore) -> None:
        self._destination = destination
        self._items = items
        self._queue: collections.deque[Item] = collections.deque()
        self._known: set[str] = set()
        self._at_hand = EventsAtHand()
        self._after = 0
        self._scanned_at = float("-inf")

    def __len__(self) -> int:
        return len(self._queue)

    def clear(self) -> None:
        """Forget all: the store knows."""
        self._queue.clear()
        self._known.clear()
        self._at_hand.clear()
        self._after = 0
        self.rescan()

    def rescan(self) -> None:
        """Look at everything that waits with the next load, not only at what is new."""
        self._scanned_at = float("-inf")

    def expect(self, items: Iterable[NewItem]) -> None:
        """These will wait in a moment: they are being committed."""
        for item in items:
            self._at_hand.keep(part_name(item.message_id, item.part), item.attempt, item.event)

    async def load(self, now: float) -> None:
        """Load what waits, up to a page; `now` is monotonic, in seconds."""
        if now - self._scanned_at > _RESCAN_SECONDS:
            # Numbers are given before they are committed, so a lower one may show up late.
            self._after = self._queue[0].place - 1 if len(self._queue) >= _PAGE else 0
            self._scanned_at = now
        found = False
        while len(self._queue) < _PAGE:
            page = await self._items.pending(self._destination, self._after, _PAGE)
            for item in page:
                if item.name not in self._known:
                    self._known.add(item.name)
                    self._queue.append(item)
                    found = True
            if len(page) < _PAGE:
                break
            self._after = page[-1].place
        if found:
            self._queue = collections.deque(sorted(self._queue, key=lambda item: item.place))
            self._after = max(self._after, self._queue[-1].place)

    def first(self, count: int) -> list[Item]:
        """The oldest ones."""
        return list(itertools.islice(self._queue, count))

    async def events(self, window: Sequence[Item]) -> Mapping[str, bytes]:
        """The events of some items by name, without those that the store has no more."""
        events: dict[str, bytes] = {}
        missing: list[Item] = []
        for item in window:
            event = self._at_hand.get(item.name, item.attempt)
            if event is None:
                missing.append(item)
            else:
                events[item.name] = event
        if missing:
            events.update(await self._items.events(self._destination, missing))
        return events

    def forget(self, items: Sequence[Item]) -> None:
        """These wait no more."""
        gone = {item.name for item in items}
        for item in items:
            self._at_hand.drop(item.name, item.attempt)
        self._known -= gone
        self._queue = collections.deque(item for item in self._queue if item.name not in gone)
