"""Simulated messages as files: a folder for each system, a file for each message, in their order.

It is the layout that `plexus demo --feed`, `plexus send` and the end-to-end tests read.
"""

import pathlib
from collections.abc import Iterable
from typing import Final

import yaml

from plexus.errors import ConfigurationError
from services.cli.simulation.hospital import Simulated
from services.cli.simulation.systems import SYSTEMS

__all__ = ["TRUTH_FILE", "MessageFolder"]

TRUTH_FILE: Final = "truth.ndjson"
_SOURCES_FILE: Final = "sources.yaml"


class MessageFolder:
    """Writes messages below a folder that was empty."""

    def __init__(self, folder: pathlib.Path, systems: Iterable[str]) -> None:
        """Make the folders, and `sources.yaml` with what a mesh must know of the systems.

        Raises:
            ConfigurationError: there is something in the folder already, or it cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise ConfigurationError(f"{folder} is not empty; name a new folder")
            self._folders = {name: folder / name for name in sorted(systems)}
            for one in self._folders.values():
                one.mkdir()
            sources = [_source(name) for name in self._folders]
            content = yaml.safe_dump(sources, sort_keys=False)
            (folder / _SOURCES_FILE).write_text(content, encoding="utf-8")
        except OSError as exc:
            raise ConfigurationError(f"{folder} cannot be written: {exc.strerror}") from exc

    def write(self, message: Simulated) -> None:
        """Write the bytes as they go into a frame; the names sort in the order of delivery."""
        name = f"{message.number:08d}-{message.kind.replace('^', '-')}.hl7"
        (self._folders[message.system] / name).write_bytes(message.content)


def _source(name: str) -> dict[str, str]:
    system = SYSTEMS[name]
    source = {"name": name}
    if not system.zone:
        source["time_zone"] = "Europe/Vienna"
    return source
