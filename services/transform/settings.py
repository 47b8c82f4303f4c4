"""Settings of transform, and what the mesh document says of sources."""

import pydantic

from plexus.settings import Section, ServiceSettings

__all__ = ["Source", "TransformSettings"]


class TransformSettings(ServiceSettings):
    """Transform needs nothing beyond what all services need."""


class Source(Section):
    """A system that sends, as the mesh document's `sources` lists it.

    A source that is not listed gets the defaults.
    """

    tenant: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The tenant that the source belongs to."""

    name: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The name that feeds refer to."""

    time_zone: str = ""
    """IANA name of the zone of times that are sent without one, for example Europe/Vienna. Empty
    invents none: such times keep no zone."""

    default_authority: str = ""
    """Namespace of identifiers that are sent without an assigning authority. Empty makes them local
    to the source."""
