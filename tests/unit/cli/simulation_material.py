"""What the tests of the simulator share: a run and its truth, and readings of messages that are its own."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from plexus.codecs.hl7v2 import Message, read
from services.cli.simulation import Fact, Hospital, Simulated

SUPPORTED = {
    "ADT": frozenset(
        f"A{number:02d}"
        for number in (1, 2, 3, 4, 5, 6, 8, 11, 12, 13, 21, 22, 24, 28, 31, 37, 38, 40, 47)
    ),
    "ORM": frozenset({"O01"}),
    "ORU": frozenset({"R01"}),
    "RDE": frozenset({"O11"}),
    "SIU": frozenset({"S12", "S13", "S14", "S15", "S26"}),
    "MDM": frozenset({"T02"}),
    "VXU": frozenset({"V04"}),
}
"""All that the simulator sends, by message code."""


@dataclasses.dataclass(frozen=True)
class Told:
    """A whole run."""

    messages: list[Simulated]
    facts: list[Fact]

    def of(self, kind: str, name: str) -> dict[str, Fact]:
        """The facts of one kind, by what names them."""
        found = [fact for fact in self.facts if fact["kind"] == kind]
        by_name = {fact[name]: fact for fact in found}
        assert len(by_name) == len(found), f"two facts of one {kind}"
        return by_name


def run(seed: int | str, **options: Any) -> Told:
    """Run the simulator to its end."""
    facts: list[Fact] = []
    messages = list(Hospital(seed, tell=facts.append, **options))
    return Told(messages, facts)


def owners(told: Told) -> Mapping[tuple[str, str], str]:
    """Person by authority and number, from the truth; fails where two persons share one."""
    found: dict[tuple[str, str], str] = {}
    for person in told.of("person", "person").values():
        for one in person["identifiers"]:
            key = one["authority"], one["value"]
            assert key not in found
            found[key] = person["person"]
    return found


def numbers_in(message: Message, segment: str, field: int) -> list[tuple[str, str]]:
    """Namespace and number of all CX in a field of all segments of a name."""
    return [
        (value.get(4, 1), value.get(1))
        for one in message.all(segment)
        for value in one.repetitions(field)
    ]


def results_in(message: Message) -> dict[str, list[tuple[str, str, str]]]:
    """Code, value and status of the results, by what the truth calls their order."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    order = ""
    for segment in message.segments:
        if segment.name == "OBR":
            order = segment.get(2) or segment.get(3)
            found[order] = []
        elif segment.name == "OBX":
            kind = segment.get(2)
            value = segment.get(5)
            if kind == "SN":
                value = segment.get(5) + segment.get(5, 2)
            elif kind == "CE":
                value = segment.get(5, 2)
            found[order].append((segment.get(3), value, segment.get(11)))
    return found


def parsed(one: Simulated) -> Message:
    """Read the message; nothing may be odd about it."""
    message = read(one.content)
    assert not message.issues, (one.kind, message.issues)
    return message
