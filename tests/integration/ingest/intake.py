"""Ingest as far as the answer: a feed, its listener and the committer, over a real store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from plexus.clock import SystemClock
from plexus.codecs.mllp import Frame, FrameDecoder, frame
from plexus.ids import KeyDigest, RandomIds
from plexus.store import Database
from plexus.telemetry.tracing import Tracing
from services.ingest.actors import Committer, FeedActor
from services.ingest.edge.mllp import MllpListener
from services.ingest.settings import Feed
from services.ingest.store import ReceiptStore, Stored, Writer

_ANSWER_SECONDS = 20.0


class Intake:
    """What a test looks at.

    Attributes:
        feed: the actor of the only feed.
        listener: of the feed.
        committed: receipts in the order of their numbers, as the relay is given them.
        doubts: how often a commit had an unknown end.
    """

    def __init__(
        self, database: Database, writer: Writer, *, pending: int, receipt_seconds: float
    ) -> None:
        self.committed: list[Stored] = []
        self.doubts = 0
        self._database = database
        self.committer = Committer(
            ReceiptStore(database),
            lambda: writer,
            self.committed.extend,
            self._doubt,
            batch=256,
            pending=pending,
            receipt_seconds=receipt_seconds,
        )
        self.feed = FeedActor(
            Feed(name="ward", tenant="clinic", listen="127.0.0.1:0"),
            committer=self.committer,
            digest=KeyDigest(b"0123456789abcdef"),
            ids=RandomIds(),
            clock=SystemClock(),
            tracing=Tracing("ingest", None),
            receipt_seconds=receipt_seconds,
        )
        self.listener = MllpListener(self.feed)

    @property
    def port(self) -> int:
        return int(self.feed.address.rpartition(":")[2])

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """No commit can end within the block: another transaction has the writer's row."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT 1 FROM writer FOR UPDATE")
            yield

    @contextlib.asynccontextmanager
    async def sender(self) -> AsyncIterator["Sender"]:
        """A connection to the listener."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Sender(reader, writer)
        finally:
            writer.close()

    def _doubt(self) -> None:
        self.doubts += 1


class Sender:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = FrameDecoder(max_frame_bytes=1024 * 1024)
        self._answers: list[str] = []

    def send(self, *messages: bytes) -> None:
        """All in one piece."""
        self._writer.write(b"".join(map(frame, messages)))

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    async def answers(self, count: int) -> list[str]:
        """The next answers, each as code and control id, for example "AA C1"."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            while len(self._answers) < count:
                data = await self._reader.read(65536)
                if not data:
                    raise AssertionError(f"closed after {len(self._answers)} answers")
                for event in self._decoder.feed(data):
                    assert isinstance(event, Frame)
                    self._answers.append(_said(event.content))
        found, self._answers = self._answers[:count], self._answers[count:]
        return found

    async def rest(self) -> list[str]:
        """All answers until the listener closes."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            for event in self._decoder.feed(await self._reader.read()):
                assert isinstance(event, Frame)
                self._answers.append(_said(event.content))
        return self._answers


@contextlib.asynccontextmanager
async def running_intake(
    database: Database, *, pending: int = 100, receipt_seconds: float = 15.0
) -> AsyncIterator[Intake]:
    """An intake that listens and commits."""
    writer = await ReceiptStore(database).claim("0")
    intake = Intake(database, writer, pending=pending, receipt_seconds=receipt_seconds)
    committing = asyncio.create_task(intake.committer.run())
    await intake.listener.start()
    try:
        yield intake
    finally:
        await intake.listener.stop()
        committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await committing


def message(control_id: str, *, version: str = "2.5.1") -> bytes:
    """A registration that is accepted."""
    return (
        f"MSH|^~\\&|ADT|CLINIC|PLEXUS|MESH|20260101||ADT^A04^ADT_A01|{control_id}|P|{version}\r"
        f"PID|1||77^^^CLINIC^MR||Quill^Tansy\r"
    ).encode()


def _said(answer: bytes) -> str:
    fields = answer.decode().split("\rMSA|")[1].split("\r")[0].split("|")
    return " ".join(fields[:2])
