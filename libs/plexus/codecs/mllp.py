"""MLLP framing: where one message ends and the next begins on a byte stream.

HL7 Version 3 Standard: Transport Specification - MLLP, Release 1: a block is the start byte 0x0B,
the content, and the end bytes 0x1C 0x0D. `FrameDecoder` reads a connection's bytes in any chunking
and gives the same blocks and faults for every chunking; `frame` writes one block. No I/O here: the
listener of `services.ingest` and the sender of `services.delivery` own the sockets.

Tolerances, since a wrong frame must never become a wrong message:

- CR and LF between blocks are skipped silently. Any other byte there is a fault, told when the next
  block starts or the connection ends.
- 0x1C followed by CR ends a block; so do 0x1C LF and 0x1C 0x0B (a sender that forgot the CR). 0x1C
  followed by anything else is content: ending the block there would let half a message be
  acknowledged as a whole one.
- 0x0B within a block means that the sender gave up and began again: what came before is a fault.
- Content above the limit is counted and dropped up to its end block; decoding goes on after it.
"""

from dataclasses import dataclass

from plexus.errors import Reason

__all__ = ["HEAD_BYTES", "Frame", "FrameDecoder", "FrameFault", "frame"]

HEAD_BYTES = 4096
"""How much of what was discarded a fault keeps: enough for an MSH segment."""

_START = 0x0B
_END = 0x1C
_AFTER_END = frozenset(b"\r\n")


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole block."""

    content: bytes


@dataclass(frozen=True, slots=True)
class FrameFault:
    """Bytes that are no whole block within the limit.

    Attributes:
        reason: REASON_INVALID_FRAME or REASON_TOO_LARGE.
        detail: what was wrong, free of content.
        discarded_bytes: how many bytes were dropped, start and end bytes not counted.
        head: the first of them, at most `HEAD_BYTES`.
    """

    reason: Reason.ValueType
    detail: str
    discarded_bytes: int
    head: bytes


class FrameDecoder:
    """Splits the bytes of one connection into blocks.

    Work is linear in the bytes fed. Memory is at most `max_frame_bytes` plus one chunk.
    """

    def __init__(self, *, max_frame_bytes: int) -> None:
        """Start outside a block; `max_frame_bytes` is the largest content that is accepted."""
        if max_frame_bytes < 1:
            raise ValueError("max_frame_bytes must be at least 1")
        self._max_frame_bytes = max_frame_bytes
        self._kept = bytearray()
        self._size = 0
        self._in_block = False
        self._end_seen = False  # the last byte fed was 0x1C, and what it means is still open

    @property
    def inside_frame(self) -> bool:
        """True while a block, or a stray piece of one, is incomplete."""
        return self._in_block or self._size > 0

    def feed(self, data: bytes) -> list[Frame | FrameFault]:
        """Take the next bytes of the connection and give what they completed, in order."""
        done: list[Frame | FrameFault] = []
        if self._end_seen:
            self._end_seen = False
            data = b"\x1c" + data
            if len(data) == 1:
                self._end_seen = True
                return done
        at = 0
        end = len(data)
        stop = -1  # the next 0x1C after `at`, or the end; to be searched where it is before `at`
        view = memoryview(data)
        while at < end:
            if not self._in_block:
                start = data.find(_START, at)
                self._stray(data[at:] if start < 0 else data[at:start])
                if start < 0:
                    break
                fault = self._fault_of_stray()
                if fault is not None:
                    done.append(fault)
                self._in_block = True
                at = start + 1
                continue
            # Two searches for a byte take a tenth of the time of one for either. No byte is
            # searched twice for the same, so that the work stays linear.
            if stop < at:
                stop = data.find(_END, at)
                stop = end if stop < 0 else stop
            restart = data.find(_START, at, stop)
            if restart >= 0:
                self._take(view[at:restart])
                done.append(self._fault_of_block("a new start block came before the end block"))
                at = restart + 1
                continue
            self._take(view[at:stop])
            if stop == end:
                break
            if stop + 1 == end:
                self._end_seen = True
                break
            if data[stop + 1] in _AFTER_END:
                done.append(self._finish())
                at = stop + 2
            elif data[stop + 1] == _START:
                done.append(self._finish())
                at = stop + 1
            else:
                self._take(view[stop : stop + 1])
                at = stop + 1
        return done

    def close(self) -> FrameFault | None:
        """Tell that the connection ended; what is incomplete is a fault.

        The decoder is ready for a new connection afterwards.
        """
        if self._end_seen:
            self._end_seen = False
            self._take(memoryview(b"\x1c"))
        if self._in_block:
            fault: FrameFault | None = self._fault_of_block("the connection ended within a block")
        else:
            fault = self._fault_of_stray()
        self._in_block = False
        return fault

    def _take(self, piece: memoryview) -> None:
        self._size += len(piece)
        if self._size <= self._max_frame_bytes:
            self._kept += piece
            return
        if len(self._kept) < HEAD_BYTES:
            self._kept += piece[: HEAD_BYTES - len(self._kept)]
        else:
            del self._kept[HEAD_BYTES:]

    def _stray(self, piece: bytes) -> None:
        if not self._size:
            piece = piece.lstrip(b"\r\n")
        self._size += len(piece)
        self._kept += piece[: HEAD_BYTES - len(self._kept)]

    def _finish(self) -> Frame | FrameFault:
        self._in_block = False
        if self._size > self._max_frame_bytes:
            return self._fault_of_block("")
        content = bytes(self._kept)
        self._reset()
        return Frame(content)

    def _fault_of_block(self, detail: str) -> FrameFault:
        reason = Reason.REASON_INVALID_FRAME
        if self._size > self._max_frame_bytes:
            reason = Reason.REASON_TOO_LARGE
            detail = f"the block has more than {self._max_frame_bytes} bytes"
        return self._fault(reason, detail)

    def _fault_of_stray(self) -> FrameFault | None:
        if not self._size:
            return None
        return self._fault(Reason.REASON_INVALID_FRAME, "bytes came outside a block")

    def _fault(self, reason: Reason.ValueType, detail: str) -> FrameFault:
        fault = FrameFault(reason, detail, self._size, bytes(self._kept[:HEAD_BYTES]))
        self._reset()
        return fault

    def _reset(self) -> None:
        self._kept = bytearray()
        self._size = 0


def frame(content: bytes) -> bytes:
    """Wrap the content into one block.

    The content must hold neither 0x0B nor 0x1C, as the specification says; nothing is escaped.
    """
    return b"\x0b" + content + b"\x1c\r"
