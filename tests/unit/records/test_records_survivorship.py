"""Which version wins, as laws: arrival order does not matter, and a replay equals the live run."""

import dataclasses
import uuid

from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.envelope.v1.envelope_pb2 import Envelope
from plexus.api.records.v1.records_pb2 import ChangedEvent
from services.records.domain import Record, Slot
from tests.unit.records.records_material import (
    ADT,
    LAB,
    Chart,
    envelope_of,
    person,
    resolved,
    result,
)

_TIMES = ["", "2026", "2026-03-01", "2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00", "2027"]


@dataclasses.dataclass(frozen=True)
class Told:
    """One message, apart from its receipt number."""

    time: str
    source: str
    status: str
    key: str
    family: str
    city: str
    number: str
    is_merge: bool
    deleted: bool
    cleared: tuple[str, ...]


_told = st.builds(
    Told,
    time=st.sampled_from(_TIMES),
    source=st.sampled_from([ADT, LAB]),
    status=st.sampled_from(["preliminary", "final", "corrected"]),
    key=st.sampled_from(["Observation|A", "Observation|B"]),
    family=st.sampled_from(["", "Quill", "Inkwell"]),
    city=st.sampled_from(["", "Tocktown"]),
    number=st.sampled_from(["1", "2"]),
    is_merge=st.booleans(),
    deleted=st.booleans(),
    cleared=st.sampled_from([(), ("addresses",), ("addresses", "names")]),
)


def _envelopes(messages: list[Told]) -> list[Envelope]:
    return [
        envelope_of(
            resolved(
                [
                    result(told.status, key=told.key, time=told.time, source=told.source),
                    person(
                        told.family,
                        time=told.time,
                        source=told.source,
                        number=told.number,
                        city=told.city,
                        deleted=told.deleted,
                        cleared=told.cleared,
                    ),
                ],
                kind=EventKind.EVENT_KIND_MERGE if told.is_merge else EventKind.EVENT_KIND_UPSERT,
            ),
            receipt=receipt,
            source=told.source,
        )
        for receipt, told in enumerate(messages, 1)
    ]


def _state(record: Record) -> object:
    """All that readers see, version numbers aside: those count what was seen on the way."""
    held = {
        slot: (each.content, each.source, each.time, each.message_id)
        for slot, each in record.held.items()
    }
    golden = record.golden.resource if record.golden else b""
    return held, golden


def _ran(envelopes: list[Envelope]) -> Record:
    chart = Chart()
    for envelope in envelopes:
        chart.turn(envelope)
    return chart.record


_both = st.lists(_told, min_size=1, max_size=7).flatmap(
    lambda messages: st.tuples(st.just(messages), st.permutations(range(len(messages))))
)


@given(_both)
def test_the_record_does_not_depend_on_the_order_of_arrival(
    both: tuple[list[Told], list[int]],
) -> None:
    messages, order = both
    envelopes = _envelopes(messages)
    assert _state(_ran(envelopes)) == _state(_ran([envelopes[at] for at in order]))


@given(st.lists(_told, max_size=7))
def test_a_replay_equals_the_live_run(messages: list[Told]) -> None:
    envelopes = _envelopes(messages)
    chart = Chart()
    for envelope in envelopes:
        chart.turn(envelope)
    before = _state(chart.record)
    numbers = {slot: each.number for slot, each in chart.record.held.items()}
    for envelope in envelopes:
        envelope.attempt = 2
        chart.turn(envelope)
    assert _state(chart.record) == before
    assert {slot: each.number for slot, each in chart.record.held.items()} == numbers


@given(_both, st.integers(0, 7))
def test_a_record_taken_over_ends_as_if_it_had_been_one_from_the_start(
    both: tuple[list[Told], list[int]], cut: int
) -> None:
    messages, order = both
    envelopes = _envelopes(messages)
    left = _ran([envelopes[at] for at in order[:cut]])
    survivor = Chart()
    for at in order[cut:]:
        survivor.turn(envelopes[at])
    survivor.record.estates["prior"] = dict(left.held)
    survivor.record.absorb("prior", str(uuid.uuid4()))
    survivor.record.settle_person()
    assert _state(survivor.record) == _state(_ran(envelopes))


def test_an_older_version_that_comes_late_is_history_only() -> None:
    chart = Chart()
    chart.take(result("final", time="2026-03-02"))
    changed = chart.take(result("preliminary", time="2026-03-01"))
    (told,) = changed.resources
    assert told.resource.observation.status == "final"
    assert told.version == 1
    (_, past) = chart.record.history
    assert b"preliminary" in past.version.content


def test_at_the_same_source_time_the_later_receipt_wins() -> None:
    for order in ([1, 2], [2, 1]):
        chart = Chart()
        told = {1: result("preliminary", time="2026"), 2: result("final", time="2026")}
        changed = ChangedEvent()
        for receipt in order:
            changed = chart.take(told[receipt], receipt=receipt)
        assert changed.resources[0].resource.observation.status == "final"


def test_an_equal_later_word_keeps_the_version_and_holds_against_what_lies_between() -> None:
    chart = Chart()
    chart.take(result("final", time="2026-03-01"))
    chart.take(result("final", time="2026-03-03"))
    changed = chart.take(result("corrected", time="2026-03-02"))
    assert changed.resources[0].resource.observation.status == "final"
    assert changed.resources[0].version == 1
    slot = Slot("Observation", "Observation|K", "")
    assert chart.record.held[slot].time == "2026-03-03"
