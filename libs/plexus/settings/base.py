"""What every service is told by its environment. Neighbour: `document`, what the mesh does."""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Literal

import pydantic
import pydantic_settings

from plexus.errors import ConfigurationError

__all__ = ["ServiceSettings", "SettingRow", "describe", "printable"]


class ServiceSettings(pydantic_settings.BaseSettings):
    """Settings that all services share. Each is an environment variable: PLEXUS_ and its name."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix="PLEXUS_", extra="ignore", use_attribute_docstrings=True, frozen=True
    )

    instance: str = pydantic.Field(default="0", pattern=r"^[a-z0-9-]{1,40}$")
    """Name of this replica, unique and stable per service (a StatefulSet ordinal fits). A
    restarted replica of the same name takes its own shards back at once."""

    config: pathlib.Path = pathlib.Path("plexus.yaml")
    """The mesh document: feeds, destinations, policy. All services read the same one."""

    nats_url: pydantic.SecretStr = pydantic.SecretStr("nats://127.0.0.1:4222")
    """Where NATS listens, with user and password where it wants them."""

    create_streams: bool = True
    """True lets a service make the streams that are missing. Turn it off where an operator job
    makes them and the service has no right to."""

    database_url: pydantic.SecretStr = pydantic.SecretStr("postgresql://plexus@127.0.0.1/plexus")
    """Where PostgreSQL listens. Each service keeps its tables in a schema of its own name."""

    database_pool: int = pydantic.Field(default=4, ge=2, le=64)
    """Most connections to PostgreSQL of one replica. Writes are batched, so few are enough."""

    shards: int = pydantic.Field(default=8, ge=1, le=1024)
    """Shards of each stream. Fixed when the mesh is made: 8 on one machine, 64 in a cluster."""

    batch: int = pydantic.Field(default=256, ge=1, le=2000)
    """Most messages of one turn batch, which is one transaction."""

    pace_seconds: float = pydantic.Field(default=0.1, ge=0, le=5)
    """Turn batches of a stage, and of the relay of ingest, begin no closer together. A message on a quiet
    stage never waits for it."""

    grpc_listen: str = "127.0.0.1:0"
    """Address of the gRPC server; port 0 takes a free one."""

    admin_listen: str = "127.0.0.1:0"
    """Address of the plain HTTP server with /livez, /readyz and /metrics. No patient data."""

    key_secret: pydantic.SecretStr = pydantic.SecretStr("")
    """Secret of the mesh, at least 16 characters, the same for all services. It keys the digests
    that stand for persons in subjects and keys; changing it changes every key."""

    key_secret_file: pathlib.Path | None = None
    """File that holds key_secret; wins over it."""

    trace_exporter: Literal["none", "file", "otlp"] = "none"
    """Where spans go: nowhere, to a file of JSON lines below trace_folder, or to an OTLP endpoint
    (OTEL_EXPORTER_OTLP_ENDPOINT)."""

    trace_folder: pathlib.Path = pathlib.Path(".plexus/spans")
    """Folder of the span files."""

    trace_ratio: float = pydantic.Field(default=0.05, ge=0, le=1)
    """Share of messages that are traced; decided at receipt. Custody knows every message."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""

    park_limit_per_minute: int = pydantic.Field(default=200, ge=1)
    """Most messages that a stage parks in a minute. Past it the stage stands still and says so: a
    bad deployment must stop, not empty the stream into the parked messages."""

    journal_hours: float = pydantic.Field(default=72.0, ge=1)
    """How long a stage remembers what it has done with a message, to recognise it if it comes
    again. Longer than anything may be in flight."""

    nice: int = pydantic.Field(default=0, ge=0, le=19)
    """How far this process gives way to others of the machine. `plexus up` lets all give way to
    ingest, so that senders are answered while the rest catches up."""

    drain_seconds: float = pydantic.Field(default=10.0, gt=0)
    """How long a stopping service may take to finish what it has begun."""

    lease_seconds: float = pydantic.Field(default=5.0, ge=1)
    """How long a silent replica keeps its shards. Shorter takes over sooner and renews oftener."""

    def secret(self) -> bytes:
        """The mesh secret. Raises ConfigurationError where none is set."""
        if self.key_secret_file is not None:
            try:
                value = self.key_secret_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as exc:
                raise ConfigurationError(
                    f"PLEXUS_KEY_SECRET_FILE: cannot read {self.key_secret_file}"
                ) from exc
        else:
            value = self.key_secret.get_secret_value()
        if len(value) < 16:
            raise ConfigurationError(
                "Set PLEXUS_KEY_SECRET_FILE (or PLEXUS_KEY_SECRET) to a secret of at least 16 "
                "characters, the same for all services."
            )
        return value.encode()


@dataclasses.dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting, for people."""

    variable: str
    default: str
    meaning: str


def describe(settings: type[ServiceSettings]) -> Iterator[SettingRow]:
    """Every setting of a class with its variable, default and meaning."""
    for name, field in settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, pydantic.SecretStr):
            default = "(secret)"
        meaning = " ".join((field.description or "").split())
        yield SettingRow(f"PLEXUS_{name.upper()}", str(default), meaning)


def printable(settings: ServiceSettings) -> dict[str, str]:
    """The values in force by variable; secrets are hidden."""
    return {
        f"PLEXUS_{name.upper()}": str(getattr(settings, name))
        for name in type(settings).model_fields
    }
