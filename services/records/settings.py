"""Settings of records."""

from plexus.settings import ServiceSettings

__all__ = ["RecordsSettings"]


class RecordsSettings(ServiceSettings):
    """Records needs nothing beyond what all services need."""
