"""MLLP framing: blocks, faults and bounds for any chunking. Sockets are tested with ingest."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.mllp import HEAD_BYTES, Frame, FrameDecoder, FrameFault, frame
from plexus.errors import Reason

_LIMIT = 24
_CONTENT = st.binary(max_size=_LIMIT).map(lambda data: data.translate(None, b"\x0b\x1c"))
_NOISE = st.lists(
    st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"\x1c\r", b"A", b"BCD", b"\x00", b"E" * 20]),
    max_size=40,
).map(b"".join)


def _decode(*chunks: bytes, limit: int = _LIMIT) -> list[Frame | FrameFault]:
    decoder = FrameDecoder(max_frame_bytes=limit)
    found = [item for chunk in chunks for item in decoder.feed(chunk)]
    last = decoder.close()
    return found if last is None else [*found, last]


def _chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(_CONTENT, max_size=6), st.lists(st.integers(0, 400), max_size=12))
def test_blocks_come_back_as_they_were_framed(contents: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(content) for content in contents)
    assert _decode(*_chunks(stream, cuts)) == [Frame(content) for content in contents]


@given(_NOISE, st.lists(st.integers(0, 400), max_size=12))
def test_chunking_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    assert _decode(*_chunks(stream, cuts)) == _decode(stream)
    assert _decode(*(stream[at : at + 1] for at in range(len(stream)))) == _decode(stream)


@given(_NOISE)
def test_a_whole_block_after_any_noise_is_found(noise: bytes) -> None:
    assert _decode(noise, frame(b"MSH|"))[-1] == Frame(b"MSH|")


@given(_NOISE)
def test_memory_stays_within_limit_and_head(noise: bytes) -> None:
    decoder = FrameDecoder(max_frame_bytes=_LIMIT)
    for _ in range(20):
        decoder.feed(noise.replace(b"\x1c\r", b"") + b"F" * 500)
        assert len(decoder._kept) <= HEAD_BYTES
    decoder.feed(b"\x0b")
    for _ in range(20):
        decoder.feed(b"G" * 500)
        assert len(decoder._kept) <= max(_LIMIT, HEAD_BYTES)


def test_line_ends_between_blocks_are_silent() -> None:
    assert _decode(b"\r\n" + frame(b"a") + b"\r\n\n" + frame(b"b") + b"\r") == [
        Frame(b"a"),
        Frame(b"b"),
    ]


def test_stray_bytes_are_a_fault_before_the_block_that_follows() -> None:
    assert _decode(b"\r\nMSH|raw\r" + frame(b"a")) == [
        FrameFault(Reason.REASON_INVALID_FRAME, "bytes came outside a block", 8, b"MSH|raw\r"),
        Frame(b"a"),
    ]


def test_an_oversize_block_is_skipped_and_the_next_one_read() -> None:
    oversize, good = _decode(frame(b"x" * (_LIMIT + 1)), frame(b"y" * _LIMIT))
    assert isinstance(oversize, FrameFault)
    assert (oversize.reason, oversize.discarded_bytes) == (Reason.REASON_TOO_LARGE, _LIMIT + 1)
    assert oversize.head == b"x" * (_LIMIT + 1)
    assert good == Frame(b"y" * _LIMIT)


def test_the_head_of_an_oversize_block_is_bounded_and_begins_the_block() -> None:
    (fault,) = _decode(*[b"\x0bMSH|", *[b"x" * 1000] * 20, b"\x1c\r"], limit=100)
    assert isinstance(fault, FrameFault)
    assert fault.discarded_bytes == 20_004
    assert len(fault.head) == HEAD_BYTES
    assert fault.head.startswith(b"MSH|xxx")


def test_a_start_within_a_block_gives_up_the_block_before() -> None:
    fault, good = _decode(b"\x0bhalf" + frame(b"whole"))
    assert isinstance(fault, FrameFault)
    assert (fault.reason, fault.head) == (Reason.REASON_INVALID_FRAME, b"half")
    assert good == Frame(b"whole")


@pytest.mark.parametrize("end", [b"\x1c\r", b"\x1c\n", b"\x1c\x0b\x1c\r"])
def test_tolerated_ends_of_a_block(end: bytes) -> None:
    assert _decode(b"\x0ba" + end)[0] == Frame(b"a")


def test_a_lone_end_byte_is_content_so_that_no_half_message_is_accepted() -> None:
    assert _decode(b"\x0bfirst\x1csecond\x1c\x1c\r") == [Frame(b"first\x1csecond\x1c")]


@pytest.mark.parametrize(("stream", "head"), [(b"\x0bhalf", b"half"), (b"\x0ba\x1c", b"a\x1c")])
def test_a_connection_that_ends_within_a_block_is_a_fault(stream: bytes, head: bytes) -> None:
    (fault,) = _decode(stream)
    assert isinstance(fault, FrameFault)
    assert (fault.reason, fault.head) == (Reason.REASON_INVALID_FRAME, head)


def test_a_clean_end_is_no_fault_and_the_decoder_can_be_used_again() -> None:
    decoder = FrameDecoder(max_frame_bytes=10)
    assert decoder.feed(frame(b"a")) == [Frame(b"a")]
    assert decoder.close() is None
    decoder.feed(b"\x0bhalf\x1c")
    assert decoder.close() is not None
    assert decoder.feed(b"\r" + frame(b"b")) == [Frame(b"b")]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FrameDecoder(max_frame_bytes=0)


class _Watched(bytes):
    """Counts over how many bytes it was searched."""

    searched = 0

    def find(self, byte: int, start: int, end: int | None = None) -> int:  # type: ignore[override]
        found = super().find(byte, start, len(self) if end is None else end)
        self.searched += (found + 1 if found >= 0 else end or len(self)) - start
        return found


@pytest.mark.parametrize("noise", [b"\x0b", b"\x1c", b"\x0b\x1cA", b"\x0bA\x1c\r"])
def test_no_byte_is_searched_more_than_twice(noise: bytes) -> None:
    stream = _Watched(b"\x0b" + noise * 500)
    FrameDecoder(max_frame_bytes=_LIMIT).feed(stream)
    assert 0 < stream.searched <= 2 * len(stream)
