"""The sending systems and their dialects: version, character set, time zone, how they name things."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from services.cli.simulation.agenda import stamp
from services.cli.simulation.people import plain

__all__ = ["SYSTEMS", "Draft", "Outbox", "System"]


@dataclasses.dataclass(frozen=True, slots=True)
class System:
    """A system that sends.

    Attributes:
        application, facility: MSH-3 and MSH-4.
        prefix: begins its control ids.
        charset: MSH-18; what the bytes are in is `codec`.
        zone: its times tell their offset from UTC.
        oids: its authorities have universal ids; else only a namespace.
        says: what it sends, for people.
    """

    name: str
    application: str
    facility: str
    version: str
    prefix: str
    says: str
    charset: str = "UNICODE UTF-8"
    codec: str = "utf-8"
    zone: bool = True
    oids: bool = True

    def stamp(self, at: float) -> str:
        """A time as this system writes it."""
        return stamp(at, zone=self.zone)

    def encode(self, text: str) -> bytes:
        """Bytes of a message. What the character set does not have is written without accents."""
        try:
            return text.encode(self.codec)
        except UnicodeEncodeError:
            return "".join(map(self._writable, text)).encode(self.codec)

    def _writable(self, character: str) -> str:
        try:
            character.encode(self.codec)
        except UnicodeEncodeError:
            return plain(character) or "?"
        return character


SYSTEMS: Final[Mapping[str, System]] = {
    system.name: system
    for system in (
        System(
            "registration", "HARBORADT", "HARBOR", "2.5.1", "N", "ADT of the hospital"
        ),
        System(
            "clinic", "HILLPM", "HILLTOP", "2.3.1", "C", "ADT of a clinic, latin-1, no time zone",
            "8859/1", "iso8859-1", zone=False, oids=False,
        ),
        System("orders", "HARBORCPOE", "HARBOR", "2.3.1", "E", "ORM O01: orders of the hospital"),
        System("laboratory", "QUAYLIS", "QUAYLAB", "2.5.1", "L", "ORU R01: LOINC and local codes"),
        System(
            "clinic-laboratory", "BENCHTOP", "HILLTOP", "2.3.1", "B",
            "ORU R01: local codes and units, latin-1", "8859/1", "iso8859-1", zone=False, oids=False,
        ),
        System("radiology", "HARBORRIS", "HARBOR", "2.4", "R", "ORM O01 status, ORU R01 reports"),
        System("pharmacy", "HARBORRX", "HARBOR", "2.5.1", "X", "RDE O11"),
        System("scheduling", "HARBORBOOK", "HARBOR", "2.5.1", "S", "SIU S12 S13 S14 S15 S26"),
        System("documents", "HARBORDOC", "HARBOR", "2.5.1", "D", "MDM T02"),
        System("immunisations", "VAXREG", "VAXREG", "2.5.1", "V", "VXU V04"),
    )
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class Draft:
    """A message as its system would send it if nothing went wrong.

    Attributes:
        at: when it happened and was sent, in seconds since 1970.
        kind: MSH-9 as code and trigger, such as "ADT^A01".
        segments: without terminators, MSH first.
        truth: what happened; goes into the truth beside the message.
        person: key of the person it is about; what keeps its order.
    """

    system: System
    at: float
    kind: str
    control_id: str
    segments: list[str]
    person: str
    truth: dict[str, Any]


class Outbox:
    """Where one system begins its messages and counts its control ids."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._count = 0

    def draft(
        self,
        at: float,
        kind: str,
        structure: str,
        body: list[str],
        event: str,
        person: str,
        **truth: Any,
    ) -> Draft:
        """A message with its header.

        Args:
            at: when it is sent.
            kind: code and trigger.
            structure: MSH-9.3; left out by systems before v2.5.
            body: segments after MSH.
            event: word for what happened.
            person: key of the person.
            truth: more that is true of it; what is empty is left out.
        """
        system = self.system
        self._count += 1
        control_id = f"{system.prefix}{self._count:09d}"
        type_ = f"{kind}^{structure}" if system.version >= "2.5" else kind
        header = (
            f"MSH|^~\\&|{system.application}|{system.facility}|PLEXUS|MESH|{system.stamp(at)}||"
            f"{type_}|{control_id}|P|{system.version}||||||{system.charset}"
        )
        told = {"event": event, "person": person}
        told.update((name, value) for name, value in truth.items() if value)
        return Draft(system, at, kind, control_id, [header, *body], person, told)
