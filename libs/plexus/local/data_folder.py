"""What is kept in a data folder beside a server's own data: its password and its ports.

Both are made on the first start and are the same ever after, so that clients find a server again.
Logs are in `plexus.local.logs`.
"""

import contextlib
import json
import os
import pathlib
import random
import secrets
import socket
from collections.abc import Sequence

from plexus.local.accounts import Account

__all__ = ["kept_password", "kept_ports", "write_private"]

_PRIVATE = 0o600

# Below the ports that the kernel lends to outgoing connections (32768 and up on Linux, 49152 and up
# elsewhere), so that no connection takes a server's port while the server restarts.
_FIRST_PORT = 10_240
_LAST_PORT = 32_767


def write_private(path: pathlib.Path, text: str, owner: Account | None = None) -> None:
    """Replace the file in one step; only its owner (None is us) can read it."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if owner is not None:
            os.fchown(descriptor, owner.uid, owner.gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def kept_password(path: pathlib.Path, *, strength_bytes: int = 24) -> str:
    """The password in that file; made on the first call. Hexadecimal digits, two for each byte."""
    with contextlib.suppress(FileNotFoundError):
        path.chmod(_PRIVATE)
        return path.read_text(encoding="utf-8").strip()
    password = secrets.token_hex(strength_bytes)
    write_private(path, password + "\n")
    return password


def kept_ports(path: pathlib.Path, names: Sequence[str]) -> dict[str, int]:
    """Ports of 127.0.0.1 by name, chosen free on the first call and the same ever after."""
    kept: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError):
        kept = {name: int(port) for name, port in json.loads(path.read_text("utf-8")).items()}
    missing = [name for name in names if name not in kept]
    if missing:
        for name in missing:
            kept[name] = _free_port(set(kept.values()))
        write_private(path, json.dumps(kept, indent=1) + "\n")
    return kept


def _free_port(taken: set[int]) -> int:
    while True:
        port = random.SystemRandom().randint(_FIRST_PORT, _LAST_PORT)
        if port in taken:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As servers do: a port in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
