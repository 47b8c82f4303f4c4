"""Provenance: which message of whom said what a bundle holds, and what else it said.

Each message is an activity of its own, so its Provenance has an id that follows from the message
(R4 3.1.0.7.1, update as create): sent twice, it is there once. Neighbour: `bundle`, which adds it for
destinations that want it.
"""

import datetime
from collections.abc import Sequence
from typing import Any, NamedTuple

from plexus.api.canonical.v1.datatypes_pb2 import Residue
from plexus.codecs.fhir import times
from plexus.codecs.fhir.elements import Json, filled, text
from plexus.codecs.fhir.shallow import opened
from plexus.codecs.fhir.systems import FEED_SYSTEM, MESSAGE_SYSTEM
from plexus.codecs.terminology import display

__all__ = ["Sender", "provenance"]

_EVENT_TABLE = "http://terminology.hl7.org/CodeSystem/v2-0003"
_AGENT_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_RESIDUE_URL = "urn:plexus:extension:residue"


class Sender(NamedTuple):
    """Where a message came from.

    Attributes:
        feed: name of the connection.
        received_at: when its first byte came.
        tells_residue: whether what no resource holds is told, too.
    """

    feed: str
    received_at: datetime.datetime
    tells_residue: bool


def provenance(
    event: Any, resource_id: str, targets: Sequence[Json], message_id: str, sender: Sender
) -> Json:
    """R4 Provenance of a message.

    Args:
        event: a `ShallowEvent`.
        resource_id: its FHIR id.
        targets: references to what the message was about; at least one.
        message_id: of the message.
        sender: of the message.
    """
    code = event.trigger.partition("^")[2]
    coded = {"system": _EVENT_TABLE, "code": code, "display": display(_EVENT_TABLE, code)}
    return {
        "resourceType": "Provenance",
        "id": resource_id,
        **filled(
            {
                "extension": _residue(event.residue) if sender.tells_residue else None,
                "target": list(targets),
                "occurredDateTime": times.date_time(event.event_time),
                "recorded": sender.received_at.isoformat(timespec="milliseconds"),
                "activity": filled(
                    {
                        "coding": [filled(coded)] if coded["display"] else None,
                        "text": text(event.trigger),
                    }
                ),
                "agent": [
                    {
                        "type": {"coding": [{"system": _AGENT_TYPE, "code": "author"}]},
                        "who": {"identifier": {"system": FEED_SYSTEM, "value": sender.feed}},
                    }
                ],
                "entity": [
                    {
                        "role": "source",
                        "what": {"identifier": {"system": MESSAGE_SYSTEM, "value": message_id}},
                    }
                ],
            }
        ),
    }


def _residue(items: Sequence[bytes]) -> list[Json]:
    found: list[Json] = []
    for item in items:
        read = opened(Residue, item)
        if value := text(read.value):
            parts = [
                {"url": "location", "valueString": read.location},
                {"url": "value", "valueString": value},
            ]
            found.append({"url": _RESIDUE_URL, "extension": parts})
    return found
