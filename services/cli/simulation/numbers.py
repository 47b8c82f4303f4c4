"""Who numbers persons, visits and orders, and the numbers that were given.

All authorities lie below the arc 2.16.840.1.113883.3.9999 or the example arc 2.999, which belong to
nobody real.
"""

import dataclasses
from typing import Final

__all__ = [
    "DOCUMENTS",
    "DOSES",
    "FILLERS",
    "HARBOR",
    "HARBOR_STAFF",
    "HARBOR_VISITS",
    "HILLTOP",
    "HILLTOP_STAFF",
    "HILLTOP_VISITS",
    "LAB_PATIENTS",
    "NATIONAL",
    "ORDERS",
    "PAYERS",
    "PRESCRIPTIONS",
    "REGISTRY",
    "SLOTS",
    "SPECIMENS",
    "STUDIES",
    "Authority",
    "Number",
    "Numbering",
]

_ARC: Final = "2.16.840.1.113883.3.9999.20"


@dataclasses.dataclass(frozen=True, slots=True)
class Authority:
    """An assigning authority.

    Attributes:
        name: namespace id (HD.1).
        oid: universal id (HD.2).
        prefix: begins every number of it.
        digits: how many digits follow.
        kind: identifier type of HL7 table 0203.
    """

    name: str
    oid: str
    prefix: str
    digits: int
    kind: str = ""

    @property
    def subcomponents(self) -> str:
        """As HD within CX."""
        return f"{self.name}&{self.oid}&ISO"

    @property
    def components(self) -> str:
        """As the last three components of EI."""
        return f"{self.name}^{self.oid}^ISO"


HARBOR: Final = Authority("HARBOR", f"{_ARC}.1", "H", 7, "MR")
HARBOR_VISITS: Final = Authority("HARBORVISIT", f"{_ARC}.2", "HV", 7, "VN")
HARBOR_STAFF: Final = Authority("HARBORSTAFF", f"{_ARC}.3", "", 5)
ORDERS: Final = Authority("HARBORORD", f"{_ARC}.4", "O", 8)
HILLTOP: Final = Authority("HILLTOP", f"{_ARC}.11", "", 6, "MR")
HILLTOP_VISITS: Final = Authority("HILLTOPVISIT", f"{_ARC}.12", "C", 7, "VN")
HILLTOP_STAFF: Final = Authority("HILLTOPSTAFF", f"{_ARC}.13", "", 4)
FILLERS: Final = Authority("QUAYLAB", f"{_ARC}.21", "L", 8)
SPECIMENS: Final = Authority("QUAYTUBE", f"{_ARC}.22", "T", 9)
LAB_PATIENTS: Final = Authority("QUAYLABPAT", f"{_ARC}.23", "Q", 6, "PI")
STUDIES: Final = Authority("HARBORRIS", f"{_ARC}.31", "A", 8)
PRESCRIPTIONS: Final = Authority("HARBORRX", f"{_ARC}.41", "R", 8)
SLOTS: Final = Authority("HARBORBOOK", f"{_ARC}.51", "S", 8)
DOCUMENTS: Final = Authority("HARBORDOC", f"{_ARC}.61", "D", 8)
DOSES: Final = Authority("VAXDOSE", f"{_ARC}.72", "J", 8)
REGISTRY: Final = Authority("VAXREG", f"{_ARC}.71", "I", 7, "SR")
PAYERS: Final = Authority("PAYERS", f"{_ARC}.81", "", 3)
NATIONAL: Final = Authority("NATREG", "2.999.20.1", "", 9, "NI")


@dataclasses.dataclass(slots=True)
class Number:
    """A number that a person has or had.

    Attributes:
        state: active; merged or changed, where `successor` is used instead.
    """

    authority: Authority
    value: str
    state: str = "active"
    successor: str = ""


class Numbering:
    """Gives out numbers: each once, rising, by authority."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, authority: Authority) -> str:
        """The next number of an authority, with its check digit where it has many digits."""
        count = self._last.get(authority.name, 0) + 1
        self._last[authority.name] = count
        # 7919 has no divisor in common with ten, so the numbers scatter and never meet.
        room: int = 10 ** (authority.digits - 1)
        return f"{authority.prefix}{room + count * 7919 % (9 * room):0{authority.digits}d}"
