"""The effect of one message on a person's record, as a FHIR transaction or as NDJSON lines.

A transaction (R4 3.1.0.11) of conditional updates by our own identifiers: sent twice, it changes
nothing the second time. Entries carry no `id`: R4 refuses a conditional update whose id is not the
one that the receiver knows, so the receiver gives ids and we find resources by identifier. Entries
point at each other by `urn:uuid`, at nothing else by address. The message id stands on the Bundle
only, so that equal content has equal bytes.

NDJSON lines stand for themselves: each has its id and points within the output as `Type/id`; a
deletion is a transaction Bundle, as in FHIR Bulk Data Access ("deleted").
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir.elements import Json
from plexus.codecs.fhir.people import patient
from plexus.codecs.fhir.recent import RECURRING, RecentEntries
from plexus.codecs.fhir.references import Links, Target
from plexus.codecs.fhir.resources import Content, content_of, rendered
from plexus.codecs.fhir.systems import PERSON_SYSTEM, RESOURCE_SYSTEM
from plexus.errors import InvalidMessage, Reason

__all__ = ["MESSAGE_SYSTEM", "Disclosure", "bundle_bytes", "render_bundle", "resource_lines"]

MESSAGE_SYSTEM = "urn:plexus:message"

_NOBODY = Content("Patient", Person(), patient, None)
_RECENT = RecentEntries()


class _Entry(NamedTuple):
    content: Content
    key: str
    names: tuple[Target, ...] = ()
    """What references call this resource."""
    is_deleted: bool = False
    is_active: bool = True
    """False for a Patient that is no more."""
    linked: tuple[Target, ...] = ()
    """Patients to link with: R4 link type and person id."""


class Disclosure:
    """What an event discloses: looked at once, for those who decide on it and for the wire."""

    __slots__ = ("_entries", "event")

    def __init__(self, event: ChangedEvent) -> None:
        """Find out what the output holds.

        Raises:
            InvalidMessage: the event has no person, or a resource without content or key.
        """
        self.event = event
        self._entries = _entries(event)

    @property
    def resource_types(self) -> list[str]:
        """The FHIR types that the bundle discloses, each once, in the order of the entries."""
        return list(dict.fromkeys(each.content.fhir_type for each in self._entries))

    def bundle(self, *, tenant: str, message_id: str) -> dict[str, object]:
        """See `render_bundle`."""
        links = _linked(self.event, self._entries, tenant, _urn)
        entries = [
            _deletion(each, links) if each.is_deleted else _update(each, links)
            for each in self._entries
        ]
        return _bundle(message_id, entries)

    def bundle_bytes(self, *, tenant: str, message_id: str) -> bytes:
        """`bundle` as JSON text."""
        links = _linked(self.event, self._entries, tenant, _urn)
        entries: list[object] = []
        for each in self._entries:
            if each.is_deleted:
                entries.append(_deletion(each, links))
            elif each.content.fhir_type in RECURRING and each.is_active and not each.linked:
                entries.append(_RECENT.entry(each.key, each.content, links, _recurring))
            else:
                entries.append(_update(each, links))
        return orjson.dumps(_bundle(message_id, entries))

    def lines(self, *, tenant: str) -> list[bytes]:
        """One JSON text for each resource, without line ends, in the order of the entries."""
        links = _linked(
            self.event, self._entries, tenant, lambda fhir_type, id_: f"{fhir_type}/{id_}"
        )
        return [orjson.dumps(_line(each, links)) for each in self._entries]


def render_bundle(event: ChangedEvent, *, tenant: str, message_id: str) -> dict[str, object]:
    """A transaction Bundle of everything that the event touched, the patient first.

    The same event gives the same bundle. A deleted resource becomes a conditional delete; a deleted
    or absorbed person becomes an inactive Patient, the absorbed ones linked with their survivor.

    Raises:
        InvalidMessage: the event has no person, or a resource without content or key.
    """
    return Disclosure(event).bundle(tenant=tenant, message_id=message_id)


def bundle_bytes(event: ChangedEvent, *, tenant: str, message_id: str) -> bytes:
    """`render_bundle` as JSON text."""
    return Disclosure(event).bundle_bytes(tenant=tenant, message_id=message_id)


def resource_lines(event: ChangedEvent, *, tenant: str) -> list[bytes]:
    """One JSON text for each resource, without line ends, in the order of the bundle's entries.

    Raises:
        InvalidMessage: the event has no person, or a resource without content or key.
    """
    return Disclosure(event).lines(tenant=tenant)


def _bundle(message_id: str, entries: list[Any]) -> dict[str, object]:
    return {
        "resourceType": "Bundle",
        "identifier": {"system": MESSAGE_SYSTEM, "value": message_id},
        "type": "transaction",
        "entry": entries,
    }


def _urn(_type: str, id_: str) -> str:
    return f"urn:uuid:{id_}"


def _recurring(key: str, content: Content, links: Links) -> Json:
    return _update(_Entry(content, key), links)


def _line(entry: _Entry, links: Links) -> Json:
    if entry.is_deleted:
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [_deletion(entry, links)],
        }
    resource_id = links.id(entry.content.fhir_type, entry.key)
    return _resource(entry, _own(entry, resource_id), resource_id, links)


def _update(entry: _Entry, links: Links) -> Json:
    resource_id = links.id(entry.content.fhir_type, entry.key)
    own = _own(entry, resource_id)
    return {
        "fullUrl": f"urn:uuid:{resource_id}",
        "resource": _resource(entry, own, "", links),
        "request": {"method": "PUT", "url": _condition(entry, own)},
    }


def _deletion(entry: _Entry, links: Links) -> Json:
    own = _own(entry, links.id(entry.content.fhir_type, entry.key))
    return {"request": {"method": "DELETE", "url": _condition(entry, own)}}


def _own(entry: _Entry, resource_id: str) -> tuple[str, str]:
    """The identifier that we know a resource by: the person id, or what its FHIR id would be."""
    if entry.content.fhir_type == "Patient":
        return PERSON_SYSTEM, entry.key
    return RESOURCE_SYSTEM, resource_id


def _condition(entry: _Entry, own: tuple[str, str]) -> str:
    system, value = own
    # A person id may be any text; the id of a resource is a UUID.
    value = quote(value, safe="") if system == PERSON_SYSTEM else value
    return f"{entry.content.fhir_type}?identifier={system}|{value}"


def _resource(entry: _Entry, own: tuple[str, str], resource_id: str, links: Links) -> Json:
    system, value = own
    made = rendered(entry.content, {"system": system, "value": value}, resource_id, links)
    if not entry.is_active:
        made["active"] = False
    if entry.linked:
        made["link"] = [
            {"other": links.patient(person_id), "type": kind} for kind, person_id in entry.linked
        ]
    return made


def _linked(
    event: ChangedEvent,
    entries: list[_Entry],
    tenant: str,
    address: Callable[[str, str], str],
) -> Links:
    """Links in which every entry that is not deleted is a target."""
    targets: dict[Target, str] = {}
    links = Links(tenant, event.person_id, targets)
    for entry in entries:
        if entry.is_deleted:
            continue
        fhir_type = entry.content.fhir_type
        where = address(fhir_type, links.id(fhir_type, entry.key))
        targets.update(dict.fromkeys(entry.names, where))
    return links


def _entries(event: ChangedEvent) -> list[_Entry]:
    """What the output holds: the patient, whom it absorbed, then each resource once.

    R4 fails a transaction in which two entries name the same resource.
    """
    if not event.person_id:
        raise InvalidMessage(
            "a changed event needs a person", reason=Reason.REASON_RENDERING_FAILED
        )
    found: dict[Target, _Entry] = {}
    aliases: list[Target] = []
    for recorded in event.resources:
        resource = recorded.resource
        content = content_of(resource)
        target = (content.fhir_type, resource.key)
        if content.fhir_type == "Patient":
            # How one source knows the person; the record's own view of them is sent.
            aliases.append(target)
            continue
        names = {target: None}
        if content.fhir_type == "Basic":
            names[content.message.type, resource.key] = None
        found[target] = _Entry(content, resource.key, tuple(names), resource.deleted)
    return [*_patients(event, aliases), *found.values()]


def _patients(event: ChangedEvent, aliases: list[Target]) -> Iterator[_Entry]:
    person_id = event.person_id
    absorbed = [
        each for each in dict.fromkeys(event.absorbed_person_ids) if each and each != person_id
    ]
    resource = event.person.resource
    if resource.key:
        aliases = [*aliases, ("Patient", resource.key)]
    is_known = resource.HasField("person") and not resource.deleted
    yield _Entry(
        Content("Patient", resource.person, patient, None) if is_known else _NOBODY,
        person_id,
        (*aliases, ("Patient", person_id)),
        is_active=not resource.deleted,
    )
    # The survivor gets no link "replaces": only the merge's own message could tell it, and the next
    # one about the person would take it away again.
    for each in absorbed:
        yield _Entry(
            _NOBODY,
            each,
            (("Patient", each),),
            is_active=False,
            linked=(("replaced-by", person_id),),
        )
