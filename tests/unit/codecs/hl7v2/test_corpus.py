"""The reader over real messages, where the shared corpus is at hand (it is not part of the tree)."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR
from plexus.codecs.hl7v2 import acknowledge, check, leaves, read, read_ack, split_batch

_DEFAULT = Path(__file__).parents[5] / "shared"
_CORPUS = Path(os.environ.get("PLEXUS_SHARED", _DEFAULT)) / "corpus" / "hl7v2"
_SUPPORTED = {"ADT": frozenset({"A01", "A04", "A08", "A40"}), "ORU": frozenset({"R01"})}

pytestmark = pytest.mark.skipif(
    not _CORPUS.is_dir(), reason="the shared corpus is not here (PLEXUS_SHARED)"
)


def _contents() -> Iterator[tuple[str, bytes]]:
    for path in sorted(_CORPUS.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()


def test_every_message_is_read_without_an_error_and_loses_no_text() -> None:
    count = 0
    for name, content in _contents():
        message = read(content)
        count += 1
        assert not [i for i in message.issues if i.severity == SEVERITY_ERROR], name
        kept = "".join(segment.text for segment in message.segments)
        text = content.decode(message.charset).lstrip("\ufeff")
        blanks = {ord(char): None for char in "\r\n\x0b\x1c\t "}
        assert kept.translate(blanks) == text.translate(blanks), name
    assert count > 600


def test_every_field_is_found_again_in_the_original_bytes() -> None:
    for name, content in _contents():
        message = read(content)
        for segment in message.segments[:12]:
            for field in range(1, segment.field_count() + 1):
                start, end = segment.span(field)
                assert content[start:end].decode(message.charset) == segment.raw(field), name


def test_leaves_agree_with_the_text_of_the_segments() -> None:
    for name, content in _contents():
        message = read(content)
        separators = message.separators
        drop = {ord(char): None for char in f"{separators.field}{separators.encoding_characters}"}
        if separators.escape in content.decode(message.charset).split(separators.field, 2)[2]:
            continue
        written = "".join(
            segment.text[3:].translate(drop)
            for segment in message.segments
            if segment.name != "MSH"
        )
        found = "".join(
            leaf.value for leaf in leaves(message) if not leaf.location.startswith("MSH")
        )
        assert found.translate(drop) == written, name


def test_every_message_can_be_checked_and_answered() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for name, content in _contents():
        message = read(content)
        issues = check(message, _SUPPORTED)
        code = "AE" if issues else "AA"
        ack = read_ack(acknowledge(message, code, issues, control_id="1", now=now))
        assert (ack.code, ack.control_id) == (code, message.control_id), name


def test_no_file_loses_a_message_to_cutting() -> None:
    for name, content in _contents():
        parts = split_batch(content)
        assert len(parts) == len(read(content).all("MSH")), name
