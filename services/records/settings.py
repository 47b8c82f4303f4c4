"""Settings of records."""

from plexus.settings import ServiceSettings

__all__ = ["RecordsSettings"]


class RecordsSettings(ServiceSettings):
    """What records needs beyond what all services need."""

    consent_address: str = "127.0.0.1:7102"
    """gRPC address of consent, which is told of directives and merges before they are handed on."""

    tells_residue: bool = False
    """Whether what a message said and no resource holds is handed on, for destinations whose
    `provenance` is `residue`. It makes each change some 2 KB larger."""
