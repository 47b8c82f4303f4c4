"""The code systems of the HL7 tables: which codes there are, what they mean, whether they still hold.

Made from HL7 Terminology (THO) by `terminology/generate.py`; `hl7_tables.txt` names the release and
its licence. It holds the systems of the v2 tables and those v3 and FHIR systems that we write. The
file is read at the first question, and a system is taken apart when it is asked for.
"""

import importlib.resources
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from plexus.codecs.terminology.systems import THO

__all__ = ["CodeSystem", "TableCode", "code_system", "content", "display", "is_known", "table"]

_STATUS: dict[str, Literal["active", "deprecated", "retired"]] = {
    "d": "deprecated",
    "r": "retired",
}


class TableCode(NamedTuple):
    """A code of a system.

    Attributes:
        display: what it means; may be empty.
        status: retired codes must not be sent any more, deprecated ones should not.
    """

    display: str
    status: Literal["active", "deprecated", "retired"]


class CodeSystem(NamedTuple):
    """A code system.

    Attributes:
        uri: names it in FHIR.
        version: of the system.
        name: for people.
        is_retired: nothing new should use it.
        codes: all there are; case counts.
    """

    uri: str
    version: str
    name: str
    is_retired: bool
    codes: Mapping[str, TableCode]


def table(number: int) -> CodeSystem | None:
    """The system of the codes of an HL7 v2 table; None where THO lists no codes for it."""
    return code_system(f"{THO}v2-{number:04}")


@lru_cache(maxsize=1024)
def code_system(uri: str) -> CodeSystem | None:
    """A code system by its URI; None where it is none of those held here.

    The URI of a table whose codes are of the system of another one leads to that system.
    """
    if not uri.startswith(THO):
        return None
    blocks, shared = _file()
    short = uri.removeprefix(THO)
    block = blocks.get(shared.get(short, short))
    if block is None:
        return None
    head, _, rest = block.partition("\n")
    short, version, name, mark = (*head.split("\t"), "", "", "")[:4]
    codes: dict[str, TableCode] = {}
    for line in rest.split("\n") if rest else ():
        code, shown, sign = (*line.split("\t"), "", "")[:3]
        codes[code] = TableCode(shown, _STATUS.get(sign, "active"))
    return CodeSystem(THO + short, version, name, mark == "r", MappingProxyType(codes))


def display(system: str, code: str) -> str:
    """What a code of a system (by URI) means; empty where either is not known."""
    found = code_system(system)
    known = found.codes.get(code) if found is not None else None
    return known.display if known is not None else ""


def is_known(system: str, code: str) -> bool:
    """True where the system (by URI) is held here and has the code, even a retired one."""
    found = code_system(system)
    return found is not None and code in found.codes


def content() -> bytes:
    """The file as it stands."""
    return (importlib.resources.files(__package__) / "hl7_tables.txt").read_bytes()


@cache
def _file() -> tuple[dict[str, str], dict[str, str]]:
    """The blocks by name of the system, and the systems of tables that share one."""
    _, *blocks, shared = content().decode().removesuffix("\n").split("\n\n")
    by_name = {block[: block.find("\t")]: block for block in blocks}
    rows = (line.split("\t") for line in shared.split("\n") if line)
    return by_name, {f"v2-{number}": name for number, name in rows}
