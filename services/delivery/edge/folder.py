"""A folder of NDJSON: one file per message, a FHIR R4 resource per line.

The file's name is the message id and it appears whole or not at all, so a repeat writes the same file
again. Files lie in a folder per day of receipt.
"""

import asyncio
import os
import pathlib

from plexus.errors import Unavailable
from services.delivery.actors.wire import Parcel, Telling, Wire

__all__ = ["FolderWire"]


class FolderWire(Wire):
    """One folder."""

    def __init__(self, path: pathlib.Path, provenance: Telling = "none") -> None:
        self._path = path
        self._provenance = provenance

    async def send(self, parcel: Parcel) -> None:
        lines = parcel.disclosure.lines(
            message_id=parcel.message_id, sender=parcel.sender(self._provenance)
        )
        day = parcel.received_at.strftime("%Y-%m-%d")
        target = self._path / day / f"{parcel.message_id}.ndjson"
        try:
            await asyncio.to_thread(_write, target, b"".join(line + b"\n" for line in lines))
        except OSError as exc:
            raise Unavailable(f"the folder cannot be written ({exc.strerror})") from exc

    async def close(self) -> None:
        return


def _write(target: pathlib.Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)
