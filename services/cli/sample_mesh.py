"""A mesh document for a folder of messages: a feed per folder, and destinations that show what can be.

The demo and the end-to-end tests run it. `sources.yaml` beside the folders may say more of a source.
"""

import dataclasses
import pathlib
import shutil
from typing import Any

import yaml

from plexus.errors import ConfigurationError
from plexus.local.data_folder import kept_ports

__all__ = ["TENANT", "SampleFeed", "SampleMesh", "empty", "find_feeds"]

TENANT = "hospital"
SOURCES_FILE = "sources.yaml"


@dataclasses.dataclass(frozen=True, slots=True)
class SampleFeed:
    """One folder of messages, sent in the order of their names."""

    name: str
    folder: pathlib.Path
    files: tuple[pathlib.Path, ...]


def find_feeds(folder: pathlib.Path) -> list[SampleFeed]:
    """The feeds of a folder: one per folder within it that has files, or the folder itself.

    Raises:
        ConfigurationError: there are no messages.
    """
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    feeds: list[SampleFeed] = []
    for place in folders or [folder]:
        files = sorted(
            path
            for path in (place.rglob("*") if place.is_dir() else [])
            if path.is_file() and not path.name.startswith(".") and path.name != SOURCES_FILE
            and path.suffix not in {".json", ".md", ".yaml"}
        )  # fmt: skip
        if files:
            name = "".join(c if c.isalnum() else "-" for c in place.name.lower()).strip("-")
            feeds.append(SampleFeed(name[:40] or "feed", place, tuple(files)))
    if not feeds:
        raise ConfigurationError(f"{folder}: no messages there; name a folder of HL7 v2 files")
    if len({feed.name for feed in feeds}) != len(feeds):
        raise ConfigurationError(f"{folder}: two folders have the same name; rename one")
    return feeds


@dataclasses.dataclass(frozen=True, slots=True)
class SampleMesh:
    """Where a sample mesh is described and where its feeds listen.

    Attributes:
        ports: MLLP port by feed.
        archive, research: folders of two of its destinations.
    """

    config: pathlib.Path
    feeds: tuple[SampleFeed, ...]
    ports: dict[str, int]
    archive: pathlib.Path
    research: pathlib.Path

    @classmethod
    def write(
        cls, feeds: list[SampleFeed], sources: pathlib.Path, data: pathlib.Path, fhir_url: str
    ) -> "SampleMesh":
        """Write the mesh document below an empty data folder.

        Args:
            feeds: what will be sent.
            sources: folder whose sources.yaml may say more of the sources.
            data: the mesh's data folder; made if missing.
            fhir_url: base URL of the FHIR server that receives.
        """
        data.mkdir(parents=True, exist_ok=True)
        ports = kept_ports(data / "feed-ports.json", [feed.name for feed in feeds])
        archive, research = data / "archive", data / "research"
        document = {
            "sources": _sources(feeds, sources / SOURCES_FILE),
            "feeds": [
                {"name": feed.name, "tenant": TENANT, "listen": f"127.0.0.1:{ports[feed.name]}"}
                for feed in feeds
            ],
            "destinations": [
                _destination("ehr", "TREAT", kind="fhir", url=fhir_url),
                _destination("archive", "HOPERAT", kind="folder", path=str(archive)),
                _destination(
                    "research",
                    "HRESCH",
                    kind="folder",
                    path=str(research),
                    subscription={"events": ["ORU^*"]},
                ),
            ],
            "policies": [
                _policy("treatment", "TREAT"),
                _policy("operations", "HOPERAT"),
            ],
        }
        config = data / "plexus.yaml"
        config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return cls(config, tuple(feeds), ports, archive, research)


def empty(data: pathlib.Path) -> None:
    """Remove what an earlier sample mesh has left, if it is one."""
    if (data / "feed-ports.json").exists():
        # As root the database may lie elsewhere; the note in the folder says where.
        for note in data.rglob("data-lies-at"):
            shutil.rmtree(note.read_text(encoding="utf-8").splitlines()[0], ignore_errors=True)
        shutil.rmtree(data)


def _sources(feeds: list[SampleFeed], file: pathlib.Path) -> list[dict[str, Any]]:
    more: dict[str, dict[str, Any]] = {}
    if file.exists():
        more = {one["name"]: one for one in yaml.safe_load(file.read_text(encoding="utf-8"))}
    return [{"tenant": TENANT, "name": feed.name, **more.get(feed.name, {})} for feed in feeds]


def _destination(name: str, purpose: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "tenant": TENANT, "purpose": purpose, **more}


def _policy(name: str, purpose: str) -> dict[str, str]:
    return {
        "name": name,
        "tenant": TENANT,
        "purpose": purpose,
        "recipient": "*",
        "effect": "permit",
    }
