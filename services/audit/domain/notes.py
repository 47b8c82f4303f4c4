"""Checkpoints: what a log commits itself to, as signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

A checkpoint is three lines, then an empty one, then a line for each signature:

    plexus.example/audit/north
    20852163
    (the root, 32 bytes in base64)

    — plexus.example/audit/north (id of the key and signature, 68 bytes in base64)

Keys have names; ours are named like the log. A signature tells which key it is of by the first four bytes of
a hash over name and key.
"""

import base64
import binascii
import dataclasses
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from plexus.errors import InvalidRequest
from services.audit.domain.tree import HASH_BYTES

__all__ = ["Checkpoint", "Opened", "Signer", "VerifyingKey", "open_note", "sign_note"]

_ED25519: Final = b"\x01"
_SEED_BYTES: Final = 32
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_MOST_SIGNATURES: Final = 16
_DASH: Final = "\u2014"
# c2sp.org/signed-note: a key's name is not empty and holds neither space nor plus.
_is_name: Final = re.compile(r"[^\s+]+").fullmatch
_is_size: Final = re.compile(r"0|[1-9][0-9]{0,18}").fullmatch


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log at one size.

    Attributes:
        origin: names the log, uniquely and for ever.
        size: how many leaves it has.
        root: of the tree over them.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what was signed; lines after the third are extensions, which are let be.

        Raises:
            InvalidRequest: it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0] or not _is_size(lines[1]):
            raise InvalidRequest("this is no checkpoint: it wants an origin, a size and a root")
        root = _from_base64(lines[2])
        if root is None or len(root) != HASH_BYTES:
            raise InvalidRequest("the root of the checkpoint is no SHA-256 in base64")
        return cls(lines[0], int(lines[1]), root)


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, to be known to whoever verifies; never taken from the log that it verifies."""

    name: str
    key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that signatures name the key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.key)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as `str` writes it.

        Raises:
            InvalidRequest: it is no such key, or the id is not that of the key.
        """
        # Base64 has a plus of its own; names and ids have none.
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _from_base64(encoded)
        if not _is_name(name) or key is None or key[:1] != _ED25519 or len(key) != 1 + _KEY_BYTES:
            raise InvalidRequest("this is no Ed25519 key of the form NAME+ID+KEY")
        found = cls(name, key[1:])
        if found.key_id.hex() != key_id:
            raise InvalidRequest("the id of the key does not belong to it: a letter may be wrong")
        return found

    def is_signed(self, text: str, signature: bytes) -> bool:
        """Whether this key has signed that text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key under the name of a log.

    Attributes:
        public: its other half.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        """Raises ValueError where the seed is not 32 bytes, or the name is none."""
        if len(seed) != _SEED_BYTES or not _is_name(name):
            raise ValueError("a signer wants a name without spaces and a seed of 32 bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifyingKey(name, self._private.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        """The line that signs that text."""
        signed = self.public.key_id + self._private.sign(text.encode())
        return f"{_DASH} {self.public.name} {_base64(signed)}\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A note that was read.

    Attributes:
        signed_by: the known keys that have signed it, as they were given.
        forged: known keys that it names as signers, and that have not signed it.
    """

    checkpoint: Checkpoint
    signed_by: tuple[VerifyingKey, ...]
    forged: tuple[VerifyingKey, ...]


def sign_note(checkpoint: Checkpoint, signers: Iterable[Signer]) -> str:
    """The checkpoint with a signature of each."""
    text = checkpoint.text
    return text + "\n" + "".join(signer.line(text) for signer in signers)


def open_note(note: str, keys: Sequence[VerifyingKey]) -> Opened:
    """Read a note. Signatures of unknown keys are let be, as the format wants.

    Raises:
        InvalidRequest: it is no signed checkpoint.
    """
    text, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not separator or lines[-1] or not 1 < len(lines) <= 1 + _MOST_SIGNATURES:
        raise InvalidRequest("this is no signed note: text, an empty line, then signatures")
    text += "\n"
    checkpoint = Checkpoint.from_text(text)
    signed: list[VerifyingKey] = []
    forged: list[VerifyingKey] = []
    for line in lines[:-1]:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        packed = _from_base64(encoded)
        if dash != _DASH or not _is_name(name) or packed is None or len(packed) <= _ID_BYTES:
            raise InvalidRequest("a signature line of the note cannot be read")
        for key in keys:
            if (key.name, key.key_id) == (name, packed[:_ID_BYTES]):
                (signed if key.is_signed(text, packed[_ID_BYTES:]) else forged).append(key)
    return Opened(checkpoint, tuple(signed), tuple(forged))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
