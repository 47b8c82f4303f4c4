"""What is known of a message beside its bytes."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plexus.errors import ConfigurationError

__all__ = ["SourceContext"]


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What is known of a message beside its bytes.

    Attributes:
        tenant: whose message it is.
        source: the system that sent it.
        message_id: of the envelope.
        time_zone: IANA name for times without an offset; empty invents none.
        default_authority: namespace for identifiers without an assigning authority; empty means
            "source:" and the source's name, for such identifiers are unique within it only.
        charset: for messages that declare none.
        zone: the time zone itself, derived.

    Raises:
        ConfigurationError: the time zone is unknown.
    """

    tenant: str
    source: str
    message_id: str
    time_zone: str = ""
    default_authority: str = ""
    charset: str = ""
    zone: ZoneInfo | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Resolve the time zone once."""
        if self.time_zone:
            try:
                zone = ZoneInfo(self.time_zone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
                raise ConfigurationError(
                    f"source {self.source}: unknown time zone {self.time_zone!r}"
                ) from exc
            object.__setattr__(self, "zone", zone)

    @property
    def authority(self) -> str:
        """Namespace of identifiers that name none."""
        return self.default_authority or f"source:{self.source}"
