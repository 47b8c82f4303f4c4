"""Group commit: while one commit is under way, what arrives becomes the next one.

So the cost of a commit is shared by all who wait, and nobody waits for a timer. Who submits does not
wait in a task of its own: it is told. The queue is bounded: when it is full, those who want to submit
wait for room, and their senders with them.
"""

import asyncio
import collections
from collections.abc import Callable, Sequence

from plexus.errors import DeadlineExceeded, Transient
from plexus.telemetry.logs import get_log
from services.ingest.store import Draft, ReceiptStore, Stored, Writer

__all__ = ["Committer", "Tell"]

_log = get_log(__name__)

Tell = Callable[[Stored | Transient], None]
"""Told once: the receipt when it is committed, or why it was not, as far as is known."""


class _Waiting:
    """One who waits to be told; without `tell` it has been."""

    __slots__ = ("deadline", "draft", "tell")

    def __init__(self, draft: Draft, tell: Tell, deadline: float) -> None:
        self.draft = draft
        self.tell: Tell | None = tell
        self.deadline = deadline


class Committer:
    """Stores drafts in batches, and passes on what was stored.

    Attributes:
        last_origin: highest receipt number that this process has committed.
    """

    def __init__(
        self,
        store: ReceiptStore,
        writer: Callable[[], Writer],
        on_stored: Callable[[Sequence[Stored]], None],
        on_doubt: Callable[[], None],
        *,
        batch: int,
        pending: int,
        receipt_seconds: float,
    ) -> None:
        """Prepare; `run` commits.

        Args:
            store: keeps the receipts.
            writer: who writes, with how far its relay has got.
            on_stored: given each batch in order, before anybody is told of it.
            on_doubt: told when nobody knows whether a commit took place.
            batch: most receipts of a commit.
            pending: most drafts that wait for a commit.
            receipt_seconds: how long a draft may wait to be committed.
        """
        self._store = store
        self._writer = writer
        self._on_stored = on_stored
        self._on_doubt = on_doubt
        self._batch = batch
        self._pending = pending
        self._receipt_seconds = receipt_seconds
        self._queue: collections.deque[_Waiting] = collections.deque()
        # All who wait, those in the queue and those of the commit under way: who came first is first.
        self._untold: collections.deque[_Waiting] = collections.deque()
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = asyncio.Event()
        self._want_room: list[Callable[[], None]] = []
        self.last_origin = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing may be submitted now."""
        return len(self._queue) >= self._pending

    @property
    def waiting(self) -> int:
        """How many wait to be told."""
        return len(self._untold)

    def when_room(self, act: Callable[[], None]) -> None:
        """Do this once, when something may have room again; others may be there first."""
        self._want_room.append(act)

    def submit(self, draft: Draft, tell: Tell) -> None:
        """Have a draft stored. It must not be full.

        What is told is a DeadlineExceeded where it took too long (whether it was stored is unknown
        then), and an Unavailable where it was not stored, as far as is known.
        """
        loop = asyncio.get_running_loop()
        one = _Waiting(draft, tell, loop.time() + self._receipt_seconds)
        self._queue.append(one)
        self._untold.append(one)
        if self._timer is None:
            self._timer = loop.call_at(one.deadline, self._expire)
        self._arrived.set()

    async def run(self) -> None:
        """Commit until cancelled.

        Raises:
            Fenced: another replica of this name has taken over: this one must end.
        """
        while True:
            if not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
            self._make_room()
            # Those who gave up waiting have been answered; they will send again.
            batch = [one for one in batch if one.tell is not None]
            if batch:
                await self._commit(batch)

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            stored = await self._store.add([one.draft for one in batch], self._writer())
        except Transient as exc:
            _log.warning("receipts could not be stored", exc, count=len(batch))
            # A connection that breaks may have committed first.
            self._on_doubt()
            for one in batch:
                _tell(one, exc)
            self._forget()
            if exc.reason_name == "FENCED":
                raise
            return
        self.last_origin = max(self.last_origin, stored[-1].origin)
        self._on_stored(stored)
        for one, receipt in zip(batch, stored, strict=True):
            _tell(one, receipt)
        self._forget()

    def _expire(self) -> None:
        """Tell those whose time is up. One timer for all: each waits equally long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = DeadlineExceeded("the receipt was not committed in time")
        while self._untold and self._untold[0].deadline <= now:
            _tell(self._untold.popleft(), late)
        self._forget()
        self._timer = loop.call_at(self._untold[0].deadline, self._expire) if self._untold else None
        while self._queue and self._queue[0].tell is None:
            self._queue.popleft()
        self._make_room()

    def _forget(self) -> None:
        while self._untold and self._untold[0].tell is None:
            self._untold.popleft()

    def _make_room(self) -> None:
        if self._want_room and not self.is_full:
            loop = asyncio.get_running_loop()
            waiting, self._want_room = self._want_room, []
            for act in waiting:
                loop.call_soon(act)


def _tell(one: _Waiting, outcome: Stored | Transient) -> None:
    tell, one.tell = one.tell, None
    if tell is None:
        return
    try:
        tell(outcome)
    except Exception as exc:  # noqa: BLE001 - what fails for one sender must not stop the others
        _log.error("a sender could not be answered", exc)
