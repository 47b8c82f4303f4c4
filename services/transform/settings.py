"""Settings of transform, and what the mesh document says of sources."""

import pathlib

import pydantic

from plexus.settings import Section, ServiceSettings

__all__ = ["Source", "TransformSettings"]


class TransformSettings(ServiceSettings):
    """What transform is told beside what all services are."""

    terminology_folder: pathlib.Path = pathlib.Path(".plexus/terminology")
    """Folder of the releases that `plexus terms load` has loaded. They serve suggestions for unmapped
    codes only; an absent folder means that there are none."""

    unmapped_days: int = pydantic.Field(default=90, ge=1)
    """How long the worklist remembers an unmapped code that does not come any more."""


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

    code_maps: tuple[pathlib.Path, ...] = ()
    """Files that say what the local codes of the source are in a standard. A relative path begins at
    the folder of the mesh document. `plexus terms map verify` checks a file."""
