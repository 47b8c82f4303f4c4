"""Reading HL7 v2: line ends, headers, hostile bytes. Character sets have a file of their own."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR, SEVERITY_WARNING
from plexus.codecs.hl7v2 import Message, leaves, read
from plexus.errors import InvalidMessage, Reason

_HEADER = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01^ADT_A01|7|P|2.5.1"
_SAMPLE = _HEADER + b"\rPID|1||12^^^H^MR||DOE^JANE\rZZZ|own\rNTE|1||text\r"


def _names(message: Message) -> list[str]:
    return [segment.name for segment in message.segments]


def _get(message: Message, name: str, field: int, component: int = 1) -> str:
    segment = message.first(name)
    assert segment is not None
    return segment.get(field, component)


def test_the_header_is_read_with_the_numbers_of_the_standard() -> None:
    message = read(_SAMPLE)
    assert (message.code, message.trigger, message.structure) == ("ADT", "A01", "ADT_A01")
    assert (message.type, message.control_id) == ("ADT^A01", "7")
    assert (message.processing_id, message.version) == ("P", "2.5.1")
    assert [message.msh.get(n) for n in (1, 2, 3, 4)] == ["|", "^~\\&", "A", "B"]
    assert message.msh.get(2, 2) == ""
    assert message.issues == []


def test_unknown_and_local_segments_are_kept_in_order() -> None:
    message = read(_SAMPLE)
    assert _names(message) == ["MSH", "PID", "ZZZ", "NTE"]
    assert [segment.position for segment in message.segments] == [0, 1, 2, 3]
    assert _get(message, "ZZZ", 1) == "own"


@pytest.mark.parametrize("terminator", [b"\r", b"\n", b"\r\n", b"\r\r", b"\r\n\r\n", b"\n\n"])
def test_every_kind_of_line_end_gives_the_same_segments(terminator: bytes) -> None:
    message = read(_SAMPLE.replace(b"\r", terminator))
    assert _names(message) == ["MSH", "PID", "ZZZ", "NTE"]
    assert _get(message, "NTE", 3) == "text"
    assert message.issues == []


def test_a_bare_line_feed_in_a_message_with_carriage_returns_is_text() -> None:
    message = read(_HEADER + b"\rNTE|1||one\n120|80 and two, three\n\nfour|last\rPV1|1\r")
    note = message.first("NTE")
    assert note is not None
    assert note.get(3) == "one\n120"
    assert note.get(4) == "80 and two, three\n\nfour"
    assert note.get(5) == "last"
    assert _names(message) == ["MSH", "NTE", "PV1"]
    assert message.issues == []


def test_a_bare_line_feed_before_what_begins_like_a_segment_ends_one() -> None:
    assert _names(read(_HEADER + b"\rPID|1\nPV1|1\rNTE|1")) == ["MSH", "PID", "PV1", "NTE"]


@pytest.mark.parametrize("terminator", [b"\r", b"\n", b"\r\n"])
def test_a_line_that_is_no_segment_continues_the_one_before_with_a_warning(
    terminator: bytes,
) -> None:
    message = read(terminator.join((_HEADER, b"NTE|1||one", b"and two|x", b"PV1|1", b"")))
    assert _names(message) == ["MSH", "NTE", "PV1"]
    assert _get(message, "NTE", 3) == f"one{terminator.decode()}and two"
    assert _get(message, "NTE", 4) == "x"
    assert [(i.severity, i.reason) for i in message.issues] == [
        (SEVERITY_WARNING, Reason.REASON_SEGMENT_SEQUENCE)
    ]


def test_a_segment_without_fields_is_a_segment() -> None:
    message = read(_HEADER + b"\rPV2\rPV1|1\r")
    assert _names(message) == ["MSH", "PV2", "PV1"]
    assert message.segments[1].field_count() == 0


def test_indented_segments_are_read() -> None:
    message = read(b"  " + _SAMPLE.replace(b"\r", b"\r\n  "))
    assert _names(message) == ["MSH", "PID", "ZZZ", "NTE"]
    assert message.issues == []


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + _SAMPLE,
        b"\r\n\n " + _SAMPLE,
        b"\x0b" + _SAMPLE + b"\x1c\r",
        b"\xef\xbb\xbf\r\n" + _SAMPLE + b"\x1c",
        _SAMPLE + b"\x1a",
        _SAMPLE + b"\x00\x00",
    ],
)
def test_what_stands_around_a_message_does_no_harm(content: bytes) -> None:
    message = read(content)
    assert _names(message) == ["MSH", "PID", "ZZZ", "NTE"]
    assert message.issues == []


def test_a_mark_does_not_hide_the_first_of_two_headers() -> None:
    assert read(b"\xef\xbb\xbf" + _SAMPLE + _SAMPLE).all("MSH")[0].position == 0
    assert len(read(b"\xef\xbb\xbf" + _SAMPLE + _SAMPLE).all("MSH")) == 2


def test_text_before_the_header_is_kept_and_told() -> None:
    message = read(b"FHS|^~\\&|X\rBHS|^~\\&\r" + _SAMPLE)
    assert _names(message)[0] == "MSH"
    assert message.preamble == b"FHS|^~\\&|X\rBHS|^~\\&\r"
    assert [issue.location for issue in message.issues] == ["MSH"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"junk",
        b"MSH",
        b"MSHX|",
        b"PID|1||2\r",
        b"xMSH|^~\\&|",
        b"\xff\xfeM",
        b"MSH\r",
    ],
)
def test_what_has_no_header_is_unreadable(content: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(content)
    assert caught.value.reason == Reason.REASON_UNREADABLE


@pytest.mark.parametrize("content", [b"MSH|", b"MSH||", b"MSH|^", b"MSH|\r", b"MSH|^~\\&\rPID|"])
def test_a_header_that_says_nothing_is_read(content: bytes) -> None:
    message = read(content)
    assert (message.type, message.control_id, message.version) == ("", "", "")


def test_any_separators_are_read() -> None:
    message = read(b"MSH!:;~@!A!B!C!D!!!ADT:A01!9!P!2.3\rPID!1!!5:::N@U;6!!O~S~X:Y\r")
    patient = message.first("PID")
    assert patient is not None
    assert message.type == "ADT^A01"
    assert (patient.get(3), patient.get(3, repetition=2), patient.get(3, 4, 2)) == ("5", "6", "U")
    assert patient.get(5) == "O:X"


def test_encoding_characters_with_truncation_are_read() -> None:
    message = read(_SAMPLE.replace(b"^~\\&|", b"^~\\&#|", 1))
    assert message.separators.truncation == "#"
    assert (message.type, message.issues) == ("ADT^A01", [])


def test_a_repeated_encoding_character_is_told_and_does_no_harm() -> None:
    message = read(b"MSH|^^\\&|A|B|C|D|||ADT^A01|9|P|2.3\rPID|1||5^^^H\r")
    assert message.type == "ADT^A01"
    assert _get(message, "PID", 3, 4) == "H"
    assert [issue.location for issue in message.issues] == ["MSH-2"]


def test_a_megabyte_and_two_thousand_segments_are_read_whole() -> None:
    data = b"QUJD" * 262_144
    results = b"".join(b"OBX|%d|NM|A||%d\r" % (n, n) for n in range(2000))
    message = read(_HEADER + b"\r" + results + b"OBX|2001|ED|A||^^^Base64^" + data + b"\r")
    observations = message.all("OBX")
    assert len(observations) == 2001
    assert observations[1999].get(5) == "1999"
    assert observations[2000].get(5, 5) == data.decode()


_PIECES = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"|", b"^", b"~", b"\\", b"&", b"PID|", b"\rOBX|", b"MSH|"]),
        st.sampled_from([b"\x1b$B", b"\x0b", b"\x1c", b"\x00", b'""', b"\\X", b"\\C2842\\"]),
        st.binary(max_size=6),
    ),
    max_size=40,
).map(b"".join)
_CHARSETS = ["", "ASCII", "UNICODE UTF-8", "UNICODE UTF-16", "ASCII~ISO IR87", "BIG-5", "NONE"]


@example(b"MSH", "", False)
@given(_PIECES, st.sampled_from(_CHARSETS), st.booleans())
def test_nothing_after_a_header_makes_reading_fail(
    tail: bytes, charset: str, header_goes_on: bool
) -> None:
    header = _HEADER + b"||||||" + charset.encode() + (b"" if header_goes_on else b"\r")
    message = read(header + tail)
    assert message.control_id == "7"
    for segment in message.segments:
        for field in range(segment.field_count() + 2):
            start, end = segment.span(field)
            assert 0 <= start <= end <= len(header + tail)
            segment.whole(field)
            for value in segment.repetitions(field):
                value.get(2, 2)
                value.component(1).component(1).get()
    assert all(leaf.location and leaf.value is not None for leaf in leaves(message))


@given(
    st.binary(max_size=60), st.sampled_from([b"", b"\xff\xfe", b"\xfe\xff", b"MSH", b"M\0S\0H\0"])
)
def test_any_bytes_are_read_or_called_unreadable(tail: bytes, head: bytes) -> None:
    message = None
    with suppress(InvalidMessage):
        message = read(head + tail)
    assert message is None or b"MSH" in (head + tail).replace(b"\0", b"")


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])),
        max_size=8,
    )
)
def test_segments_join_to_the_original_text(bodies: list[str]) -> None:
    lines = [_HEADER.decode() + "||||||UNICODE UTF-8", *(f"ZZ1|{body}" for body in bodies)]
    content = "\r".join(lines).encode()
    message = read(content)
    expected = content.rstrip(b"\x1c") if content.endswith(b"\x1c") else content
    assert "\r".join(segment.text for segment in message.segments).encode() in (content, expected)
    assert not [issue for issue in message.issues if issue.severity == SEVERITY_ERROR]
