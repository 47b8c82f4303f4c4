"""Views of a read message: fields, values, nulls, offsets, leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import NULL, Leaf, Message, Segment, Value, leaves, read

_HEADER = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|7|P|2.5.1||||||"


def _read(*segments: str, charset: str = "UNICODE UTF-8", codec: str = "utf-8") -> Message:
    return read("\r".join((_HEADER + charset, *segments)).encode(codec))


def _segment(text: str) -> Segment:
    return _read(text).segments[1]


def test_a_place_is_found_by_field_repetition_component_and_subcomponent() -> None:
    segment = _segment("PID|1||a^b^^H&1.2&ISO~c^d")
    assert segment.get(3) == "a"
    assert segment.get(3, 2) == "b"
    assert segment.get(3, 4) == "H"
    assert segment.get(3, 4, 3) == "ISO"
    assert segment.get(3, 2, repetition=2) == "d"


@pytest.mark.parametrize(
    ("field", "component", "subcomponent", "repetition"),
    [
        (2, 1, 1, 1),
        (9, 1, 1, 1),
        (0, 1, 1, 1),
        (-1, 1, 1, 1),
        (1, 2, 1, 1),
        (3, 9, 1, 1),
        (3, 0, 1, 1),
        (3, 1, 2, 1),
        (3, 4, 9, 1),
        (3, 4, 0, 1),
        (3, 1, 1, 3),
        (3, 1, 1, 0),
    ],
)
def test_what_is_not_there_is_empty(
    field: int, component: int, subcomponent: int, repetition: int
) -> None:
    segment = _segment("PID|1||a^b^^H&1~c")
    assert segment.get(field, component, subcomponent, repetition) == ""


def test_the_null_is_no_empty_value() -> None:
    segment = _segment('PID|""|""^x|a^""')
    assert segment.get(1) == NULL
    assert segment.repetitions(1)[0].is_null
    assert segment.get(2) == NULL
    assert not segment.repetitions(2)[0].is_null
    assert segment.get(3, 2) == NULL


def test_repetitions_keep_their_places() -> None:
    segment = _segment("PID|a~~c^d||")
    assert [value.text for value in segment.repetitions(1)] == ["a", "", "c^d"]
    assert segment.repetitions(2) == []
    assert segment.repetitions(7) == []


def test_a_component_is_a_value_of_its_own() -> None:
    (value,) = _segment("PID|a^H&1.2\\T\\3&ISO^z").repetitions(1)
    authority = value.component(2)
    assert (authority.get(), authority.get(2), authority.get(3)) == ("H", "1.2&3", "ISO")
    assert (value.component_count(), authority.component_count()) == (3, 3)
    assert value.component(1).component_count() == 1
    assert value.component(9).component_count() == 0
    assert authority.component(2).get() == "1.2&3"
    assert authority.component(2).get(1, 2) == ""
    assert (value.get(2, 2), value.get(2, 9), value.get(0), value.get(4)) == ("1.2&3", "", "", "")
    assert (value.get(1, 2), value.get(2, 0)) == ("", "")


def test_a_whole_value_keeps_separators_that_were_left_unescaped() -> None:
    segment = _segment("OBX|1|TX|||5^6 & more\\T\\~next")
    assert segment.repetitions(5)[0].whole() == "5^6 & more&"
    assert segment.whole(5) == "5^6 & more&~next"
    assert segment.raw(5) == "5^6 & more\\T\\~next"
    assert _read().msh.whole(2) == "^~\\&"


def test_escapes_are_decoded_on_every_way_to_a_value() -> None:
    segment = _segment("PID|a\\S\\b^c\\T\\d&e\\XC3A4\\")
    assert (segment.get(1), segment.get(1, 2, 2)) == ("a^b", "eä")
    assert segment.repetitions(1)[0].get(1) == "a^b"


def test_segments_are_found_by_name_and_numbered() -> None:
    message = _read("OBX|1", "NTE|1", "OBX|2")
    assert [(s.index, s.position) for s in message.all("OBX")] == [(1, 1), (2, 3)]
    assert message.first("OBX") is message.segments[1]
    assert (message.first("ZZZ"), message.all("ZZZ")) == (None, [])


def test_the_separators_of_the_header_are_fields() -> None:
    message = _read()
    assert message.msh.raw(1) == "|"
    assert [value.whole() for value in message.msh.repetitions(2)] == ["^~\\&"]
    assert message.msh.field_count() == 18


def test_a_null_in_the_header_is_nothing() -> None:
    message = read(b'MSH|^~\\&|||||||""^""|""|""|""\r')
    assert (message.type, message.control_id, message.version) == ("", "", "")


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("UNICODE UTF-8", "utf-8-sig"),
        ("UNICODE UTF-16", "utf-16"),
        ("8859/1", "iso8859-1"),
        ("GB 18030-2000", "gb18030"),
        ("BIG-5", "big5"),
        ("~ISO IR87", "iso2022_jp"),
    ],
)
def test_the_span_of_a_field_is_its_bytes_in_the_original(charset: str, codec: str) -> None:
    name = "MÜLLER" if codec == "iso8859-1" else "中本"
    name = "MÜLLERä" if codec.startswith("utf") else name
    text = f"{_HEADER}{charset}\rPID|{name}^{name}||{name}|\rZZ1|x"
    content = text.encode(codec)
    message = read(content)
    inner = message.charset
    for segment in message.segments:
        for field in range(1, segment.field_count() + 1):
            start, end = segment.span(field)
            assert content[start:end].decode(inner) == segment.raw(field)
    start, end = message.segments[1].span(99)
    assert start == end


def test_the_span_counts_what_stands_before_the_message() -> None:
    content = b"\r\n  MSH|^~\\&|A\rPID|1||77\r"
    start, end = read(content).segments[1].span(3)
    assert content[start:end] == b"77"


def test_leaves_are_every_populated_place_in_order() -> None:
    message = read(b'MSH|^~\\&|A\rPID|1||a^^^H&1~b||""|x\\S\\y\rOBX|1\rOBX||^^\r')
    assert list(leaves(message)) == [
        Leaf("MSH[1]-1[1].1.1", "|"),
        Leaf("MSH[1]-2[1].1.1", "^~\\&"),
        Leaf("MSH[1]-3[1].1.1", "A"),
        Leaf("PID[1]-1[1].1.1", "1"),
        Leaf("PID[1]-3[1].1.1", "a"),
        Leaf("PID[1]-3[1].4.1", "H"),
        Leaf("PID[1]-3[1].4.2", "1"),
        Leaf("PID[1]-3[2].1.1", "b"),
        Leaf("PID[1]-5[1].1.1", '""'),
        Leaf("PID[1]-6[1].1.1", "x^y"),
        Leaf("OBX[1]-1[1].1.1", "1"),
    ]


def test_text_after_a_bare_name_is_a_leaf_too() -> None:
    message = read(b"MSH|^~\\&|A\rPV2\rfree text\r")
    assert list(leaves(message))[-1] == Leaf("PV2[1]-0", "\rfree text")


_WORD = st.text(alphabet="ab\\^~&|1 \u00e4\u5c71", min_size=1, max_size=6)


@given(st.lists(st.lists(_WORD, min_size=1, max_size=3), min_size=1, max_size=5))
def test_leaves_agree_with_get(fields: list[list[str]]) -> None:
    message = _read("ZZ1|" + "|".join("^".join(field) for field in fields))
    for segment in message.segments[1:]:
        for leaf in leaves(message):
            name, _, place = leaf.location.partition("-")
            if name != f"{segment.name}[{segment.index}]":
                continue
            head, component, subcomponent = place.split(".")
            field, repetition = head.rstrip("]").split("[")
            found = segment.get(int(field), int(component), int(subcomponent), int(repetition))
            assert found == leaf.value


TEXTS = st.text(st.sampled_from("aB1^&~\\|T "), max_size=16)
HEADS = ["MSH|^~\\&|", "MSH|^~\\&#|", "MSH|^~|", "MSH|^|", "MSH|*~\\&|", "MSH|^^\\&|", "MSH|^~&|"]


@given(head=st.sampled_from(HEADS), text=TEXTS)
def test_every_way_to_a_leaf_gives_the_same(head: str, text: str) -> None:
    segment = read(f"{head}A\rPID|{text}".encode()).segments[1]
    for field in range(1, len(segment.fields()) + 1):
        values = segment.repetitions(field)
        assert segment.repetition_count(field) == len(values)
        assert segment.value(field).text == (values[0].text if values else "")
        for nth, value in enumerate(values, 1):
            leaves = value.leaves()
            assert len(leaves) == len(value.parts())
            assert leaves == [value.get(n) for n in range(1, len(leaves) + 1)]
            assert leaves == [segment.get(field, n, 1, nth) for n in range(1, len(leaves) + 1)]
            parts = [value.component(n) for n in range(1, len(leaves) + 1)]
            assert [part.text for part in parts] == value.parts()
            for seen in (value, *parts):
                if seen.is_usual:
                    assert Value.usual(seen.text, seen.level).leaves() == seen.leaves()
        if segment.is_usual:
            assert [value.text for value in values] == [segment.raw(field)] * len(values)
            assert all(value.is_usual for value in values)
