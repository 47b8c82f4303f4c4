"""What was committed, appended to a file before it is answered.

One JSON line per transaction. Lines that wait at the same time are written together, in a thread.
They reach the operating system, not the disk: the log outlives the receiver, not the machine.
"""

import asyncio
import io
import pathlib

import orjson

from services.cli.receiver.documents import timestamp
from services.cli.receiver.transactions import Committed

__all__ = ["CommitLog"]


class CommitLog:
    """Appends to `transactions.ndjson` of a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = folder / "transactions.ndjson"
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._file: io.FileIO | None = None
        self._writing: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Open the file; the folder is made if missing."""
        self._file = await asyncio.to_thread(self._open)
        self._writing = asyncio.create_task(self._write())

    async def append(self, committed: Committed) -> None:
        """Return when the line is written.

        Raises:
            OSError: it could not be.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((_line(committed), written))
        self._arrived.set()
        await written

    async def stop(self) -> None:
        """Write what waits, and close the file."""
        self._stopping = True
        self._arrived.set()
        if self._writing is not None:
            await self._writing
        if self._file is not None:
            await asyncio.to_thread(self._file.close)

    def _open(self) -> io.FileIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return io.FileIO(self.path, "a")

    async def _write(self) -> None:
        assert self._file is not None
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._waiting = self._waiting, []
            error: OSError | None = None
            try:
                await asyncio.to_thread(_write_all, self._file, b"".join(line for line, _ in batch))
            except OSError as exc:
                error = exc
            for _, written in batch:
                if written.done():
                    continue
                if error is None:
                    written.set_result(None)
                else:
                    written.set_exception(error)


def _write_all(file: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) or 0 :]


def _line(committed: Committed) -> bytes:
    return orjson.dumps(
        {
            "at": timestamp(committed.at),
            "message": committed.message_id,
            "person": committed.person_id,
            "entries": committed.entries,
            "resources": [
                [one.fhir_type, one.own_id, one.action, one.version] for one in committed.touched
            ],
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )
