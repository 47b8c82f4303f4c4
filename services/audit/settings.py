"""Settings of audit."""

import pydantic

from plexus.settings import ServiceSettings

__all__ = ["AuditSettings"]


class AuditSettings(ServiceSettings):
    """What audit wants otherwise than other services."""

    batch: int = pydantic.Field(default=128, ge=1, le=128)
    """Most messages of one turn batch, which is one transaction. Each carries the evidence of a
    whole batch of another service, so few of them are thousands of rows."""
