"""Files and batches with several messages, and whether their totals fit."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import acknowledge_batch, is_batch, read, read_batch, split_batch
from plexus.errors import Reason

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


_BHS = b"BHS|^~\\&|X\r"
_FHS = b"FHS|^~\\&|X\r"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_FHS + _BHS + _ONE + _TWO + b"BTS|2\rBHS|^~\\&\r" + _ONE + b"BTS|1\rFTS|2\r", []),
        (_BHS + _ONE + b"BTS\r", []),
        (_BHS + _ONE + b"BTS||a comment\r", []),
        (_BHS + _ONE + b"BTS|2\r", ["BATCH_TOTAL BTS-1"]),
        (_BHS + _ONE + _TWO + b"BTS|0001\r", ["BATCH_TOTAL BTS-1"]),
        (b"BHS#^~\\&#X\r" + _ONE + b"BTS#7\r", ["BATCH_TOTAL BTS-1"]),
        (_BHS + _ONE + b"BTS|many\r", ["DATA_TYPE BTS-1"]),
        (_BHS + _ONE + b"BTS|" + b"9" * 5000 + b"\r", ["DATA_TYPE BTS-1"]),
        (_FHS + _BHS + _ONE + b"BTS|1\rFTS|3\r", ["BATCH_TOTAL FTS-1"]),
        (_FHS + _BHS + _ONE, ["SEGMENT_SEQUENCE BTS", "SEGMENT_SEQUENCE FTS"]),
        (_BHS + _ONE + _BHS + _TWO + b"BTS|1\r", ["SEGMENT_SEQUENCE BTS"]),
        (_ONE + b"BTS|1\r", ["SEGMENT_SEQUENCE BHS"]),
        (_BHS + _ONE + b"BTS|1\rFTS|1\r", ["SEGMENT_SEQUENCE FHS"]),
        (_FHS + _ONE + _TWO + b"FTS|2\r", []),
        (_FHS + _ONE + _TWO + b"FTS|3\r", ["BATCH_TOTAL FTS-1"]),
        (_ONE + _TWO, []),
    ],
)
def test_totals_and_missing_ends_are_told(content: bytes, told: list[str]) -> None:
    issues = read_batch(content).issues
    names = [f"{Reason.Name(i.reason).removeprefix('REASON_')} {i.location}" for i in issues]
    assert names == told


def test_an_issue_belongs_to_its_batch_and_one_of_the_file_to_all() -> None:
    batch = read_batch(_FHS + _BHS + _ONE + b"BTS|9\r" + _BHS + _TWO + b"BTS|1\rFTS|5\r")
    assert [part.batch for part in batch.parts] == [0, 1]
    assert [issue.location for issue in batch.issues_of(0)] == ["BTS-1", "FTS-1"]
    assert [issue.location for issue in batch.issues_of(1)] == ["FTS-1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_BHS + _ONE, True),
        (b"\xef\xbb\xbf\r\n " + _FHS, True),
        (_BHS.decode().encode("utf-16-be"), False),
        (("\ufeff" + _BHS.decode()).encode("utf-16-be"), True),
        (_ONE + b"BTS|1\r", False),
        (b"BHSX|1\r", False),
        (b"", False),
        (b"\xff\xfe", False),
    ],
)
def test_a_batch_is_told_by_how_it_begins(content: bytes, expected: bool) -> None:
    assert is_batch(content) is expected


@pytest.mark.parametrize(
    "content", [b"FHS\r" + _ONE, b"BHS|\r" + _ONE, _FHS + b"BHS\r" + _ONE, _FHS + _ONE]
)
def test_a_header_without_separators_is_answered_in_the_usual_ones(content: bytes) -> None:
    ack = b"MSH|^~\\&|\rMSA|AA|1\r"
    now = datetime(2026, 1, 1, tzinfo=UTC)
    answer = acknowledge_batch(content, read_batch(content), [ack], control_id="9", now=now)
    assert b"BHS|^~\\&|" in answer
    assert [part.content for part in read_batch(answer).parts] == [ack]
    assert not read_batch(answer).issues
