"""Translates between the error tree and gRPC status with details (google.rpc.Status)."""

from collections.abc import Iterable
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from plexus.api.errors.v1.errors_pb2 import ErrorDetail, Reason
from plexus.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidMessage,
    InvalidRequest,
    NotFound,
    Overloaded,
    PlexusError,
    Refused,
    Transient,
    Unavailable,
)

__all__ = ["DETAILS_KEY", "code_of", "details_of", "error_of"]

DETAILS_KEY: Final = "grpc-status-details-bin"

# The most special class first.
_CODES: Final[tuple[tuple[type[PlexusError], grpc.StatusCode], ...]] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (ConfigurationError, grpc.StatusCode.FAILED_PRECONDITION),
    (InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (InvalidMessage, grpc.StatusCode.INVALID_ARGUMENT),
    (Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
    (Overloaded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Transient, grpc.StatusCode.UNAVAILABLE),
)

_ERRORS: Final[dict[grpc.StatusCode, type[PlexusError]]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
}


def code_of(error: PlexusError) -> grpc.StatusCode:
    """The gRPC status of an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return grpc.StatusCode.INTERNAL


def details_of(error: PlexusError) -> bytes:
    """A serialised google.rpc.Status that carries the reason."""
    status = status_pb2.Status(code=code_of(error).value[0], message=error.detail)
    status.details.add().Pack(
        ErrorDetail(
            reason=error.reason,
            detail=error.detail,
            location=error.location,
            retryable=error.retryable,
        )
    )
    return bytes(status.SerializeToString())


def error_of(
    code: grpc.StatusCode, method: str, trailing: Iterable[tuple[str, str | bytes]]
) -> PlexusError:
    """The error behind a failed call: by its details where the peer sent some, else by its code."""
    kind = _ERRORS.get(code, PlexusError)
    for key, value in trailing:
        if key != DETAILS_KEY or not isinstance(value, bytes):
            continue
        detail = ErrorDetail()
        try:
            packed = status_pb2.Status.FromString(value).details
            if packed and packed[0].Unpack(detail):
                return kind(detail.detail, reason=detail.reason, location=detail.location)
        except DecodeError:
            break
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return kind(f"{method} is not offered by that server", reason=Reason.REASON_NOT_FOUND)
    return kind(f"{method} failed with {code.name}")
