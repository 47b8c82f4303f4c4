"""Settings of identity."""

import pydantic

from plexus.settings import ServiceSettings

__all__ = ["IdentitySettings"]


class IdentitySettings(ServiceSettings):
    """What identity needs beyond what all services need."""

    batch: int = pydantic.Field(default=128, ge=1, le=2000)
    """Most messages of one turn batch. Smaller than elsewhere: a batch of new patients locks each of
    their identifiers, about three locks a message, in PostgreSQL's one lock table
    (max_locks_per_transaction times max_connections; 6,400 locks by default), and holds them until it
    commits."""
