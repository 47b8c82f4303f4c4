"""Files with several messages. Totals in batch trailers are not checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import read, split_batch

_ONE = b"MSH|^~\\&|A|||||||1|P|2.5.1\rPID|1||7\r"
_TWO = b"MSH#^~\\&#A#######2#P#2.5.1\rPID#1##8\r"


def _ids(parts: list[bytes]) -> list[str]:
    return [read(part).control_id for part in parts]


@pytest.mark.parametrize("terminator", [b"\r", b"\n", b"\r\n"])
def test_a_batch_gives_its_messages_only(terminator: bytes) -> None:
    content = (
        b"FHS|^~\\&|X\rBHS|^~\\&|X\r" + _ONE + _TWO + b"BTS|2\rBHS|^~\\&\r" + _ONE + b"BTS\rFTS|1\r"
    ).replace(b"\r", terminator)
    parts = split_batch(content)
    assert _ids(parts) == ["1", "2", "1"]
    assert parts[0] == _ONE.replace(b"\r", terminator)


def test_messages_one_after_another_are_told_apart() -> None:
    assert split_batch(_ONE + b"\r\n" + _TWO + _ONE) == [_ONE + b"\r\n", _TWO, _ONE]


def test_a_single_message_is_one_part() -> None:
    assert split_batch(_ONE) == [_ONE]


def test_framed_messages_in_a_file_are_told_apart() -> None:
    assert _ids(split_batch(b"\x0b" + _ONE + b"\x1c\r\x0b" + _TWO + b"\x1c\r")) == ["1", "2"]


@pytest.mark.parametrize("content", [b"", b"\r\n \n", b"FHS|^~\\&\rFTS|0"])
def test_what_holds_no_message_has_no_parts(content: bytes) -> None:
    assert split_batch(content) == []


def test_text_that_belongs_to_no_message_is_a_part_of_its_own() -> None:
    assert split_batch(b"junk\r" + _ONE + b"FTS|1\rmore\r") == [b"junk\r", _ONE, b"\rmore\r"]


def test_the_letters_msh_within_a_text_divide_nothing() -> None:
    content = _ONE + b"NTE|1||MSH|^~\\& and MSH\r"
    assert split_batch(content) == [content]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_every_part_keeps_the_byte_order_mark(codec: str) -> None:
    text = (_ONE.decode() + "NTE|1||\u5c71\r").encode(codec)
    twice = (2 * (_ONE.decode() + "NTE|1||\u5c71\r")).encode(codec)
    assert split_batch(twice) == [text, text]


@given(st.lists(st.sampled_from([_ONE, _TWO, b"FTS\r", b"BHS|x\r", b"\r", b"text\r"])))
def test_no_message_is_lost_or_made_up(pieces: list[bytes]) -> None:
    parts = split_batch(b"".join(pieces))
    messages = [part for part in parts if part.lstrip().startswith(b"MSH")]
    assert len(messages) == sum(piece in {_ONE, _TWO} for piece in pieces)
    assert b"".join(parts).count(b"text") == pieces.count(b"text\r")


@given(st.binary(max_size=80), st.sampled_from([b"", b"\xff\xfe", b"\x00\x00\xfe\xff"]))
def test_any_bytes_can_be_cut(content: bytes, mark: bytes) -> None:
    assert all(split_batch(mark + content))
