"""Metrics: each registered once, with a meaning, and no label that names a person or a message."""

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from plexus.telemetry import metrics

ALL = [(name, getattr(metrics, name)) for name in metrics.__all__]
# Closed sets, all configured or defined in the code.
LABELS = {
    "tenant",
    "feed",
    "source",
    "outcome",
    "code",
    "stage",
    "kind",
    "result",
    "effect",
    "reason",
} | {
    "destination",
    "method",
}


def test_each_metric_is_registered_once() -> None:
    names = [metric.name for metric in REGISTRY.collect() if metric.name.startswith("plexus_")]
    assert len(names) == len(set(names)) == len(ALL)


@pytest.mark.parametrize(("name", "metric"), ALL)
def test_each_metric_has_a_meaning_and_closed_labels(name: str, metric: MetricWrapperBase) -> None:
    (family,) = list(metric.describe())
    assert family.documentation.endswith(".")
    assert set(metric._labelnames) <= LABELS
