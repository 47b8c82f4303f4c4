"""Group commit: while one commit is under way, what arrives becomes the next one.

So the cost of a commit is shared by all who wait, and nobody waits for a timer. The queue is bounded:
when it is full, those who submit wait, and their senders with them.
"""

import asyncio
from collections.abc import Callable, Sequence

from plexus.errors import DeadlineExceeded, Transient
from plexus.telemetry.logs import get_log
from services.ingest.store import Draft, ReceiptStore, Stored, Writer

__all__ = ["Committer"]

_log = get_log(__name__)


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
    ) -> None:
        self._store = store
        self._writer = writer
        self._on_stored = on_stored
        self._on_doubt = on_doubt
        self._batch = batch
        self._queue: asyncio.Queue[tuple[Draft, asyncio.Future[Stored]]] = asyncio.Queue(pending)
        self.last_origin = 0

    async def submit(self, draft: Draft, wait_seconds: float) -> Stored:
        """The receipt, once it is committed.

        Raises:
            DeadlineExceeded: it took too long; whether it was stored is unknown.
            Unavailable: it was not stored, as far as is known.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Stored] = loop.create_future()
        # A timer of the loop costs a fraction of a timeout block, and every message has one.
        expiry = loop.call_later(wait_seconds, _expire, future)
        try:
            if self._queue.full():
                await self._make_room(draft, future)
            else:
                self._queue.put_nowait((draft, future))
            return await future
        finally:
            expiry.cancel()

    async def _make_room(self, draft: Draft, future: asyncio.Future[Stored]) -> None:
        """Wait until the queue has taken the draft, or its time is up."""
        putting = asyncio.ensure_future(self._queue.put((draft, future)))
        try:
            await asyncio.wait((putting, future), return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()

    async def run(self) -> None:
        """Commit until cancelled.

        Raises:
            Fenced: another replica of this name has taken over: this one must end.
        """
        while True:
            waiting = [await self._queue.get()]
            while len(waiting) < self._batch and not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            # Those who gave up waiting have been answered; they will send again.
            waiting = [(draft, future) for draft, future in waiting if not future.done()]
            if waiting:
                await self._commit(waiting)

    async def _commit(self, waiting: Sequence[tuple[Draft, asyncio.Future[Stored]]]) -> None:
        try:
            stored = await self._store.add([draft for draft, _ in waiting], self._writer())
        except Transient as exc:
            _log.warning("receipts could not be stored", exc, count=len(waiting))
            # A connection that breaks may have committed first.
            self._on_doubt()
            for _, future in waiting:
                if not future.done():
                    future.set_exception(exc)
            if exc.reason_name == "FENCED":
                raise
            return
        self.last_origin = max(self.last_origin, stored[-1].origin)
        self._on_stored(stored)
        for (_, future), receipt in zip(waiting, stored, strict=True):
            if not future.done():
                future.set_result(receipt)


def _expire(future: asyncio.Future[Stored]) -> None:
    if not future.done():
        future.set_exception(DeadlineExceeded("the receipt was not committed in time"))
