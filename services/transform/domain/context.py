"""What is known of a message beside its bytes."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plexus.errors import ConfigurationError
from services.transform.domain.coder import Coder
from services.transform.domain.profile import Profile
from services.transform.domain.terms import Assigner

__all__ = ["SourceContext"]


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What is known of a message beside its bytes.

    Attributes:
        tenant: whose message it is.
        source: the system that sent it.
        message_id: of the envelope.
        time_zone: IANA name for times without an offset; empty invents none.
        default_authority: who assigns identifiers that name nobody: a namespace, or as HL7 writes
            an HD (v2.5.1 2.A.33): `namespace&universal id&type`, either name may be left out. Empty
            means "source:" and the source's name, for such identifiers are unique within it only.
        charset: for messages that declare none.
        coder: completes and counts the codes of the source; None leaves them as they are.
        profile: what was agreed about its messages; None for nothing.
        zone: the time zone itself, derived.
        assigner: namespace, universal id and its type of the default authority, derived.

    Raises:
        ConfigurationError: the time zone is unknown; the default authority names nobody, has an id
            without a type or a type without an id, or more than three parts.
    """

    tenant: str
    source: str
    message_id: str
    time_zone: str = ""
    default_authority: str = ""
    charset: str = ""
    coder: Coder | None = field(default=None, repr=False, compare=False)
    profile: Profile | None = None
    zone: ZoneInfo | None = field(init=False, repr=False, compare=False, default=None)
    assigner: Assigner = field(init=False, repr=False, compare=False, default=("",) * 3)

    def __post_init__(self) -> None:
        """Resolve the time zone and the authority once."""
        object.__setattr__(self, "assigner", self._assigner())
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
        """Name of the authority of identifiers that name none: its namespace, else its id."""
        return self.assigner[0] or self.assigner[1]

    def _assigner(self) -> Assigner:
        given = self.default_authority
        if not given:
            return f"source:{self.source}", "", ""
        if "&" not in given:
            return given, "", ""
        namespace, universal_id, kind, *more = (*given.split("&"), "")
        if any(more) or not (namespace or universal_id) or bool(universal_id) != bool(kind):
            raise ConfigurationError(
                f"source {self.source}: the default authority is no 'namespace&universal id&type'"
            )
        return namespace, universal_id, kind
