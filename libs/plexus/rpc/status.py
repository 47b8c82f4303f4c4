"""Translates between the error tree and gRPC status with details (google.rpc.Status)."""

from collections.abc import Iterable
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from plexus.api.errors.v1.errors_pb2 import ErrorDetail, Reason
from plexus.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Fenced,
    InvalidMessage,
    InvalidRequest,
    NotFound,
    Overloaded,
    PlexusError,
    Refused,
    Transient,
    Unavailable,
)

__all__ = ["DETAILS_KEY", "code_of", "details_of", "error_of", "message_of"]

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

_DOMAIN: Final = "plexus"
# Different leaves share a status, so a leaf is also told by its name.
_LEAVES: Final[dict[str, type[PlexusError]]] = {
    kind.__name__: kind
    for kind in (
        PlexusError,
        InvalidMessage,
        InvalidRequest,
        NotFound,
        ConfigurationError,
        Refused,
        Transient,
        Unavailable,
        DeadlineExceeded,
        Overloaded,
        Fenced,
    )
}
# A client takes 8 KiB of metadata, and the detail stands in them three times.
_MOST_BYTES: Final = 1000

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


def message_of(error: PlexusError) -> str:
    """The detail, cut to what a status can carry."""
    return _cut(error.detail)


def details_of(error: PlexusError) -> bytes:
    """A serialised google.rpc.Status that carries the leaf and its reason."""
    detail = message_of(error)
    status = status_pb2.Status(code=code_of(error).value[0], message=detail)
    status.details.add().Pack(
        ErrorDetail(
            reason=error.reason,
            detail=detail,
            location=_cut(error.location),
            retryable=error.retryable,
        )
    )
    leaf = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _LEAVES)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=leaf, domain=_DOMAIN))
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
                leaf = error_details_pb2.ErrorInfo()
                if len(packed) > 1 and packed[1].Unpack(leaf) and leaf.domain == _DOMAIN:
                    kind = _LEAVES.get(leaf.reason, kind)
                return kind(detail.detail, reason=detail.reason, location=detail.location)
        except DecodeError:
            break
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return kind(f"{method} is not offered by that server", reason=Reason.REASON_NOT_FOUND)
    return kind(f"{method} failed with {code.name}")


def _cut(text: str) -> str:
    raw = text.encode(errors="replace")
    if len(raw) <= _MOST_BYTES:
        return raw.decode()
    return raw[:_MOST_BYTES].decode(errors="ignore") + "…"
