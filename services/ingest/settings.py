"""Settings of ingest, and the feeds of the mesh document."""

from typing import Literal, Self

import pydantic

from plexus.ids import STEWARDSHIP
from plexus.settings import Section, ServiceSettings

__all__ = ["Feed", "IngestSettings"]


class IngestSettings(ServiceSettings):
    """What ingest needs beyond what all services need."""

    audit_address: str = "127.0.0.1:7101"
    """gRPC address of audit, whose custody ledger says which messages have come to an end."""

    commit_batch: int = pydantic.Field(default=256, ge=1, le=2000)
    """Most receipts of one commit. While one commit is under way the next one fills."""

    pending_receipts: int = pydantic.Field(default=2048, ge=1)
    """Most messages that wait for a commit. Past it, connections are not read: senders wait."""

    receipt_seconds: float = pydantic.Field(default=5.0, gt=0)
    """How long a message may wait for its commit. Past it the sender is answered that the system is
    down (AR, code 207) and sends again; a receipt that was committed after all is then recognised."""

    sweep_seconds: float = pydantic.Field(default=30.0, ge=1)
    """How often the sweeper looks for messages that were lost on the way."""

    sweep_overtaken_seconds: float = pydantic.Field(default=10.0, ge=1)
    """A message is sent again when one that came this much later has come to its end before it."""

    sweep_silent_seconds: float = pydantic.Field(default=300.0, ge=1)
    """A message is sent again when it is older than this and has not come to its end."""


class Feed(Section):
    """One connection of a source, as the mesh document's `feeds` lists it."""

    name: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """Name of the feed, unique in the mesh."""

    tenant: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The tenant that its messages belong to."""

    source: str = pydantic.Field(default="", pattern=r"^[a-z0-9-]{0,40}$")
    """The system that sends. Empty: the same as the feed's name."""

    listen: str = ""
    """Host and port of its MLLP listener, for example 0.0.0.0:2575. Empty: gRPC only."""

    dialect: Literal["hl7v2", "fhir"] = "hl7v2"
    """What its messages are: HL7 v2, or FHIR R4 in JSON, a resource or a Bundle about one patient. FHIR
    comes by gRPC only."""

    keep_unsupported: bool = False
    """True accepts message types that are not supported, and parks them in transform, instead of
    answering AR."""

    default_charset: str = ""
    """Python codec for messages without MSH-18, for example latin-1. Empty: UTF-8, and latin-1 where
    it is not."""

    max_frame_bytes: int = pydantic.Field(default=4 * 1024 * 1024, ge=1024, le=6 * 1024 * 1024)
    """Largest message, in bytes. Longer ones are refused; the connection goes on."""

    idle_seconds: float = pydantic.Field(default=3600.0, gt=0)
    """A connection on which nothing arrives for this long is closed."""

    frame_seconds: float = pydantic.Field(default=30.0, gt=0)
    """A message whose bytes stop for this long is refused and its connection closed."""

    max_connections: int = pydantic.Field(default=256, ge=1, le=10000)
    """Most connections at once; more are closed as they come."""

    @pydantic.model_validator(mode="after")
    def _fits_its_wire(self) -> Self:
        if self.dialect == "fhir" and self.listen:
            raise ValueError("MLLP carries HL7 v2 only; leave out listen, or dialect")
        if STEWARDSHIP in {self.name, self.source}:
            raise ValueError(f"{STEWARDSHIP} is the mesh's own: take another name")
        return self

    @property
    def source_name(self) -> str:
        """The system that sends."""
        return self.source or self.name
