"""What is left of a message's values: in the FHIR bundle, and in the canonical event with its residue.

Both are looked up and not taken on trust: a residue must stand in the event as it was written, a path of
the lineage must lead to something, a text must occur in the bundle.

Kept in FHIR is counted over the distinct values of a message that have three characters or more. Those of
headers (MSH, EVN, SFT, batches) and of Z segments are left out: they say how it was sent, or what only its
sender knows. A value is kept if it stands in the bundle as it was written, or if the lineage shows it there
in another form: a code system by its URI, a moment in FHIR's notation, a code by its translation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from plexus.codecs.hl7v2.message import HEADERS
from services.transform.domain import Explanation

__all__ = ["Retention"]

_OF_THE_SENDING: Final = HEADERS | {"EVN", "SFT", "BTS", "FTS"}
_SHORTEST: Final = 3
# They are made by us or by the notation, so what occurs in them is chance.
_NO_VALUES: Final = frozenset({"fullUrl", "reference", "id", "request", "resourceType"})


@dataclass(slots=True)
class Retention:
    """Numbers over many messages.

    Attributes:
        leaves: populated leaves.
        accounted: of these, those that stand in the residue or in the canonical event, or that a rule
            drops.
        values: distinct values of messages.
        literal: of these, those that stand in the bundle as they were written.
        in_another_form: those that the lineage shows there.
        dropped: those that a rule leaves out on purpose, and says why.
    """

    leaves: int = 0
    accounted: int = 0
    values: int = 0
    literal: int = 0
    in_another_form: int = 0
    dropped: int = 0

    @property
    def kept(self) -> int:
        """Values that the bundles hold."""
        return self.literal + self.in_another_form

    def add(self, explained: Explanation, bundle: Mapping[str, Any]) -> None:
        """Count a message, and the bundle that was made of it."""
        residue = {(each.location, each.value) for each in explained.event.residue}
        shown = "\0".join(_texts(bundle))
        by_value: dict[str, set[str]] = {}
        for leaf in explained.leaves:
            self.leaves += 1
            paths = [target.path for target in leaf.targets]
            self.accounted += (
                (leaf.location, leaf.value) in residue
                if leaf.outcome == "residue"
                else leaf.outcome == "dropped" or any(_leads(explained.event, p) for p in paths)
            )
            segment = leaf.location.partition("[")[0]
            if segment not in _OF_THE_SENDING and segment[:1] != "Z":
                said = by_value.setdefault(leaf.value, set())
                said.add(leaf.outcome)
                if any(target.fhir for target in leaf.targets):
                    said.add("shown")
        for value, said in by_value.items():
            if len(value) < _SHORTEST:
                continue
            self.values += 1
            if value.strip() in shown:
                self.literal += 1
            elif "shown" in said:
                self.in_another_form += 1
            elif "dropped" in said:
                self.dropped += 1


def _texts(of: Any) -> Iterator[str]:
    if isinstance(of, Mapping):
        for name, member in of.items():
            if name not in _NO_VALUES:
                yield from _texts(member)
    elif isinstance(of, list):
        for member in of:
            yield from _texts(member)
    else:
        yield str(of)


def _leads(event: Message, path: str) -> bool:
    """Whether there is something of that path in the event."""
    at: Any = event if path else None
    for step in path.split(".") if path else ():
        name, _, index = step.partition("[")
        if not isinstance(at, Message) or name not in at.DESCRIPTOR.fields_by_name:
            return False
        at = getattr(at, name)
        if index:
            number = int(index.rstrip("]"))
            if number >= len(at):
                return False
            at = at[number]
    return at not in (None, "", b"")
