"""Device and Provenance: with what something was done, and by whom.

Neighbour: `provenance`, which tells of a whole message.
"""

from plexus.api.canonical.v1 import resources_pb2
from plexus.codecs.fhir import times
from plexus.codecs.fhir.datatypes import concept, concepts
from plexus.codecs.fhir.elements import ABSENT, Json, filled, required, text
from plexus.codecs.fhir.references import ANYTHING, AUTHOR, LOCATION, Links

__all__ = ["act", "device"]

_AGENT = AUTHOR | {"Device"}


def device(source: resources_pb2.Device, _links: Links) -> Json:
    """R4 Device."""
    name, unique = text(source.name), text(source.device_identifier)
    return {
        "udiCarrier": [{"deviceIdentifier": unique}] if unique else None,
        "distinctIdentifier": text(source.distinct_identifier),
        "manufactureDate": times.date_time(source.manufactured),
        "expirationDate": times.date_time(source.expiration),
        "lotNumber": text(source.lot_number),
        "serialNumber": text(source.serial_number),
        "deviceName": [{"name": name, "type": "user-friendly-name"}] if name else None,
        "type": concept(source.type),
    }


def act(source: resources_pb2.Provenance, links: Links) -> Json:
    """R4 Provenance of what somebody did; what it requires and nobody said is absent."""
    return {
        "target": links.many(source.targets, ANYTHING) or [dict(ABSENT)],
        "occurredDateTime": times.date_time(source.occurred),
        **required("recorded", times.instant(source.recorded)),
        "location": links.one(source.location, LOCATION),
        "reason": concepts(source.reasons),
        "activity": concept(source.activity),
        "agent": [made for each in source.agents if (made := _agent(each, links))]
        or [{"who": dict(ABSENT)}],
    }


def _agent(source: resources_pb2.Participant, links: Links) -> Json:
    who = links.one(source.actor, _AGENT)
    if not who:
        return {}
    for_whom = links.one(source.on_behalf_of, _AGENT)
    return filled({"type": concept(source.role), "who": who, "onBehalfOf": for_whom})
