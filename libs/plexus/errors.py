"""The one exception tree. Each leaf knows its reason and whether a retry can help.

    PlexusError
    ├── InvalidMessage        poison: this input can never succeed as it is; it is parked or refused
    ├── InvalidRequest        the caller's request is wrong
    │   ├── NotFound          what was asked for does not exist
    │   └── ConfigurationError  a person must change the configuration
    ├── Refused               the other side said a definite no; trying again cannot help
    └── Transient             weather: the same act may succeed later
        ├── Unavailable       a dependency cannot be reached
        │   └── DeadlineExceeded  it did not answer in time
        ├── Overloaded        a bounded queue is full
        └── Fenced            this owner has been replaced; the new one goes on

Errors are translated at boundaries only: gRPC status in `plexus.rpc`, HL7 ACK in
`plexus.codecs.hl7v2`, custody in the flow runtime. No error text ever holds a patient's data:
name places and codes, not values.
"""

from plexus.api.errors.v1.errors_pb2 import Reason

__all__ = [
    "ConfigurationError",
    "DeadlineExceeded",
    "Fenced",
    "InvalidMessage",
    "InvalidRequest",
    "NotFound",
    "Overloaded",
    "PlexusError",
    "Reason",
    "Refused",
    "Transient",
    "Unavailable",
]


class PlexusError(Exception):
    """Root of the tree.

    Attributes:
        reason: why, as the wire tells it.
        detail: what a person needs to know to mend it; free of patient data.
        location: place in the input in the dialect's notation, or empty.
        retryable: True where the same act may succeed later without a change.
    """

    default_reason: Reason.ValueType = Reason.REASON_INTERNAL
    retryable: bool = False

    def __init__(
        self, detail: str, *, reason: Reason.ValueType | None = None, location: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason: Reason.ValueType = self.default_reason if reason is None else reason
        self.location = location

    @property
    def reason_name(self) -> str:
        """The reason in short, for example MAPPING_FAILED."""
        return Reason.Name(self.reason).removeprefix("REASON_")


class InvalidMessage(PlexusError):
    """The input can never succeed as it is."""

    default_reason = Reason.REASON_UNREADABLE


class InvalidRequest(PlexusError):
    """The caller's request is wrong."""

    default_reason = Reason.REASON_INVALID_ARGUMENT


class NotFound(InvalidRequest):
    """What was asked for does not exist."""

    default_reason = Reason.REASON_NOT_FOUND


class ConfigurationError(InvalidRequest):
    """The configuration is wrong; the detail says where and what to do."""

    default_reason = Reason.REASON_CONFIGURATION


class Refused(PlexusError):
    """The other side said a definite no."""

    default_reason = Reason.REASON_DESTINATION_REFUSED


class Transient(PlexusError):
    """The same act may succeed later."""

    default_reason = Reason.REASON_UNAVAILABLE
    retryable = True


class Unavailable(Transient):
    """A dependency cannot be reached."""


class DeadlineExceeded(Unavailable):
    """A dependency did not answer in time; the outcome is unknown."""

    default_reason = Reason.REASON_DEADLINE_EXCEEDED


class Overloaded(Transient):
    """A bounded queue is full."""

    default_reason = Reason.REASON_OVERLOADED


class Fenced(Transient):
    """This owner has been replaced; its write was refused."""

    default_reason = Reason.REASON_FENCED
