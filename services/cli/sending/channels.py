"""A way to a feed, over which one message after the other is exchanged for its answer."""

import dataclasses
from typing import Protocol

from plexus.api.errors.v1.errors_pb2 import Reason
from plexus.api.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from plexus.codecs.hl7v2 import read_ack
from plexus.errors import DeadlineExceeded, InvalidMessage, Unavailable
from plexus.mllp import MllpClient
from plexus.rpc import Peer
from services.cli.sending.outgoing import Outgoing

__all__ = ["POSITIVE", "Answer", "Channel", "GrpcChannel", "MllpChannel"]

POSITIVE = frozenset({"AA", "CA"})
# HL7 table 0357: an error of the receiver, not of the message; the same message may succeed later.
_INTERNAL_ERROR = "207"
_SILENCE_SECONDS = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said.

    Attributes:
        code: of HL7 table 0008; empty where the message asked for silence.
        accepted: the receiver answers for the message now.
        errors: codes and places of its errors, such as "101 PID[1]-3[1].1".
        message_id: the mesh's name for the message, where the channel tells it.
    """

    code: str
    accepted: bool
    errors: tuple[str, ...] = ()
    message_id: str = ""


class Channel(Protocol):
    """One way to a feed. Exchanges one message at a time."""

    async def open(self) -> None:
        """Make it ready. Does nothing where it is. Raises Unavailable."""

    async def exchange(self, message: Outgoing) -> Answer:
        """Send one message and wait for its answer.

        Raises:
            Transient: it may succeed later; whether it was taken is unknown.
            PlexusError: it cannot be sent.
        """

    async def close(self) -> None:
        """Let go of it."""


class MllpChannel:
    """Over MLLP."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float = 30.0) -> None:
        self._client = MllpClient(host, port, timeout_seconds=timeout_seconds)
        # Where silence is an answer it must not take as long as a failure, and a late answer must
        # not be taken for the next one's: so those messages have a connection of their own.
        self._silent = MllpClient(
            host, port, timeout_seconds=min(timeout_seconds, _SILENCE_SECONDS)
        )

    async def open(self) -> None:
        await self._client.connect()

    async def exchange(self, message: Outgoing) -> Answer:
        if message.condition == "NE":
            await self._client.post(message.content)
            return Answer("", accepted=True)
        if message.condition in {"ER", "SU"}:
            return await self._exchange_with_silence(message)
        return _answer(message, await self._client.send(message.content))

    async def close(self) -> None:
        await self._client.close()
        await self._silent.close()

    async def _exchange_with_silence(self, message: Outgoing) -> Answer:
        """MSH-15 ER asks for an answer on error only, SU on success only (HL7 table 0155)."""
        await self._silent.connect()
        try:
            content = await self._silent.send(message.content)
        except DeadlineExceeded:
            return Answer("", accepted=message.condition == "ER")
        return _answer(message, content)


class GrpcChannel:
    """Over gRPC `Submit`."""

    def __init__(self, peer: Peer, feed: str, *, timeout_seconds: float = 30.0) -> None:
        self._peer = peer
        self._stub = ingest_pb2_grpc.IngestServiceStub(peer.channel)
        self._feed = feed
        self._timeout_seconds = timeout_seconds

    async def open(self) -> None:
        """Nothing to do: the peer connects by itself."""

    async def exchange(self, message: Outgoing) -> Answer:
        answer = await self._peer.ask(
            self._stub.Submit,
            ingest_pb2.SubmitRequest(feed=self._feed, content=message.content),
            deadline_seconds=self._timeout_seconds,
        )
        receipt = answer.receipt
        return Answer(
            receipt.ack_code,
            receipt.outcome != ingest_pb2.RECEIPT_OUTCOME_REJECTED,
            tuple(
                f"{Reason.Name(issue.reason).removeprefix('REASON_')} {issue.location}".strip()
                for issue in receipt.issues
            ),
            receipt.message_id,
        )

    async def close(self) -> None:
        """Nothing to do: whoever made the peer closes it."""


def _answer(message: Outgoing, content: bytes) -> Answer:
    try:
        ack = read_ack(content)
    except InvalidMessage as exc:
        raise Unavailable(f"the answer is no acknowledgement: {exc.detail}") from exc
    if message.control_id and ack.control_id and ack.control_id != message.control_id:
        raise Unavailable("the answer is about another message")
    positive = ack.code in POSITIVE
    if not positive and any(error.split()[0] == _INTERNAL_ERROR for error in ack.errors):
        raise Unavailable(f"the receiver answered {ack.code} with code {_INTERNAL_ERROR}")
    return Answer(ack.code, positive, tuple(ack.errors))
