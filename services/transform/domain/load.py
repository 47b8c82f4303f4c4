"""Loading maps: read, check, compile, hash. Done once; everything wrong is found here.

The maps are package data of `services.transform.maps`. `Maps.version` names their content: it goes
into the envelope of every event, so that one can tell which maps made it.
"""

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from plexus.codecs.terminology import terminology_version
from plexus.errors import ConfigurationError
from services.transform.domain.compiling import CompiledStructure, compile_structure, take_over
from services.transform.domain.generate import generate
from services.transform.domain.library import Library
from services.transform.domain.notation import Section, parse_sections
from services.transform.domain.overlay import Layers, Overlay
from services.transform.domain.structures import (
    Fragment,
    Structure,
    parse_fragment,
    parse_structure,
)
from services.transform.domain.tables import Table, parse_systems, parse_table

__all__ = ["Maps", "SourceMaps", "load_maps", "parse_maps"]

_SYSTEMS = "tables/CodeSystems.map"


class Maps:
    """All maps, compiled.

    Attributes:
        version: the first 16 hex digits of the SHA-256 over their text and the terminology.
        supported: triggers by message code, of messages about a person.
        about_nobody: likewise, of those that are converted to be looked at only.
        library: what the maps may call.
    """

    def __init__(
        self,
        version: str,
        counts: tuple[tuple[str, int], ...],
        sources: Mapping[str, str],
        structures: Mapping[tuple[str, str], CompiledStructure],
        library: Library,
        again: "Callable[[], Maps]",
    ) -> None:
        """Hold what `parse_maps` made; `again` makes the same, traced."""
        self.version = version
        self.library = library
        self._again = again
        self._traced: Maps | None = None
        self._counts = counts
        self._sources = sources
        self._structures = structures
        self.supported = _events(structures, are_about_nobody=False)
        self.about_nobody = _events(structures, are_about_nobody=True)

    def names(self) -> tuple[tuple[str, int], ...]:
        """Name and number of rules of every map, sorted: `PID[Person]`, tables and structures."""
        return self._counts

    def source(self, name: str) -> str:
        """Generated Python of a segment or datatype map, for example `PID[Person]`.

        Raises:
            KeyError: there is no such map.
        """
        return self._sources[name]

    def structure(self, code: str, trigger: str) -> CompiledStructure | None:
        """The structure of an event, if there is one; `*` stands for any trigger."""
        found = self._structures.get((code, trigger))
        return found if found is not None else self._structures.get((code, "*"))

    def traced(self) -> "Maps":
        """The same maps, compiled so that they tell which rule wrote what where; made when first asked for.

        Their code is slower and their drafts take traces (see `tracing`); the events are the same.
        """
        if self._traced is None:
            self._traced = self._again()
        return self._traced


def _events(
    structures: Mapping[tuple[str, str], CompiledStructure], *, are_about_nobody: bool
) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for (code, trigger), compiled in structures.items():
        if compiled.structure.is_about_nobody == are_about_nobody:
            found.setdefault(code, set()).add(trigger)
    return MappingProxyType({code: frozenset(triggers) for code, triggers in found.items()})


class SourceMaps:
    """The maps of each source: those of the package, or with overlays of its tenant and its own.

    Attributes:
        base: the maps of the package.
        by_source: maps of those sources that are listed, by tenant and name.
        by_tenant: maps of the others, by tenant.
    """

    def __init__(
        self,
        base: Maps,
        by_source: Mapping[tuple[str, str], Maps] = MappingProxyType({}),
        by_tenant: Mapping[str, Maps] = MappingProxyType({}),
    ) -> None:
        """Know maps by source (tenant, name), and by tenant for sources that are not listed."""
        self.base = base
        self.by_source = by_source
        self.by_tenant = by_tenant

    def of(self, tenant: str, source: str) -> Maps:
        """The maps of a source."""
        found = self.by_source.get((tenant, source))
        return found if found is not None else self.by_tenant.get(tenant, self.base)

    def take(self, other: "SourceMaps") -> None:
        """Be like another one, from the next question on."""
        self.base = other.base
        self.by_source = other.by_source
        self.by_tenant = other.by_tenant


def load_maps(overlays: Sequence[Overlay] = ()) -> Maps:
    """Load the maps of this package, with overlays laid over them in their order.

    Raises:
        ConfigurationError: a map is wrong, or an overlay does not fit; the detail begins with file and
            line.
    """
    return parse_maps(dict(_files(resources.files("services.transform") / "maps")), overlays)


def _files(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".map"):
            found.append((f"{prefix}{entry.name}", entry.read_text(encoding="utf-8")))
    return found


def parse_maps(
    files: Mapping[str, str], overlays: Sequence[Overlay] = (), *, traced: bool = False
) -> Maps:
    """Make maps of texts by relative file name (`segments/PID.map`), with overlays laid over them.

    Args:
        files: the texts.
        overlays: laid over them in their order.
        traced: let the maps tell which rule wrote what where; see `Maps.traced`.

    Raises:
        ConfigurationError: a map or overlay is wrong; the detail begins with file and line.
    """
    texts = {
        name: "\n".join(line.rstrip() for line in text.splitlines())
        for name, text in sorted(files.items())
    }
    digest = hashlib.sha256(terminology_version().encode())
    for name, text in texts.items():
        digest.update(f"{name}\n{text}\n".encode())
    for overlay in overlays:
        digest.update(f"overlay\n{overlay.text}\n".encode())

    systems = parse_systems(_SYSTEMS, texts.get(_SYSTEMS, ""))
    tables: dict[str, Table] = {}
    sections: dict[str, Section] = {}
    structures: list[Structure] = []
    fragments = _fragments(texts)
    for name, text in texts.items():
        folder = name.split("/")[0]
        if name == _SYSTEMS or folder == "fragments":
            continue
        if folder == "tables":
            table = parse_table(name, text, systems)
            _once(table.name, tables, f"{name}:1")
            tables[table.name] = table
        elif folder == "structures":
            structures.append(parse_structure(name, text, fragments))
        elif folder in {"segments", "datatypes"}:
            for section in parse_sections(name, text):
                if section.kind != folder.removesuffix("s"):
                    raise ConfigurationError(f"{section.where}: a {section.kind} map in {folder}/")
                _once(section.label, sections, section.where)
                sections[section.label] = section
        else:
            raise ConfigurationError(
                f"{name}:1: maps lie in segments, datatypes, tables, structures, fragments"
            )

    take_over(structures)
    for overlay in overlays:
        overlay.lay(Layers(systems, tables, sections, structures, fragments))
    known = {s.name for s in sections.values() if s.kind == "segment"}
    known |= {segment for structure in structures for segment in structure.steps}
    library = Library(sections.values(), tables, systems, frozenset(known), traced=traced)
    sources = _define(sections, structures, library)
    compiled: dict[tuple[str, str], CompiledStructure] = {}
    for structure in structures:
        ready = compile_structure(structure, sections, library)
        for event in structure.events:
            if event in compiled:
                raise ConfigurationError(f"{structure.where}: {'^'.join(event)} has a structure")
            compiled[event] = ready
    counts = [(label, len(section.rules)) for label, section in sections.items()]
    counts += [(f"table {name}", table.rows) for name, table in tables.items()]
    counts += [(s.name, sum(map(len, s.steps.values())) + len(s.links)) for s in structures]
    return Maps(
        digest.hexdigest()[:16],
        tuple(sorted(counts)),
        sources,
        compiled,
        library,
        functools.partial(parse_maps, dict(files), tuple(overlays), traced=True),
    )


def _define(
    sections: Mapping[str, Section], structures: Sequence[Structure], library: Library
) -> dict[str, str]:
    """Generate the functions that are called for, and give their source by map."""
    steps = [
        step for structure in structures for found in structure.steps.values() for step in found
    ]
    making = {step.map for step in steps if step.makes}
    completing = {step.map for step in steps if step.completes}
    sources: dict[str, str] = {}
    for label, section in sections.items():
        if label in making or label not in completing:
            sources[label] = generate(section, library)
            library.define(section, sources[label])
    done: set[str] = set()
    while todo := (completing | library.completing) & sections.keys() - done:
        for label in sorted(todo):
            source = generate(sections[label], library, completes=True)
            library.define(sections[label], source)
            sources.setdefault(label, source)
        done |= todo
    return sources


def _fragments(texts: Mapping[str, str]) -> dict[str, Fragment]:
    found: dict[str, Fragment] = {}
    for name, text in texts.items():
        if name.startswith("fragments/"):
            fragment = parse_fragment(name, text)
            _once(fragment.name, found, fragment.where)
            found[fragment.name] = fragment
    return found


def _once(name: str, known: Mapping[str, object], where: str) -> None:
    if name in known:
        raise ConfigurationError(f"{where}: there are two maps {name}")
