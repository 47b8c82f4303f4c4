"""One feed: judges what comes, has it stored, and answers in the sender's own dialect.

A sender of FHIR reads the receipt: there is no acknowledgement to write.
"""

import asyncio
import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from plexus.api.canonical.v1.event_pb2 import Issue, Severity
from plexus.api.ingest.v1.ingest_pb2 import ReceiptOutcome
from plexus.clock import Clock
from plexus.codecs.hl7v2 import acknowledge, acknowledge_batch, answer_code, is_batch, read_batch
from plexus.errors import DeadlineExceeded, Reason, Transient
from plexus.ids import IdSource, KeyDigest, random_digits
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import (
    ACKNOWLEDGED,
    FEED_LAST_MESSAGE,
    RECEIPT_SECONDS,
    RECEIVED,
)
from plexus.telemetry.tracing import SpanKind, Started, Tracing
from services.ingest.actors.committer import Committer
from services.ingest.domain import Assessment, Refusal, assess, assess_fhir, refuse
from services.ingest.settings import Feed
from services.ingest.store import Draft, Stored

__all__ = ["FeedActor", "Reply"]

_log = get_log(__name__)
T = TypeVar("T")

_ACCEPTED = ReceiptOutcome.RECEIPT_OUTCOME_ACCEPTED
_REJECTED = ReceiptOutcome.RECEIPT_OUTCOME_REJECTED
_OUTCOME_LABELS = {
    _ACCEPTED: "accepted",
    _REJECTED: "rejected",
    ReceiptOutcome.RECEIPT_OUTCOME_DUPLICATE: "duplicate",
}
_MOST_IN_BATCH = 10_000
_AT_ONCE = 32  # messages of one batch that may share a commit
_LARGE = 32_768  # bytes of a FHIR message that is not read within the event loop
_HEAD = 4096  # bytes that are kept of a batch that is refused as a whole
_CODES = (None, "AA", "AE", "AR", "CA", "CE", "CR")


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What a sender is told.

    Attributes:
        stored: the receipt, or None where the message could not be stored; of a batch the first one,
            or None where any of its messages could not.
        content: the acknowledgement, or None where the sender wants none.
        batch: for a batch the receipts of all its messages, in order.
        is_empty: it was a batch without any message.
    """

    stored: Stored | None
    content: bytes | None
    batch: tuple[Stored, ...] = ()
    is_empty: bool = False


class FeedActor:
    """Takes the messages of one feed.

    Attributes:
        connections: how many are open now.
        address: where it listens, for people; empty for gRPC only.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        committer: Committer,
        digest: KeyDigest,
        ids: IdSource,
        clock: Clock,
        tracing: Tracing,
        receipt_seconds: float,
    ) -> None:
        self.feed = feed
        self.connections = 0
        self.address = ""
        self._committer = committer
        self._digest = digest
        self._ids = ids
        self._clock = clock
        self._tracing = tracing
        self._receipt_seconds = receipt_seconds
        self._batches: set[asyncio.Task[None]] = set()
        # Finding a metric by its labels costs more than counting.
        self._received = {
            outcome: RECEIVED.labels(tenant=feed.tenant, feed=feed.name, outcome=label)
            for outcome, label in _OUTCOME_LABELS.items()
        }
        self._acknowledged = {
            code: ACKNOWLEDGED.labels(feed=feed.name, code=code or "none") for code in _CODES
        }
        self._last_message = FEED_LAST_MESSAGE.labels(tenant=feed.tenant, feed=feed.name)
        self._seconds = RECEIPT_SECONDS.labels(feed=feed.name)

    @property
    def is_full(self) -> bool:
        """Whether no message may be taken now; `when_room` tells when it is over."""
        return self._committer.is_full

    def when_room(self, act: Callable[[], None]) -> None:
        """Do this once, when a message may be taken again."""
        self._committer.when_room(act)

    async def receive(self, content: bytes) -> Reply:
        """Judge, store and answer one message, or each message of a batch.

        Never raises for what the content holds.
        """
        if self.feed.dialect == "fhir":
            return await self._take_with_room(await self._assess_fhir(content), content)
        if is_batch(content):
            return await self._receive_batch(content)
        return await self._take_with_room(self._assess(content), content)

    def take(self, content: bytes, tell: Callable[[Reply], None]) -> None:
        """Judge one message or batch, have it stored, and tell its answer. Not while `is_full`."""
        if is_batch(content):
            task = asyncio.get_running_loop().create_task(self._tell_of_batch(content, tell))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)
        else:
            self._take(self._assess(content), content, tell)

    def take_broken(self, refusal: Refusal, head: bytes, tell: Callable[[Reply], None]) -> None:
        """Keep what there is of a broken frame, and tell the sender. Not while `is_full`."""
        self._take(self._refused(refusal, head), head, tell)

    async def _tell_of_batch(self, content: bytes, tell: Callable[[Reply], None]) -> None:
        reply = Reply(None, None)
        try:
            reply = await self._receive_batch(content)
        except Exception as exc:  # noqa: BLE001 - a defect must not stop the other connections
            _log.error("batch could not be judged", exc, feed=self.feed.name)
        finally:
            tell(reply)

    async def _receive_batch(self, content: bytes) -> Reply:
        """Take the messages of a batch as if each had come alone; answer them as one batch."""
        batch = read_batch(content)
        if len(batch.parts) > _MOST_IN_BATCH:
            detail = f"The batch has more than {_MOST_IN_BATCH} messages."
            refusal = Refusal(Reason.REASON_TOO_LARGE, detail)
            head = content[:_HEAD]
            return await self._take_with_room(self._refused(refusal, head), head)
        replies: list[Reply] = []
        for first in range(0, len(batch.parts), _AT_ONCE):
            some = batch.parts[first : first + _AT_ONCE]
            replies += await asyncio.gather(
                *(
                    self._take_with_room(
                        self._assess(part.content, batch.issues_of(part.batch)), part.content
                    )
                    for part in some
                )
            )
        if batch.issues:
            told = batch.issues[0]
            _log.warning(
                "batch is not whole",
                feed=self.feed.name,
                reason=Reason.Name(told.reason).removeprefix("REASON_"),
                location=told.location,
                count=len(batch.parts),
            )
        answer = acknowledge_batch(
            content,
            batch,
            [reply.content for reply in replies],
            control_id=random_digits(20),
            now=self._clock.now(),
        )
        stored = tuple(reply.stored for reply in replies if reply.stored is not None)
        whole = stored[0] if stored and len(stored) == len(replies) else None
        return Reply(whole, answer, stored, is_empty=not replies)

    def _refused(self, refusal: Refusal, head: bytes) -> Assessment:
        feed = self.feed
        return refuse(
            refusal, head, tenant=feed.tenant, source=feed.source_name, digest=self._digest
        )

    def _assess(self, content: bytes, noted: Sequence[Issue] = ()) -> Assessment:
        feed = self.feed
        return assess(
            content,
            tenant=feed.tenant,
            source=feed.source_name,
            digest=self._digest,
            default_charset=feed.default_charset,
            keep_unsupported=feed.keep_unsupported,
            noted=noted,
        )

    async def _assess_fhir(self, content: bytes) -> Assessment:
        """In a thread where it is large: a Bundle of some megabytes takes a second."""
        feed = self.feed
        judge = functools.partial(
            assess_fhir,
            content,
            tenant=feed.tenant,
            source=feed.source_name,
            digest=self._digest,
        )
        return await asyncio.to_thread(judge) if len(content) > _LARGE else judge()

    async def _take_with_room(self, assessment: Assessment, content: bytes) -> Reply:
        """Wait for room, and for the answer."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._receipt_seconds):
                while self.is_full:
                    room: asyncio.Future[None] = loop.create_future()
                    self.when_room(functools.partial(_settle, room, None))
                    await room
        except TimeoutError:
            late = DeadlineExceeded("the message found no room among those to be committed")
            return self._unstored(assessment, late)
        replied: asyncio.Future[Reply] = loop.create_future()
        self._take(assessment, content, functools.partial(_settle, replied))
        return await replied

    def _take(self, assessment: Assessment, content: bytes, tell: Callable[[Reply], None]) -> None:
        began = time.perf_counter()
        feed = self.feed
        message_id = self._ids.message_id()
        span = self._tracing.begin(
            "receive",
            SpanKind.SERVER,
            {
                "plexus.message_id": message_id,
                "plexus.tenant": feed.tenant,
                "plexus.feed": feed.name,
            },
        )
        draft = Draft(
            message_id=message_id,
            tenant=feed.tenant,
            feed=feed.name,
            source=feed.source_name,
            control_id=assessment.control_id[:200],
            message_type=assessment.message_type[:40],
            fingerprint=assessment.fingerprint,
            control=assessment.control,
            outcome=_ACCEPTED if assessment.accepted else _REJECTED,
            ack_code=assessment.answer or "",
            key=assessment.key,
            charset=assessment.charset,
            received_at=self._clock.now(),
            traceparent=span.traceparent,
            issues=assessment.issues,
            content=content,
        )
        self._committer.submit(
            draft, functools.partial(self._settle, assessment, draft, span, began, tell)
        )

    def _settle(
        self,
        assessment: Assessment,
        draft: Draft,
        span: Started,
        began: float,
        tell: Callable[[Reply], None],
        outcome: Stored | Transient,
    ) -> None:
        """Answer what was stored, or was not."""
        reply = Reply(None, None)
        try:
            if isinstance(outcome, Transient):
                span.fail(outcome)
                span.end()
                reply = self._unstored(assessment, outcome)
            else:
                span.end()
                self._count(assessment, draft, outcome, time.perf_counter() - began)
                answer = self._answer(assessment, assessment.answer, assessment.issues)
                reply = Reply(outcome, answer)
        finally:
            tell(reply)

    def _count(self, assessment: Assessment, draft: Draft, stored: Stored, seconds: float) -> None:
        self._received[stored.outcome].inc()
        self._last_message.set(draft.received_at.timestamp())
        self._acknowledged[assessment.answer].inc()
        self._seconds.observe(seconds)
        if not assessment.accepted:
            first = assessment.issues[0]
            _log.info(
                "message refused",
                feed=draft.feed,
                message_id=draft.message_id,
                code=assessment.answer,
                reason=Reason.Name(first.reason).removeprefix("REASON_"),
                location=first.location,
            )
        elif stored.conflict:
            _log.warning("control id was used before", feed=draft.feed, message_id=draft.message_id)

    def _unstored(self, assessment: Assessment, error: Transient) -> Reply:
        """Nothing was promised: the sender is told to send again (AR or CR, code 207)."""
        _log.error("message was not stored", error, feed=self.feed.name)
        issue = Issue(
            severity=Severity.SEVERITY_ERROR,
            reason=error.reason,
            detail="The message was not stored; send it again.",
        )
        code = answer_code(assessment.message, accepted=False, unsupported=True)
        self._acknowledged[code].inc()
        return Reply(None, self._answer(assessment, code, (issue,)))

    def _answer(
        self, assessment: Assessment, code: str | None, issues: tuple[Issue, ...]
    ) -> bytes | None:
        if code is None:
            return None
        return acknowledge(
            assessment.message,
            code,
            issues,
            control_id=random_digits(20),
            now=self._clock.now(),
        )


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)
