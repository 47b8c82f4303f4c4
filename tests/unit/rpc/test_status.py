"""Errors as gRPC status: what a leaf becomes, and that it comes back as itself."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from plexus import errors
from plexus.api.errors.v1.errors_pb2 import ErrorDetail
from plexus.errors import PlexusError, Reason
from plexus.rpc.status import DETAILS_KEY, code_of, details_of, error_of, message_of

LEAVES = [
    value
    for name in errors.__all__
    if isinstance(value := getattr(errors, name), type) and issubclass(value, PlexusError)
]


def back(error: PlexusError) -> PlexusError:
    return error_of(code_of(error), "a/method", ((DETAILS_KEY, details_of(error)),))


@given(
    st.sampled_from(LEAVES),
    st.sampled_from(Reason.values()),
    st.text(max_size=50),
    st.text(max_size=20),
)
def test_each_leaf_comes_back_as_itself(
    kind: type[PlexusError], reason: Reason.ValueType, detail: str, location: str
) -> None:
    error = back(kind(detail, reason=reason, location=location))
    assert type(error) is kind
    assert (error.reason, error.detail, error.location) == (reason, detail, location)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidMessage, grpc.StatusCode.INVALID_ARGUMENT),
        (errors.InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
        (errors.NotFound, grpc.StatusCode.NOT_FOUND),
        (errors.ConfigurationError, grpc.StatusCode.FAILED_PRECONDITION),
        (errors.Refused, grpc.StatusCode.FAILED_PRECONDITION),
        (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
        (errors.Fenced, grpc.StatusCode.UNAVAILABLE),
        (errors.DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
        (errors.Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (PlexusError, grpc.StatusCode.INTERNAL),
    ],
)
def test_each_leaf_has_its_status(kind: type[PlexusError], code: grpc.StatusCode) -> None:
    assert code_of(kind("x")) is code


def test_a_subclass_that_the_wire_does_not_know_comes_back_as_its_leaf() -> None:
    class Special(errors.Unavailable):
        """A service's own."""

    assert type(back(Special("x"))) is errors.Unavailable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.CANCELLED, errors.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.Overloaded),
        (grpc.StatusCode.UNKNOWN, PlexusError),
    ],
)
@pytest.mark.parametrize("trailing", [(), ((DETAILS_KEY, b"\xff\xff"),), (("other", "text"),)])
def test_without_details_the_status_alone_decides(
    code: grpc.StatusCode, kind: type[PlexusError], trailing: tuple[tuple[str, str | bytes], ...]
) -> None:
    error = error_of(code, "a/method", trailing)
    assert type(error) is kind
    assert "a/method" in error.detail


def test_a_method_that_is_not_offered_is_told() -> None:
    error = error_of(grpc.StatusCode.UNIMPLEMENTED, "a/method", ())
    assert error.reason == Reason.REASON_NOT_FOUND
    assert "not offered" in error.detail


def test_a_leaf_of_somebody_elses_is_not_believed() -> None:
    status = status_pb2.Status()
    status.details.add().Pack(ErrorDetail(reason=Reason.REASON_NOT_FOUND, detail="x"))
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="Fenced", domain="example.org"))
    trailing = ((DETAILS_KEY, status.SerializeToString()),)
    assert type(error_of(grpc.StatusCode.NOT_FOUND, "m", trailing)) is errors.NotFound


@pytest.mark.parametrize("character", ["x", "é", "\N{GRINNING FACE}"])
def test_what_a_status_carries_stays_small(character: str) -> None:
    error = errors.ConfigurationError(character * 50_000)
    assert len(details_of(error)) < 4000
    assert len(message_of(error).encode()) < 1100
    assert back(error).detail.startswith(character * 100)
