"""Spans: each a child of the one before it, none where nobody asked, no error texts, listed attributes."""

import contextlib
import pathlib

import orjson
import pytest

from plexus.errors import InvalidMessage
from plexus.telemetry.names import ATTRIBUTES
from plexus.telemetry.tracing import SpanFile, SpanKind, Tracing, new_traceparent, trace_id_of

PATIENT = "Ambrosia Quill"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "spans.jsonl"


@pytest.fixture
def tracing(path: pathlib.Path) -> Tracing:
    return Tracing("records", SpanFile(path))


def spans(tracing: Tracing, path: pathlib.Path) -> dict[str, dict[str, object]]:
    """The spans by name, once all are written."""
    tracing.close()
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return {line["name"]: line for line in lines}


def test_each_hop_is_a_child_of_the_one_before_it(tracing: Tracing, path: pathlib.Path) -> None:
    root = tracing.begin("receive", SpanKind.SERVER)
    with tracing.span("send raw", root.traceparent, SpanKind.PRODUCER) as sent:
        pass
    child = tracing.start("process raw", sent.traceparent, SpanKind.CONSUMER)
    child.end()
    root.end()
    found = spans(tracing, path)
    assert found["receive"]["parent"] is None
    assert found["send raw"]["parent"] == found["receive"]["span"]
    assert found["process raw"]["parent"] == found["send raw"]["span"]
    assert {line["trace"] for line in found.values()} == {trace_id_of(root.traceparent)}
    assert found["process raw"]["kind"] == "CONSUMER"
    assert found["process raw"]["service"] == "records"


def test_links_are_kept(tracing: Tracing, path: pathlib.Path) -> None:
    other = new_traceparent(sampled=True)
    parent = new_traceparent(sampled=True)
    tracing.start("batch", parent, links=[other, "nonsense"]).end()
    assert spans(tracing, path)["batch"]["links"] == [other[36:52]]


def test_below_an_unsampled_parent_nothing_is_made_and_its_context_goes_on(
    tracing: Tracing, path: pathlib.Path
) -> None:
    parent = new_traceparent(sampled=False)
    with tracing.span("process raw", parent) as started:
        started.set("plexus.feed", "adt")
    assert started.traceparent == parent
    assert spans(tracing, path) == {}


@pytest.mark.parametrize(
    ("flags", "is_sampled"), [("01", True), ("03", True), ("00", False), ("02", False)]
)
def test_the_sampled_flag_is_one_bit_among_others(
    tracing: Tracing, path: pathlib.Path, flags: str, is_sampled: bool
) -> None:
    tracing.start("process raw", new_traceparent(sampled=True)[:-2] + flags).end()
    assert bool(spans(tracing, path)) is is_sampled


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
        "00-" + "z" * 32 + "-" + "1" * 16 + "-01",
    ],
)
def test_a_broken_context_starts_no_trace_and_goes_on_as_it_is(
    tracing: Tracing, path: pathlib.Path, parent: str
) -> None:
    assert tracing.start("process raw", parent).traceparent == parent
    assert spans(tracing, path) == {}


def test_without_an_exporter_contexts_go_on(path: pathlib.Path) -> None:
    tracing = Tracing("records", None)
    parent = new_traceparent(sampled=True)
    assert tracing.start("process raw", parent).traceparent == parent
    assert tracing.begin("receive", SpanKind.SERVER).traceparent.endswith("-00")
    tracing.close()


def test_an_error_is_told_by_type_and_reason_and_not_by_its_text(
    tracing: Tracing, path: pathlib.Path
) -> None:
    parent = new_traceparent(sampled=True)
    with contextlib.suppress(ValueError), tracing.span("first", parent):
        raise ValueError(PATIENT)
    with contextlib.suppress(InvalidMessage), tracing.span("second", parent):
        raise InvalidMessage(PATIENT)
    found = spans(tracing, path)
    assert found["first"]["failed"] is True
    assert found["first"]["attributes"] == {"error.type": "ValueError"}
    assert found["second"]["attributes"] == {
        "error.type": "InvalidMessage",
        "plexus.reason": "UNREADABLE",
    }
    assert PATIENT not in path.read_text()


def test_attributes_that_are_not_listed_are_left_out(tracing: Tracing, path: pathlib.Path) -> None:
    attributes = {"plexus.feed": "adt", "patient.name": PATIENT}
    tracing.start("process raw", new_traceparent(sampled=True), attributes=attributes).end()
    assert spans(tracing, path)["process raw"]["attributes"] == {"plexus.feed": "adt"}
    assert not [name for name in ATTRIBUTES if "patient" in name or "person" in name]


@pytest.mark.parametrize(
    ("ratio", "least", "most"), [(0.0, 0, 0), (1.0, 500, 500), (0.5, 150, 350)]
)
def test_the_ratio_decides_how_many_messages_are_traced(
    path: pathlib.Path, ratio: float, least: int, most: int
) -> None:
    tracing = Tracing("ingest", SpanFile(path), ratio)
    sampled = sum(tracing.sample() for _ in range(500))
    assert least <= sampled <= most
    tracing.close()


def test_fresh_contexts_are_w3c_traceparents() -> None:
    first, second = new_traceparent(sampled=True), new_traceparent(sampled=False)
    assert first[:3] == "00-"
    assert (first[-3:], second[-3:]) == ("-01", "-00")
    assert len(first) == 55
    assert trace_id_of(first) != trace_id_of(second)
    assert len(trace_id_of(first)) == 32
    assert trace_id_of("nonsense") == ""
