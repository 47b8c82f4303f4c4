"""Settings of records."""

from plexus.settings import ServiceSettings

__all__ = ["RecordsSettings"]


class RecordsSettings(ServiceSettings):
    """What records needs beyond what all services need."""

    tells_residue: bool = False
    """Whether what a message said and no resource holds is handed on, for destinations whose
    `provenance` is `residue`. It makes each change some 2 KB larger."""
