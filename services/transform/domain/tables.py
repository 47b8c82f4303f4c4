"""Code tables: what a code of an HL7 table becomes, and the URIs of code systems.

    table AdministrativeSex HL70001
    F -> female                         a FHIR code
    MTH -> MTH in RoleCode              a code of another system, for concepts
    E -> E                              known, and the same there

The first line names the table as the guide names its code map, and the HL7 table whose codes the
keys are. `CodeSystems.map` gives the system names of the maps their URI (`RoleCode = http://...`);
those of HL7 table 0396 are known (`plexus.codecs.terminology`).
"""

import re
from dataclasses import dataclass

from plexus.codecs.terminology import NAMES, display, system_of_name
from plexus.errors import ConfigurationError
from services.transform.domain.notation import lines

__all__ = ["Table", "parse_systems", "parse_table"]

_HEAD = re.compile(r"table (?P<name>\w+)(?: (?P<v2>HL7\d{4}))?")
_ROW = re.compile(
    r'(?P<key>"[^"]+"|\S+)\s*->\s*(?P<code>\S+)(?:\s+in\s+(?P<system>\w+))?(?:\s+"(?P<display>[^"]*)")?'
)
_SYSTEM = re.compile(r"(?P<names>\w[\w\-. ]*)\s*=\s*(?P<uri>\S+)")


@dataclass(frozen=True, slots=True)
class Table:
    """One code table.

    Attributes:
        name: as the guide calls the map.
        system: URI of the system that the keys are codes of, or empty.
        codes: key to code, for scalar targets.
        codings: key to (system URI, code, display) for concepts; only rows with a system.
        rows: how many there are.
    """

    name: str
    system: str
    codes: dict[str, str]
    codings: dict[str, tuple[str, str, str]]

    @property
    def rows(self) -> int:
        """How many codes it knows."""
        return len(self.codes)


def parse_systems(name: str, text: str) -> dict[str, str]:
    """Parse the file of code system names; several names of one system stand in one line.

    What `plexus.codecs.terminology` names is known beside them, and need not stand in the file.

    Raises:
        ConfigurationError: a line is none of the notation, or a name is known already.
    """
    systems = dict(NAMES)
    for line in lines(name, text):
        found = _SYSTEM.fullmatch(line.text)
        if found is None:
            raise ConfigurationError(f"{line.where}: expected 'NAME [NAME...] = URI'")
        for alias in found["names"].split():
            if alias in systems:
                raise ConfigurationError(f"{line.where}: the system {alias} is known already")
            systems[alias] = found["uri"]
    return systems


def parse_table(name: str, text: str, systems: dict[str, str]) -> Table:
    """Parse one table file.

    Raises:
        ConfigurationError: a line is none of the notation, a code stands twice, a system is unknown.
    """
    table: Table | None = None
    for line in lines(name, text):
        if table is None:
            head = _HEAD.fullmatch(line.text)
            if head is None:
                raise ConfigurationError(f"{line.where}: expected 'table Name [HL7nnnn]' first")
            table = Table(head["name"], system_of_name(head["v2"] or ""), {}, {})
            continue
        row = _ROW.fullmatch(line.text)
        if row is None:
            raise ConfigurationError(f"{line.where}: expected 'CODE -> code [in System]'")
        key = row["key"].strip('"')
        if key in table.codes:
            raise ConfigurationError(f"{line.where}: the code {key} stands here twice")
        table.codes[key] = row["code"]
        if row["system"]:
            uri = systems.get(row["system"]) or system_of_name(row["system"])
            if not uri:
                raise ConfigurationError(f"{line.where}: unknown code system {row['system']}")
            shown = row["display"] or display(uri, row["code"])
            table.codings[key] = (uri, row["code"], shown)
    if table is None:
        raise ConfigurationError(f"{name}:1: the table is empty")
    return table
