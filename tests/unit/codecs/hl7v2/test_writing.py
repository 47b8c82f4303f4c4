"""What is written is read again as it was given, in any separators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import NULL, SegmentWriter, Separators, read

SEPARATORS = [
    Separators(),
    Separators("$", "%", "?", "!", "@", "+"),
    Separators("|", ".", "/", "\\", ","),
]
TEXT = st.text(
    st.sampled_from(["a", "é", "山", " ", *'|^~\\&#$%?!@+./,"\r\n', "T", "F"]), max_size=12
)


def written(writer: SegmentWriter, *fields: str) -> bytes:
    head = writer.segment("MSH", writer.separators.encoding_characters, *[""] * 15, "UNICODE UTF-8")
    return writer.message([head, writer.segment("ZZZ", *fields)])


@given(st.lists(st.lists(TEXT, min_size=1, max_size=3), min_size=1, max_size=3), TEXT, st.data())
def test_what_is_written_is_read_again(
    components: list[list[str]], second: str, data: st.DataObject
) -> None:
    writer = SegmentWriter(data.draw(st.sampled_from(SEPARATORS)))
    value = writer.repeated(writer.parts(*components), writer.text(second))
    segment = read(written(writer, "", value, "end")).segments[1]
    for n, subcomponents in enumerate(components, 1):
        for m, text in enumerate(subcomponents, 1):
            assert segment.get(2, n, m) == text
    assert segment.get(2, repetition=2) == second
    assert segment.get(3) == "end"


def test_empty_ends_are_left_out_and_the_null_stays() -> None:
    writer = SegmentWriter()
    assert (
        writer.segment("PID", "1", "", writer.parts("7", "", ["H", "", ""], "", ""), "")
        == "PID|1||7^^H"
    )
    assert writer.parts(NULL, 'say "x"') == '""^say "x"'
    assert writer.repeated("", "", "x", "") == "~~x"


def test_controls_never_leave_and_unknown_characters_are_told() -> None:
    writer = SegmentWriter()
    assert writer.text("a\x0b\x1c\x00b\r") == "ab\\X0D\\"
    assert writer.message(["ZZZ|é山"], "iso8859-1") == b"ZZZ|\xe9?\r"


@pytest.mark.parametrize(
    "separators", [Separators("|", "^", "", "", ""), Separators("|", "^", "~", "", "")]
)
def test_a_message_without_a_separator_keeps_the_first_part_only(separators: Separators) -> None:
    writer = SegmentWriter(separators)
    assert writer.parts(["a", "b"], "c") == "a^c"
    assert writer.repeated("a", "b") == ("a~b" if separators.repetition else "a")
