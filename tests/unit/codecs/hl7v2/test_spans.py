"""Byte offsets: every part of a message is found again in the bytes it came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import Message, leaves, locate, read

TEXT = (
    "MSH|^~\\&|a|b|||||ADT^A01|1|P|2.5.1||||||{charset}\r"
    "PID|1||7^^^Ä&1.2&ISO^MR~8^^^B||Łoś^Żar||é\r"
    'NK1|1|x\\T\\y||""\r'
)


def cut(message: Message, content: bytes, location: str) -> str | None:
    span = locate(message, location)
    return None if span is None else content[span[0] : span[1]].decode(message.charset)


@pytest.mark.parametrize(
    ("charset", "codec", "mark"),
    [
        ("UNICODE UTF-8", "utf-8", b""),
        ("UNICODE UTF-8", "utf-8", b"\xef\xbb\xbf"),
        ("UNICODE UTF-16", "utf-16-le", b"\xff\xfe"),
        ("UNICODE UTF-16", "utf-16-be", b""),
        ("8859/2", "iso8859-2", b""),
        ("GB 18030-2000", "gb18030", b""),
    ],
)
def test_a_location_is_found_down_to_the_subcomponent(
    charset: str, codec: str, mark: bytes
) -> None:
    text = TEXT.format(charset=charset)
    if codec == "iso8859-2":
        text = text.replace("é", "ě")
    content = mark + text.encode(codec)
    message = read(content)
    lines = text.split("\r")
    expected = {
        "PID": lines[1],
        "PID-3": "7^^^Ä&1.2&ISO^MR~8^^^B",
        "PID[1]-3[2]": "8^^^B",
        "PID-3.4": "Ä&1.2&ISO",
        "PID-3[1].4.3": "ISO",
        "PID-3[2].4.1": "B",
        "PID-3.4.4": None,
        "PID-3[3]": None,
        "PID-99": None,
        "PID[2]-1": None,
        "PID-5.2": "Żar",
        "PID-4": "",
        "PID-0": "PID",
        "MSH-1": "|",
        "MSH-2": "^~\\&",
        "MSH-2[1].1.1": "^~\\&",
        "MSH-2[2]": None,
        "MSH-9.2": "A01",
        "NK1-2": "x\\T\\y",
        "NK1-4": '""',
        "not a place": None,
    }
    assert {place: cut(message, content, place) for place in expected} == expected


@given(st.lists(st.text("ab^~&|\\T 7é", max_size=12), min_size=1, max_size=5), st.booleans())
def test_every_leaf_is_found_at_its_location(bodies: list[str], wide: bool) -> None:
    text = "MSH|^~\\&|||||||A^B|1|P|2.5\r" + "".join(f"ZZZ|{body}\r" for body in bodies)
    content = text.encode("utf-16-le" if wide else "utf-8")
    message = read(content)
    for leaf in leaves(message):
        written = cut(message, content, leaf.location)
        assert written is not None
        assert message.msh.decode(written) == leaf.value or leaf.location.startswith("MSH[1]-2")


def test_spans_of_a_long_message_take_one_pass() -> None:
    """A field of each of 20 000 segments: going over the text for each would take minutes."""
    content = ("MSH|^~\\&|||||||A^B|1|P|2.5\r" + "OBX|1|ST|ü||é\r" * 20_000).encode()
    message = read(content)
    spans = [segment.span(5) for segment in message.segments[1:]]
    assert all(content[start:end] == "é".encode() for start, end in spans)
    # Backwards is right too, though slower.
    assert [s.span(5) for s in reversed(message.segments[-20:])] == spans[:-21:-1]
