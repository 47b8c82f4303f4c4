"""Synthetic messages for the tests of transform. Nobody in them exists."""

from typing import Any

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from services.transform.domain import Maps, SourceContext, convert

CONTEXT = SourceContext(tenant="acme", source="hosp", message_id="m-1")
MSH = "MSH|^~\\&|APP|FAC|RCV|FAC2|20240311103000||{type}|C1|P|2.5.1"
PID = "PID|1||123^^^HOSP^MR||Doe^Jane"


def message(kind: str, *segments: str) -> bytes:
    """A message of the kind, for example ADT^A01, with the segments after MSH."""
    return "\r".join([MSH.format(type=kind), *segments, ""]).encode()


def converted(
    maps: Maps, kind: str, *segments: str, context: SourceContext = CONTEXT
) -> CanonicalEvent:
    """The event of such a message."""
    return convert(maps, message(kind, *segments), context)


def contents(event: CanonicalEvent, field: str) -> list[Any]:
    """The contents of all resources of one type, by field name of Resource."""
    return [getattr(r, field) for r in event.resources if r.WhichOneof("content") == field]


def residue(event: CanonicalEvent) -> dict[str, str]:
    """Residue by location."""
    return {item.location: item.value for item in event.residue}


def segment(name: str, **fields: str) -> str:
    """A segment with fields by number: `segment("PV1", f2="I")`."""
    numbered = {int(key[1:]): value for key, value in fields.items()}
    return "|".join([name, *(numbered.get(n, "") for n in range(1, max(numbered) + 1))])
