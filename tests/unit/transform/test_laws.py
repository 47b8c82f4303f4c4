"""Laws that hold for any message: nothing is lost, nothing raises, the same in gives the same out.

The law of accounting: every leaf that was sent is in the event, mapped or as residue. With a
different word in every leaf it can be seen: each word must be found somewhere.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.message import Message as ProtoMessage
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2 import check, leaves, read
from plexus.errors import InvalidMessage
from services.transform.domain import Maps, SourceContext, convert, load_maps, run_parts
from tests.unit.transform.messages import CONTEXT, MSH, converted

MAPS = load_maps()
EVENTS = [f"{code}^{trigger}" for code, triggers in MAPS.supported.items() for trigger in triggers]
SEGMENTS = [
    "EVN",
    "PID",
    "PD1",
    "NK1",
    "PV1",
    "PV2",
    "MRG",
    "AL1",
    "DG1",
    "PR1",
    "IN1",
    "ORC",
    "OBR",
    "OBX",
    "NTE",
    "SPM",
    "ZZZ",
    "IN2",
]


def words(message: ProtoMessage) -> Iterator[str]:
    """Every text of the message, at any depth."""
    for descriptor, value in message.ListFields():
        for item in value if descriptor.is_repeated else [value]:
            if isinstance(item, ProtoMessage):
                yield from words(item)
            elif isinstance(item, bytes):
                yield item.decode("utf-8", "replace")
            else:
                yield str(item)


def lost(content: bytes, event: ProtoMessage) -> list[str]:
    """Places whose value is nowhere in the event; separators and recognised codes aside."""
    said = "\n".join(words(event))
    return [
        leaf.location
        for leaf in leaves(read(content))
        if leaf.value.startswith("w") and leaf.value not in said
    ]


VALUE_TYPES = ["NM", "SN", "ST", "CWE", "TS", "TM", "DR", "NR", "ED", "RP", "XX"]


@pytest.mark.parametrize(
    ("name", "value_type"),
    [(name, "") for name in SEGMENTS if name != "OBX"] + [("OBX", kind) for kind in VALUE_TYPES],
)
@pytest.mark.parametrize("kind", ["ADT^A01", "ADT^A02", "ADT^A40", "ORU^R01"])
def test_no_word_is_lost_wherever_it_stands(
    maps: Maps, name: str, kind: str, value_type: str
) -> None:
    parts = []
    for field in range(1, 56):
        repetitions = [
            "^".join(
                f"w{field}x{r}x{c}" + (f"&w{field}x{r}x{c}x2" if c in {1, 4, 9} else "")
                for c in range(1, 24)
            )
            for r in (1, 2)
        ]
        parts.append("~".join(repetitions))
    if value_type:
        parts[1] = value_type
    lines = [f"{name}|" + "|".join(parts)]
    before = ["PID|1||5^^^H"] if name != "PID" else []
    after = ["MRG|6^^^H"] if kind == "ADT^A40" and name != "MRG" else []
    content = "\r".join([MSH.format(type=kind), *before, *lines, *after, ""]).encode()
    assert lost(content, convert(maps, content, CONTEXT)) == []


CODES = st.sampled_from(["F", "M", "I", "P", "Y", "N", "NM", "SN", "TX", "CWE", "ED", "DT", "UCUM", "LN", "20240101", "202402301200", "5.0", "PH", "PRN", '""'])  # fmt: skip
ANY = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
LEAF = st.one_of(
    st.just(""), CODES, ANY, st.sampled_from(["^", "&", "~", "\\", "\\T\\", "\\X41\\"])
)
FIELD = st.lists(LEAF, max_size=5).map("^".join)
LINE = st.tuples(st.sampled_from(SEGMENTS), st.lists(FIELD, max_size=24)).map(
    lambda pair: "|".join([pair[0], *pair[1]])
)


@given(kind=st.sampled_from(EVENTS), lines=st.lists(LINE, max_size=8))
def test_garbage_never_raises_anything_but_invalid_message(kind: str, lines: list[str]) -> None:
    content = "\r".join([MSH.format(type=kind), *lines, ""]).encode()
    try:
        event = convert(MAPS, content, CONTEXT)
    except InvalidMessage:
        return
    keys = [resource.key for resource in event.resources]
    assert all(keys)
    assert len(set(keys)) == len(keys)
    assert convert(MAPS, content, CONTEXT).SerializeToString(
        deterministic=True
    ) == event.SerializeToString(deterministic=True)


@given(content=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_converted(content: bytes) -> None:
    for prefix in (b"", b"MSH|^~\\&|||||||ADT^A01|1|P|2.5\rPID|||"):
        with contextlib.suppress(InvalidMessage):
            convert(MAPS, prefix + content, CONTEXT)


@given(words=st.lists(st.from_regex(r"w[a-z]{3,6}", fullmatch=True), min_size=1, max_size=9))
def test_lines_of_text_are_all_in_the_report(words: list[str]) -> None:
    lines = [f"OBX|{n}|TX|r^Report^L|1|{word}" for n, word in enumerate(words)]
    event = converted(MAPS, "ORU^R01", "PID|1||5^^^H", "OBR|1||F1|x", *lines)
    texts = [r.observation.value.text for r in event.resources if r.HasField("observation")]
    assert texts == ["\n".join(words)]


CORPUS = Path(os.environ.get("PLEXUS_SHARED", Path(__file__).parents[4] / "shared")) / "corpus"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_every_corpus_message_of_supported_types_converts() -> None:
    converted_ones = 0
    refused = []
    context = SourceContext("acme", "corpus", "m-1")
    for path in sorted(CORPUS.glob("hl7v2/**/*")):
        content = path.read_bytes() if path.is_file() else b""
        if b"MSH" not in content:
            continue
        message = read(content)
        if message.trigger not in MAPS.supported.get(message.code, ()):
            continue
        try:
            parts = run_parts(MAPS, content, context)
        except InvalidMessage:
            # What intake refuses does not come here.
            if not check(message, MAPS.supported):
                refused.append(path.name)
            continue
        converted_ones += 1
        keys = [resource.key for part in parts for resource in part.event.resources]
        assert len(set(keys)) == len(keys) or len(parts) > 1, path.name
        places = {leaf.location for leaf in leaves(message)}
        assert {item.location for part in parts for item in part.event.residue} <= places, path.name
    assert refused == []
    assert converted_ones > 390
