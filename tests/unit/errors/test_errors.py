"""The exception tree: every leaf has a reason, and says whether a retry can help."""

import pytest

from plexus import errors
from plexus.errors import PlexusError, Reason, Transient

LEAVES = [
    value
    for name in errors.__all__
    if isinstance(value := getattr(errors, name), type) and issubclass(value, PlexusError)
]


@pytest.mark.parametrize("kind", LEAVES)
def test_each_class_has_a_reason_of_the_registry(kind: type[PlexusError]) -> None:
    error = kind("a detail")
    assert Reason.Name(error.reason) == f"REASON_{error.reason_name}"
    assert error.reason != Reason.REASON_UNSPECIFIED
    assert str(error) == error.detail == "a detail"
    assert error.location == ""


@pytest.mark.parametrize("kind", LEAVES)
def test_only_weather_is_worth_a_retry(kind: type[PlexusError]) -> None:
    assert kind("x").retryable == issubclass(kind, Transient)


def test_a_reason_that_is_given_wins() -> None:
    error = errors.InvalidMessage(
        "x", reason=Reason.REASON_REQUIRED_FIELD_MISSING, location="PID-3.1"
    )
    assert error.reason_name == "REQUIRED_FIELD_MISSING"
    assert error.location == "PID-3.1"
    # Zero is a value, too: it must not be taken for "none given".
    assert PlexusError("x", reason=Reason.REASON_UNSPECIFIED).reason == 0
