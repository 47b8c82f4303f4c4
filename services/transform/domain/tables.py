"""Code tables: what a code of an HL7 table becomes, and the URIs of code systems.

    table AdministrativeSex HL70001
    F -> female                         a FHIR code
    MTH -> MTH in RoleCode              a code of another system, for concepts
    E -> E                              known, and the same there

The first line names the table as the guide names its code map, and the HL7 table whose codes the
keys are. `CodeSystems.map` gives every system name its URI (`UCUM = http://unitsofmeasure.org`).
"""

import re
from dataclasses import dataclass

from plexus.errors import ConfigurationError
from services.transform.domain.notation import lines

__all__ = ["Table", "parse_systems", "parse_table", "v2_system"]

_HEAD = re.compile(r"table (?P<name>\w+)(?: (?P<v2>HL7\d{4}))?")
_ROW = re.compile(
    r'(?P<key>"[^"]+"|\S+)\s*->\s*(?P<code>\S+)(?:\s+in\s+(?P<system>\w+))?(?:\s+"(?P<display>[^"]*)")?'
)
_SYSTEM = re.compile(r"(?P<names>\w[\w\-. ]*)\s*=\s*(?P<uri>\S+)")
_V2 = re.compile(r"HL7(\d{4})")


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


def v2_system(name: str) -> str:
    """URI of an HL7 v2 table given as "HL70001"; empty for any other name."""
    found = _V2.fullmatch(name)
    return f"http://terminology.hl7.org/CodeSystem/v2-{found[1]}" if found else ""


def parse_systems(name: str, text: str) -> dict[str, str]:
    """Parse the file of code system names; several names of one system stand in one line.

    Raises:
        ConfigurationError: a line is none of the notation, or a name stands twice.
    """
    systems: dict[str, str] = {}
    for line in lines(name, text):
        found = _SYSTEM.fullmatch(line.text)
        if found is None:
            raise ConfigurationError(f"{line.where}: expected 'NAME [NAME...] = URI'")
        for alias in found["names"].split():
            if alias in systems:
                raise ConfigurationError(f"{line.where}: the system {alias} stands here twice")
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
            table = Table(head["name"], v2_system(head["v2"] or ""), {}, {})
            continue
        row = _ROW.fullmatch(line.text)
        if row is None:
            raise ConfigurationError(f"{line.where}: expected 'CODE -> code [in System]'")
        key = row["key"].strip('"')
        if key in table.codes:
            raise ConfigurationError(f"{line.where}: the code {key} stands here twice")
        table.codes[key] = row["code"]
        if row["system"]:
            uri = systems.get(row["system"], "")
            if not uri:
                raise ConfigurationError(f"{line.where}: unknown code system {row['system']}")
            table.codings[key] = (uri, row["code"], row["display"] or "")
    if table is None:
        raise ConfigurationError(f"{name}:1: the table is empty")
    return table
