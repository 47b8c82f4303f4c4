"""Simulated time: processes wake in order, one message a step; stamps and office hours."""

import datetime
import zoneinfo
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from services.cli.simulation.agenda import Agenda, Process, day_of, opening, stamp

PLACE = zoneinfo.ZoneInfo("Europe/Vienna")
MOMENTS = st.integers(1_767_225_600, 1_830_297_600).map(float)
"""Seconds of 2026 and 2027."""


def steps(agenda: Agenda[str], most: int = 100) -> Iterator[tuple[float, str]]:
    for _ in range(most):
        if agenda.next_at is None:
            return
        sent = agenda.step()
        if sent is not None:
            yield agenda.now, sent


def test_processes_wake_in_the_order_of_time_and_then_of_their_start() -> None:
    def process(name: str, *naps: float) -> Process[str]:
        for nap in naps:
            yield nap
            yield name

    agenda: Agenda[str] = Agenda(1000.0)
    agenda.start(process("late", 50.0))
    agenda.start(process("one", 10.0, 10.0))
    agenda.start(process("two", 10.0))
    agenda.start(process("waits"), after=5.0)
    assert list(steps(agenda)) == [
        (1010.0, "one"),
        (1010.0, "two"),
        (1022.0, "one"),
        (1050.0, "late"),
    ]


def test_a_process_may_start_others_at_once_and_end() -> None:
    agenda: Agenda[str] = Agenda(0.0)

    def child(name: str) -> Process[str]:
        yield name

    def parent() -> Process[str]:
        agenda.start(child("first"))
        agenda.start(child("second"), after=1.0)
        return
        yield

    agenda.start(parent())
    assert list(steps(agenda)) == [(0.0, "first"), (1.0, "second")]


@given(MOMENTS)
def test_a_stamp_is_the_moment_where_the_hospital_stands(at: float) -> None:
    local = datetime.datetime.fromtimestamp(at, PLACE)
    assert stamp(at) == local.strftime("%Y%m%d%H%M%S%z")
    assert stamp(at, zone=False) == local.strftime("%Y%m%d%H%M%S")
    assert day_of(at) == local.date()


@given(MOMENTS)
def test_offices_open_on_working_days_and_nobody_waits_for_longer_than_a_weekend(at: float) -> None:
    opens = opening(at)
    local = datetime.datetime.fromtimestamp(opens, PLACE)
    assert local.weekday() < 5
    assert 8 <= local.hour < 17
    assert at - 1 < opens < at + 3.1 * 86400
