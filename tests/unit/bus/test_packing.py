"""Envelopes on the streams: what is packed comes back, and what is broken is told."""

import lz4.block
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadEncoding
from plexus.bus import pack, unpack
from plexus.bus.packing import MOST_PAYLOAD_BYTES
from plexus.errors import InvalidMessage

LZ4 = PayloadEncoding.PAYLOAD_ENCODING_LZ4


@given(st.binary(max_size=200), st.integers(0, 60))
def test_what_is_packed_comes_back_and_the_envelope_stays_as_it_was(
    part: bytes, times: int
) -> None:
    envelope = Envelope(message_id="a", key="b", payload=part * times)
    before = envelope.SerializeToString()
    assert unpack(pack(envelope)) == envelope
    assert envelope.SerializeToString() == before


def test_a_large_payload_is_compressed_and_a_small_one_is_not() -> None:
    large, small = Envelope(payload=b"result " * 1000), Envelope(payload=b"result")
    assert len(pack(large)) < 200
    assert Envelope.FromString(pack(large)).payload_encoding == LZ4
    assert pack(small) == small.SerializeToString()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xff", id="no envelope"),
        pytest.param(
            Envelope(payload=b"\x10\x00", payload_encoding=LZ4).SerializeToString(), id="cut short"
        ),
        pytest.param(
            Envelope(
                payload=b"\x10\x00\x00\x00" + b"\xff" * 20, payload_encoding=LZ4
            ).SerializeToString(),
            id="no LZ4",
        ),
        pytest.param(
            Envelope(
                payload=(MOST_PAYLOAD_BYTES + 1).to_bytes(4, "little")
                + lz4.block.compress(b"x", store_size=False),
                payload_encoding=LZ4,
            ).SerializeToString(),
            id="claims to be enormous",
        ),
        pytest.param(b"\xa0\x01\x07", id="encoding unknown"),
    ],
)
def test_what_cannot_be_read_is_an_invalid_message(data: bytes) -> None:
    with pytest.raises(InvalidMessage):
        unpack(data)
