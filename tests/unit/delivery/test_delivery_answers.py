"""What an HTTP answer means for a message. Out of scope: how it was got."""

import pytest

from plexus.errors import ConfigurationError, Overloaded, PlexusError, Refused, Unavailable
from services.delivery.domain import judge_answer


@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_no_error(status: int) -> None:
    assert judge_answer(status) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (422, Refused),
        (401, ConfigurationError),
        (404, ConfigurationError),
        (429, Overloaded),
        (500, Unavailable),
        (503, Unavailable),
        (418, Unavailable),
    ],
)
def test_an_error_is_the_messages_or_the_configurations_or_the_weathers(
    status: int, kind: type[PlexusError]
) -> None:
    assert type(judge_answer(status)) is kind


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_answer_that_points_elsewhere_asks_for_another_url(status: int) -> None:
    error = judge_answer(status)
    assert isinstance(error, ConfigurationError)
    assert "check its url" in error.detail


def test_issue_codes_are_told() -> None:
    error = judge_answer(422, ("required", "value"))
    assert error is not None
    assert error.detail.endswith("HTTP 422 (required, value)")
