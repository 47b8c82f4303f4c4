"""Settings of audit."""

import pathlib
import re
from typing import Final

import pydantic

from plexus.errors import ConfigurationError
from plexus.settings import ServiceSettings

__all__ = ["AuditSettings", "read_seeds"]

_is_seed: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch


class AuditSettings(ServiceSettings):
    """What audit wants otherwise than other services."""

    batch: int = pydantic.Field(default=512, ge=1, le=2000)
    """Most messages of one turn batch, which is one transaction. Each carries the evidence of a
    whole batch of another service: enough for all that come while a batch waits for the next."""

    audit_key_file: pathlib.Path | None = None
    """File with the secret Ed25519 seeds that sign checkpoints: 64 hexadecimal digits on each line
    (`plexus audit keygen` makes one). All of them sign each checkpoint, so a key is changed by
    putting the new one beside the old, telling the auditors, and removing the old. Without a key
    nothing is sealed: events are stored as before and wait for one. Keep it out of the database."""

    audit_key: pydantic.SecretStr = pydantic.SecretStr("")
    """The same, without a file: seeds apart by white space. The file wins over it."""

    audit_origin: str = pydantic.Field(default="plexus.local/audit", pattern=r"^[^\s+]{1,200}$")
    """First part of the names of logs; a slash and the tenant follow. Unique to this mesh, and the
    same for ever: proofs and keys carry it. A domain of yours and a path is what C2SP advises."""

    audit_seal_seconds: float = pydantic.Field(default=0.8, ge=0.05, le=60)
    """How long after a sealing the next one begins, at most, where something waits."""

    audit_seal_batch: int = pydantic.Field(default=2048, ge=1, le=16384)
    """Most events of one sealing, which is one transaction. What is more is sealed right after."""

    audit_anchor_folder: pathlib.Path | None = None
    """Folder for the latest checkpoint of each log and one every ten minutes; none where unset.
    Worth most on a disk that who rules the database cannot write."""

    audit_anchor_nats: bool = True
    """Keep the latest checkpoint of each log in NATS too, in the bucket of marks."""

    audit_anchor_url: str = pydantic.Field(default="", pattern=r"^($|https?://)")
    """Where to post each new checkpoint, as text; nowhere where empty."""


def read_seeds(settings: AuditSettings) -> list[bytes]:
    """The seeds that sign, the first first; none where none is set.

    Raises:
        ConfigurationError: the file cannot be read, or a line is no seed.
    """
    place = "PLEXUS_AUDIT_KEY"
    text = settings.audit_key.get_secret_value()
    if settings.audit_key_file is not None:
        place = "PLEXUS_AUDIT_KEY_FILE"
        try:
            text = settings.audit_key_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{place}: cannot read {settings.audit_key_file}") from exc
    words = text.split()
    if settings.audit_key_file is not None and not words:
        raise ConfigurationError(f"{place}: there is no key in {settings.audit_key_file}")
    for number, word in enumerate(words, 1):
        if not _is_seed(word):
            raise ConfigurationError(f"{place}: entry {number} is not 64 hexadecimal digits")
    return [bytes.fromhex(word) for word in words]
