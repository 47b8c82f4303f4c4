"""Settings of delivery, and the destinations of the mesh document."""

import pathlib
from typing import Literal

import pydantic

from plexus.settings import Section, ServiceSettings

__all__ = ["DeliverySettings", "Destination", "Subscription"]

_NAME = r"^[a-z0-9-]{1,40}$"


class DeliverySettings(ServiceSettings):
    """What delivery needs beyond what all services need."""

    consent_address: str = "127.0.0.1:7102"
    """gRPC address of consent, which is asked before anything leaves."""

    audit_address: str = "127.0.0.1:7101"
    """gRPC address of audit, which stores each disclosure before it happens."""

    window: int = pydantic.Field(default=128, ge=1, le=1000)
    """Most messages of one destination that are decided, recorded and sent together."""

    decision_seconds: float = pydantic.Field(default=1.0, gt=0)
    """A consent decision older than this is not used any more: it is asked again."""

    judge_one_in: int = pydantic.Field(default=0, ge=0)
    """Of so many deliveries one is judged: invariants, references, terminology. 0: none. It is done
    in a process of its own, which takes up to 30 ms of CPU a message and 80 MB."""


class Subscription(Section):
    """What a destination wants. A message must match every list."""

    events: tuple[str, ...] = ("*",)
    """Message types as patterns, for example ADT^* or ORU^R01."""

    sources: tuple[str, ...] = ("*",)
    """Names of sources as patterns."""


class Hl7v2(Section):
    """HL7 v2 towards a destination."""

    sending: tuple[str, str] = ("PLEXUS", "")
    """MSH-3 and MSH-4: application and facility of the sender."""

    receiving: tuple[str, str] = ("", "")
    """MSH-5 and MSH-6: application and facility of the receiver."""

    charset: str = "UNICODE UTF-8"
    """MSH-18: a name of HL7 table 0211, for example 8859/1; empty for ASCII."""

    processing_id: Literal["P", "T", "D"] = "P"
    """MSH-11: production, training or debugging."""

    connections: int = pydantic.Field(default=1, ge=1, le=32)
    """Most connections at once. One message is on its way on each; one person's stay in order."""

    on_error: Literal["park", "retry"] = "park"
    """What becomes of a message that is answered AE or CE without a code of table 0357 that says: park
    it, or try again, while all messages to the destination wait."""

    ca_file: pathlib.Path | None = None
    """For mllps: PEM file of the authorities that sign the receiver; else the system's."""

    cert_file: pathlib.Path | None = None
    """For mllps: PEM file of our own certificate and key, for a receiver that asks for one."""


class Destination(Section):
    """A system that receives, as the mesh document's `destinations` lists it."""

    name: str = pydantic.Field(pattern=_NAME)
    """Name of the destination, unique in the mesh."""

    tenant: str = pydantic.Field(pattern=_NAME)
    """The tenant whose data it receives."""

    kind: Literal["fhir", "folder", "mllp"]
    """fhir: a FHIR R4 server that takes transaction bundles. folder: NDJSON files, one a message.
    mllp: a receiver of HL7 v2.5.1 messages."""

    url: str = ""
    """For fhir: the base URL of the server, for example https://ehr.example/fhir. For mllp:
    mllp://host:port, or mllps://host:port for TLS."""

    hl7v2: Hl7v2 = Hl7v2()
    """For mllp: what the messages say of the two sides, and how answers are taken."""

    path: pathlib.Path | None = None
    """For folder: where the files go; made if missing."""

    purpose: str
    """Purpose of use that the destination stands for: a code of HL7 v3-ActReason, such as TREAT."""

    recipient: str = ""
    """Who receives, as consent policies name it. Empty: the destination's name."""

    subscription: Subscription = Subscription()
    """What it wants. Nothing said: everything of its tenant."""

    token_file: pathlib.Path | None = None
    """For fhir: a file whose content is sent as bearer token. Read anew for each connection."""

    provenance: Literal["none", "message", "residue"] = "none"
    """message: each bundle has a Provenance that says which message of which feed it is of, and when
    it came. residue: it also holds what the message said and no resource has, with its place; for a
    receiver that may see whole messages, and where records has `PLEXUS_TELLS_RESIDUE=true`."""

    concurrency: int = pydantic.Field(default=8, ge=1, le=256)
    """Most persons whose messages are sent at once. One person's messages go one after the other."""

    timeout_seconds: float = pydantic.Field(default=10.0, gt=0, le=300)
    """How long the destination may take to answer."""

    first_retry_seconds: float = pydantic.Field(default=0.5, gt=0)
    """Longest wait after a first failure; it doubles with each further one."""

    longest_retry_seconds: float = pydantic.Field(default=60.0, gt=0)
    """Longest wait between two tries."""

    give_up_hours: float = pydantic.Field(default=72.0, gt=0)
    """A message that could not be brought for this long is parked."""

    @pydantic.model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "Destination":
        if self.kind == "fhir" and not self.url.startswith(("http://", "https://")):
            raise ValueError("a fhir destination needs url: http://… or https://…")
        if self.kind == "mllp" and not self.url.startswith(("mllp://", "mllps://")):
            raise ValueError("an mllp destination needs url: mllp://host:port or mllps://host:port")
        if self.kind == "folder" and self.path is None:
            raise ValueError("a folder destination needs path")
        return self

    @property
    def recipient_name(self) -> str:
        """Who receives, as consent policies name it."""
        return self.recipient or self.name
