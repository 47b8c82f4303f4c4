"""What is fuzzed: functions of bytes that must not fail, hang or grow, whatever the bytes are.

Each target raises for a broken promise, and lets pass only what the promise allows (InvalidMessage with
a reason). `run.py` drives them with atheris.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

from plexus.codecs.hl7v2 import (
    acknowledge,
    acknowledge_batch,
    check,
    leaves,
    locate,
    read,
    read_batch,
)
from plexus.codecs.hl7v2.groups import grammar_of, group
from plexus.codecs.hl7v2.groups.table import structures
from plexus.errors import InvalidMessage
from services.transform.domain import SourceContext, load_maps, run_parts

__all__ = ["TARGETS"]

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_MAPS = load_maps()
_EVENTS = [
    (code, event) for code, events in sorted(_MAPS.supported.items()) for event in sorted(events)
]
_STRUCTURES = sorted(structures())
_CONTEXT = SourceContext("acme", "fuzz", "m-1", time_zone="Europe/Vienna")


def _reader(data: bytes) -> None:
    """Everything that is in a message can be listed and found in its bytes."""
    try:
        message = read(data)
    except InvalidMessage:
        return
    for count, leaf in enumerate(leaves(message)):
        assert leaf.location
        if count < 50:
            span = locate(message, leaf.location)
            assert span is not None
            assert 0 <= span[0] <= span[1] <= len(data), leaf.location
    issues = check(message, _MAPS.supported)
    acknowledge(message, "AE" if issues else "AA", issues, control_id="1", now=_NOW)


def _batch(data: bytes) -> None:
    """Cutting a file loses nothing, and its answer is a batch again."""
    batch = read_batch(data)
    answers: list[bytes | None] = [b"MSH|^~\\&|\rMSA|AA|1\r" for _ in batch.parts]
    if data.startswith((b"FHS", b"BHS")):
        answer = acknowledge_batch(data, batch, answers, control_id="1", now=_NOW)
        assert len(read_batch(answer).parts) == len(answers)
    assert sum(len(part.content) for part in batch.parts) <= len(data) + 4 * len(batch.parts)


def _groups(data: bytes) -> None:
    """Any segments in any structure: each once, in order."""
    if not data:
        return
    grammar = grammar_of(_STRUCTURES[int.from_bytes(data[:2]) % len(_STRUCTURES)])
    assert grammar is not None
    names = [*sorted(grammar.root.names), "ZZZ", "NTE", "OBX"]
    lines = "".join(f"{names[byte % len(names)]}|1\r" for byte in data[2:5000])
    message = read(f"MSH|^~\\&|||||||X^X|1|P|2.5\r{lines}".encode())
    tree = group(message, grammar)
    assert list(tree.root.walk()) == message.segments


def _convert(data: bytes) -> None:
    """A message of a supported event is converted or refused with a reason; the same way each time."""
    if not data:
        return
    code, event = _EVENTS[data[0] % len(_EVENTS)]
    content = f"MSH|^~\\&|A|B|C|D|2026||{code}^{event}|1|P|2.5.1\r".encode() + data[1:]
    with contextlib.suppress(InvalidMessage):
        converted = [each.event for each in run_parts(_MAPS, content, _CONTEXT)]
        assert converted
        assert [each.event for each in run_parts(_MAPS, content, _CONTEXT)] == converted


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reader": _reader,
    "batch": _batch,
    "groups": _groups,
    "convert": _convert,
}
"""By name."""
