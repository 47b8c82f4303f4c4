"""How things are told: times, tables, colour, and advice for every reason there is."""

import datetime

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.audit.v1.audit_pb2 import Custody, Outcome, Stage
from plexus.errors import Reason
from services.cli import telling

NOW = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)


def test_every_reason_has_words_and_a_next_step() -> None:
    for reason in Reason.values():
        advice = telling.advice_on(reason)
        assert advice.words
        assert not advice.words.startswith("reason "), Reason.Name(reason)
        assert advice.next_step
        assert not advice.next_step.endswith(".")


def test_numbers_of_a_newer_release_are_told_as_numbers() -> None:
    assert telling.advice_on(999).words == "reason 999"
    assert telling.reason_name(999) == "999"
    assert (
        telling.stage_name(77) == telling.outcome_name(77) == telling.disposition_name(77) == "77"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.000_040, "40 µs"),
        (0.0034, "3.4 ms"),
        (0.34, "340 ms"),
        (1.24, "1.2 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7140, "119 min"),
        (7200, "2 h"),
        (169_200, "47 h"),
        (3 * 86400, "3 d"),
    ],
)
def test_a_duration_has_the_unit_that_people_would_choose(seconds: float, text: str) -> None:
    assert telling.duration(seconds) == text


def test_times_are_told_from_now() -> None:
    def seconds(number: float) -> datetime.datetime:
        return NOW + datetime.timedelta(seconds=number)

    assert telling.ago(None, NOW) == "never"
    assert telling.ago(seconds(-30), NOW) == "30 s ago"
    assert telling.ago(seconds(5), NOW) == "now"
    assert telling.until(seconds(30), NOW) == "in 30 s"
    assert telling.until(None, NOW) == telling.until(seconds(-5), NOW) == "now"


@pytest.mark.parametrize(
    ("number", "text"), [(999, "999 B"), (1420, "1.4 kB"), (3_000_000, "3.0 MB")]
)
def test_a_size_is_told_in_decimal_units(number: int, text: str) -> None:
    assert telling.size(number) == text


def test_columns_are_aligned_and_numbers_stand_right() -> None:
    told = telling.table(
        ["FEED", "COUNT", "WHY"], [["a", "1,200", ""], ["long", "7", "b"]], right={"COUNT"}
    )
    assert told.splitlines() == [
        "  FEED  COUNT  WHY",
        "  a     1,200",
        "  long      7  b",
    ]
    assert telling.table(["FEED"], []) == ""


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("xy", max_size=9)), min_size=1))
def test_painted_cells_are_as_wide_as_they_look(rows: list[tuple[str, str]]) -> None:
    def painted(cell: str) -> str:
        return click.style(cell, fg="red") if cell else cell

    bare = telling.table(["H", "T"], [[text, name] for name, text in rows])
    told = telling.table(["H", "T"], [[painted(text), name] for name, text in rows])
    assert click.unstyle(told) == bare


@given(st.text())
def test_plain_text_never_holds_what_a_terminal_obeys(text: str) -> None:
    assert telling.plain(text).isprintable()


def test_plain_text_leaves_what_people_read() -> None:
    assert telling.plain("Zürich 東京 C-1") == "Zürich 東京 C-1"


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_gets_colour_unless_it_wants_none(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", _Terminal())
    assert telling.uses_colour() is is_coloured
    assert (telling.paint("ok", "green") != "ok") is is_coloured


def test_what_is_no_terminal_gets_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert telling.paint("ok", "green", bold=True) == "ok"


def test_a_reason_is_told_with_its_detail_or_else_in_words() -> None:
    reason = Reason.REASON_CONSENT_DENIED
    assert telling.why_text(reason, "rule default/research.") == (
        "CONSENT_DENIED: rule default/research"
    )
    assert telling.why_text(reason, "") == "CONSENT_DENIED, consent does not permit it"
    assert telling.why_text(0, "") == "no reason given"


def test_every_kind_of_custody_entry_can_be_told() -> None:
    told = {
        telling.custody_text(Custody(stage=stage, outcome=outcome, destination=destination))
        for stage in Stage.values()
        for outcome in Outcome.values()
        for destination in ("", "lab")
    }
    assert all(text.strip() for text in told)
    assert {"delivered to lab", "withheld from lab", "parked on the way to lab"} <= told
