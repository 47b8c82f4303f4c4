"""Statuses over time: what is settled never goes back. Times and receipts: `test_records_survivorship`."""

import itertools

import pytest

from plexus.api.canonical.v1.datatypes_pb2 import Origin
from plexus.api.canonical.v1.resources_pb2 import DiagnosticReport, Resource
from plexus.api.records.v1.records_pb2 import Disposition
from tests.unit.records.records_material import LAB, Chart, result


def _report(status: str, *, time: str) -> Resource:
    return Resource(
        key="DiagnosticReport|LAB|F1",
        origin=Origin(source=LAB, time=time),
        diagnostic_report=DiagnosticReport(status=status),
    )


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        (["final", "preliminary"], "final"),
        (["final", "registered"], "final"),
        (["final", "unknown"], "final"),
        (["corrected", "preliminary"], "corrected"),
        (["cancelled", "preliminary"], "cancelled"),
        (["entered-in-error", "preliminary"], "entered-in-error"),
        (["preliminary", "final", "preliminary"], "final"),
        (["registered", "preliminary"], "preliminary"),
        (["final", "corrected"], "corrected"),
        (["corrected", "final"], "final"),
        (["final", "cancelled"], "cancelled"),
        (["cancelled", "final"], "final"),
        (["final", "entered-in-error"], "entered-in-error"),
        (["entered-in-error", "corrected"], "corrected"),
        (["final", "entered-in-error", "preliminary"], "entered-in-error"),
    ],
)
def test_a_result_goes_on_and_never_back_whatever_comes_first(said: list[str], stands: str) -> None:
    """`said` in the order of their times at the laboratory."""
    told = [
        [
            result(status, time=f"2026-03-0{day}"),
            _report(status, time=f"2026-03-0{day}"),
        ]
        for day, status in enumerate(said, 1)
    ]
    for order in itertools.permutations(range(len(said))):
        chart = Chart()
        changed = [chart.take(*told[at], receipt=at + 1) for at in order][-1]
        shown = {each.resource.WhichOneof("content"): each.resource for each in changed.resources}
        assert shown["observation"].observation.status == stands
        assert shown["diagnostic_report"].diagnostic_report.status == stands


def test_a_preliminary_word_after_the_final_one_is_history() -> None:
    chart = Chart()
    chart.take(result("final", time="2026-03-01"))
    changed = chart.take(result("preliminary", time="2026-03-02"))
    (told,) = changed.resources
    assert told.disposition == Disposition.DISPOSITION_SUPERSEDED
    assert told.version == 1
    assert [each.disposition for each in chart.record.history] == [
        Disposition.DISPOSITION_CREATED,
        Disposition.DISPOSITION_SUPERSEDED,
    ]
    chart.take(result("corrected", time="2026-03-03"))
    assert chart.record.history[-1].number == 2
