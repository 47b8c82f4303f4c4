"""Deliveries that are sound, that only the judge finds fault with, and that must not leave."""

import datetime
import json
from typing import Any

from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir import Disclosure
from services.delivery.store import Item

_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
FLAG: dict[str, Any] = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"display": "x"}}  # fmt: skip


def item(message_id: str) -> Item:
    return Item(
        1, "north", message_id, 0, 0, "t", "feed", "key", 1, "ADT^A01", _AT, _AT, "", 0
    )  # fmt: skip


def sound() -> Disclosure:
    event = ChangedEvent(person_id="person 1")
    event.person.resource.key = "1"
    event.person.resource.person.gender = "female"
    return Disclosure(event.SerializeToString(), tenant="t")


def only_the_judge_objects() -> Disclosure:
    """A sender's own resource with a period that ends before it begins."""
    return _with(FLAG | {"period": {"start": "2026-02", "end": "2026-01"}})


def must_not_leave() -> Disclosure:
    """What a renderer with a defect would make."""
    disclosure = _with(FLAG)
    _, flag = disclosure._entries
    flag.content = flag.content._replace(original=FLAG | {"status": "Mrs Wick"})
    return disclosure


def _with(resource: dict[str, Any]) -> Disclosure:
    event = ChangedEvent(person_id="person 1")
    opaque = event.resources.add().resource
    opaque.key = "1"
    opaque.opaque.content_type = "application/fhir+json"
    opaque.opaque.content = json.dumps(resource).encode()
    return Disclosure(event.SerializeToString(), tenant="t")
