"""Clean simulated messages by another reader: hl7apy, strictly, with the grammar of their version.

Strict parsing fails on segments out of place, unknown fields, components where a version has none, and
values that are too long. It does not know A24 and A37, whose two PID its grammar takes for one.
"""

import collections

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

from services.cli.simulation import SYSTEMS, Simulated
from tests.unit.cli.simulation_material import run

# The clinic leaves out MSH-9.3, without which hl7apy takes the trigger for the structure.
STRUCTURES_OF_V231 = {
    "ADT^A04": "ADT_A01", "ADT^A08": "ADT_A01", "ADT^A28": "ADT_A01", "ADT^A31": "ADT_A01",
    "ADT^A40": "ADT_A39",
}  # fmt: skip
UNKNOWN_TO_HL7APY = {"ADT^A24", "ADT^A37"}


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, str, str], list[Simulated]]:
    """Up to two messages of each system, type and event."""
    found: dict[tuple[str, str, str], list[Simulated]] = collections.defaultdict(list)
    for one in run("opinion", patients=250, days=20).messages:
        some = found[one.system, one.kind, one.truth["event"]]
        if len(some) < 2:
            some.append(one)
    return found


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_kind_of_message_is_strictly_valid(
    samples: dict[tuple[str, str, str], list[Simulated]], system: str
) -> None:
    mine = {key: some for key, some in samples.items() if key[0] == system}
    assert mine
    for (_, kind, event), some in mine.items():
        if kind in UNKNOWN_TO_HL7APY:
            continue
        for one in some:
            text = one.content.decode(SYSTEMS[system].codec)
            if system == "clinic" and kind in STRUCTURES_OF_V231:
                text = text.replace(f"|{kind}|", f"|{kind}^{STRUCTURES_OF_V231[kind]}|", 1)
            message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
            # It writes the TQ1 of a prescription before RXE; nothing may be left out.
            assert sorted(_names(message.to_er7())) == sorted(_names(text)), event


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("\rPV1|", "\rZZ1|"),
        ("\rEVN|", "\rRXE|"),
        ("^^^^^L", "^^^^^L" + "^" * 9 + "x"),
    ],
    ids=["no visit", "segment of another message", "component too many"],
)
def test_it_tells_of_what_is_wrong(
    samples: dict[tuple[str, str, str], list[Simulated]], whole: str, broken: str
) -> None:
    texts = [one.content.decode() for some in samples.values() for one in some
             if one.kind == "ADT^A08" and one.system == "registration"]  # fmt: skip
    text = next(one for one in texts if whole in one)
    with pytest.raises(HL7apyException):
        parse_message(
            text.replace(whole, broken, 1), validation_level=VALIDATION_LEVEL.STRICT
        ).validate()


def _names(text: str) -> list[str]:
    return [line[:3] for line in text.split("\r") if line]
