"""What was agreed with sources: read at the start, and again when a file of it changes.

Overlays, code maps, profiles and the mesh document's sources are files that integration engineers edit
while messages run. A change is read as a whole and takes effect between two messages; each message says
by the version of the maps what it was converted with. Where a file is wrong nothing changes, and the log
names file and line: a mesh that runs does not stop for a slip of the pen.
"""

import asyncio
import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from plexus.clock import Clock
from plexus.errors import ConfigurationError
from plexus.settings import load_document
from plexus.telemetry.logs import get_log
from plexus.telemetry.metrics import RELOADS
from services.transform.domain import (
    CodeMap,
    Maps,
    Overlay,
    Profile,
    SourceMaps,
    load_maps,
    read_code_map,
    read_overlay,
)
from services.transform.settings import Source, TenantMaps, load_profile

__all__ = ["Agreed", "Reloader", "read_agreed"]

_log = get_log(__name__)

_Owner = tuple[str, str]
_Signature = tuple[tuple[str, int, int], ...]


class Agreed(NamedTuple):
    """All that is known of sources, by tenant and name.

    Attributes:
        files: what it was read from.
    """

    sources: Mapping[_Owner, Source]
    profiles: Mapping[_Owner, Profile]
    code_maps: Mapping[_Owner, list[CodeMap]]
    maps: SourceMaps
    files: tuple[pathlib.Path, ...]


def read_agreed(config: pathlib.Path) -> Agreed:
    """Read the mesh document and the files that its sources name. Takes some hundred milliseconds.

    Raises:
        ConfigurationError: a file is wrong or missing; says file and line.
    """
    document, folder = load_document(config), config.parent
    listed = document.sections("sources", Source)
    tenants = {tenant.name: tenant.overlays for tenant in document.sections("tenants", TenantMaps)}
    files = {config: None}
    overlays: dict[pathlib.Path, Overlay] = {}
    compiled: dict[tuple[str, ...], Maps] = {(): load_maps()}

    def maps_of(paths: tuple[pathlib.Path, ...]) -> Maps:
        for path in paths:
            if path not in overlays:
                files[folder / path] = None
                overlays[path] = read_overlay(folder / path)
        laid = [overlays[path] for path in paths]
        texts = tuple(overlay.text for overlay in laid)
        if texts not in compiled:
            compiled[texts] = load_maps(laid)
        return compiled[texts]

    sources: dict[_Owner, Source] = {}
    profiles: dict[_Owner, Profile] = {}
    code_maps: dict[_Owner, list[CodeMap]] = {}
    by_source: dict[_Owner, Maps] = {}
    for source in listed:
        owner = (source.tenant, source.name)
        sources[owner] = source
        if source.profile:
            files[folder / source.profile] = None
            profiles[owner] = load_profile(folder / source.profile)
        files.update(dict.fromkeys(folder / path for path in source.code_maps))
        code_maps[owner] = [read_code_map(folder / path) for path in source.code_maps]
        by_source[owner] = maps_of((*tenants.get(source.tenant, ()), *source.overlays))
    by_tenant = {tenant: maps_of(paths) for tenant, paths in tenants.items()}
    return Agreed(
        sources, profiles, code_maps, SourceMaps(compiled[()], by_source, by_tenant), tuple(files)
    )


class Reloader:
    """Looks at the files every few seconds, and hands over what they say when they have changed."""

    def __init__(
        self,
        config: pathlib.Path,
        agreed: Agreed,
        use: Callable[[Agreed], None],
        *,
        clock: Clock,
        every_seconds: float,
    ) -> None:
        """Watch the files of `agreed`, which is in use; `use` puts what was read anew in its place."""
        self._config = config
        self._files = agreed.files
        self._use = use
        self._clock = clock
        self._every_seconds = every_seconds
        self._seen = _signature(self._files)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(self._every_seconds)
            await self.look()

    async def look(self) -> bool:
        """Look once. True where something new is in use."""
        seen = await asyncio.to_thread(_signature, self._files)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            agreed = await asyncio.to_thread(read_agreed, self._config)
        except ConfigurationError as exc:
            RELOADS.labels(outcome="refused").inc()
            _log.error("what was agreed with sources is wrong: nothing changes", exc)
            return False
        self._files = agreed.files
        # What is named anew is looked at from now on; what changed while reading is read again.
        self._seen = await asyncio.to_thread(_signature, self._files)
        self._use(agreed)
        RELOADS.labels(outcome="taken").inc()
        _log.info("what was agreed with sources was read again", count=len(agreed.sources))
        return True


def _signature(files: tuple[pathlib.Path, ...]) -> _Signature:
    found = []
    for path in files:
        try:
            told = path.stat()
        except OSError:
            found.append((str(path), 0, -1))
        else:
            found.append((str(path), told.st_mtime_ns, told.st_size))
    return tuple(found)
