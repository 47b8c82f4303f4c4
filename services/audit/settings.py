"""Settings of audit."""

import pydantic

from plexus.settings import ServiceSettings

__all__ = ["AuditSettings"]


class AuditSettings(ServiceSettings):
    """What audit wants otherwise than other services."""

    batch: int = pydantic.Field(default=512, ge=1, le=2000)
    """Most messages of one turn batch, which is one transaction. Each carries the evidence of a
    whole batch of another service: enough for all that come while a batch waits for the next."""
