"""Facts, of which the model keeps any: the inverse of `plexus.codecs.fhir.facts`."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from plexus.codecs.fhir.facts import FACT_PREFIX, FACT_VALUES
from plexus.codecs.fhir.reading.filling import Extensions, Reading, Table, fill
from plexus.codecs.fhir.reading.tree import Tree

__all__ = ["with_facts"]

_FIELDS: Final[Mapping[str, str]] = {member: kind for kind, member in FACT_VALUES.items()}


class _ByUrl(dict[str, Any]):
    """What a table says of extensions, and facts by whatever name."""

    def get(self, url: str, default: Any = None) -> Any:
        return super().get(url) or (_fact if url.startswith(FACT_PREFIX) else default)


def with_facts(table: Table) -> Table:
    """The table of a resource that reads facts too."""
    held = table.get("extension")
    assert held is None or isinstance(held, Extensions)
    return {**table, "extension": Extensions(_ByUrl(held.by_url if held else {}))}


def _fact(source: Tree, _name: str, target: Any, reading: Reading) -> None:
    """One that has a name and a value of a known kind."""
    name = unquote(str(source.get("url")).removeprefix(FACT_PREFIX))
    members = [member for member in source if member.startswith("value")]
    if not name or len(members) != 1 or members[0] not in _FIELDS:
        return
    made = target.facts.add()
    fill({members[0]: _FIELDS[members[0]]}, "Extension", source, made, reading)
    if made.WhichOneof("value") is None and any(
        reference is made.reference for reference, _ in reading.references
    ):
        # Where it leads is known when all has been read.
        made.reference.SetInParent()
    if made.WhichOneof("value") is None:
        del target.facts[-1]
    else:
        made.name = name
