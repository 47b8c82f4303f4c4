"""A receiver of HL7 v2 over MLLP that answers as a test wants it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator

from plexus.codecs.hl7v2 import read
from plexus.codecs.mllp import Frame, FrameDecoder, frame

__all__ = ["MllpReceiver", "answering", "receiving"]

_MOST_BYTES = 16 * 1024 * 1024

Answering = Callable[[bytes], bytes | None]
"""Gives the answer to a message; None for none at all."""


def answering(*codes: str, error: str = "", control_id: str = "") -> Answering:
    """Answer with each MSA-1 in turn, the last one ever after; then with AA.

    Args:
        codes: AA, AE, AR, CA, CE or CR.
        error: ERR-3 of every answer that is not AA or CA.
        control_id: MSA-2 instead of the message's.
    """
    left: Iterator[str] = iter(codes)

    def answer(content: bytes) -> bytes:
        code = next(left, "AA")
        known = control_id or read(content).first("MSH").get(10)  # type: ignore[union-attr]
        told = f"MSH|^~\\&|R|R|P|P|20260601||ACK|1|P|2.5.1\rMSA|{code}|{known}\r"
        if error and code not in {"AA", "CA"}:
            told += f"ERR||PID^1^3|{error}|E\r"
        return told.encode()

    return answer


class MllpReceiver:
    """What came, in order.

    Attributes:
        answer: may be changed at any time.
    """

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.messages: list[bytes] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        decoder = FrameDecoder(max_frame_bytes=_MOST_BYTES)
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                for event in decoder.feed(data):
                    assert isinstance(event, Frame)
                    self.messages.append(event.content)
                    answer = self.answer(event.content)
                    if answer is not None:
                        writer.write(frame(answer))
            writer.close()


@contextlib.asynccontextmanager
async def receiving(
    answer: Answering | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[MllpReceiver]:
    """Listen on a free port of 127.0.0.1."""
    receiver = MllpReceiver(answer or answering())
    server = await asyncio.start_server(receiver.talk, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
