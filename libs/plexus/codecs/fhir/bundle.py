"""The effect of one message on a person's record, as a FHIR transaction or as NDJSON lines.

A transaction (R4 3.1.0.11) of conditional updates by our own identifiers: sent twice, it changes
nothing the second time. Entries carry no `id`: R4 refuses a conditional update whose id is not the
one that the receiver knows, so the receiver gives ids and we find resources by identifier. Only a
Provenance, which R4 gives no identifier, is put under an id of ours (update as create). Entries
point at each other by `urn:uuid`, at nothing else by address. The message id stands on the Bundle
only, so that equal content has equal bytes.

NDJSON lines stand for themselves: each has its id and points within the output as `Type/id`; a
deletion is a transaction Bundle, as in FHIR Bulk Data Access ("deleted").
"""

import copy
from collections.abc import Callable, Collection
from urllib.parse import quote

import orjson

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Identifier
from plexus.api.canonical.v1.event_pb2 import (
    EVENT_KIND_LINK,
    EVENT_KIND_MERGE,
    EVENT_KIND_UPSERT,
    CanonicalEvent,
)
from plexus.api.records.v1.records_pb2 import ChangedEvent
from plexus.codecs.fhir.attributes import Attributes, attributes_of
from plexus.codecs.fhir.elements import Json
from plexus.codecs.fhir.entries import Entry, entries_of
from plexus.codecs.fhir.provenance import Sender, provenance
from plexus.codecs.fhir.references import Links
from plexus.codecs.fhir.resources import FHIR_TYPES, UNNUMBERED, rendered
from plexus.codecs.fhir.shallow import ShallowEvent, opened
from plexus.codecs.fhir.systems import MESSAGE_SYSTEM, PERSON_SYSTEM, RESOURCE_SYSTEM
from plexus.codecs.fhir.validation import checked, checked_entry
from plexus.errors import InvalidMessage, Reason

__all__ = [
    "MESSAGE_SYSTEM",
    "Disclosure",
    "Sender",
    "bundle_bytes",
    "render_bundle",
    "resource_lines",
]


_ABOUT_TWO = frozenset({EVENT_KIND_LINK, EVENT_KIND_MERGE})
_NAMESPACE = "PLEXUS"


class Disclosure:
    """What an event discloses: looked at once, for those who decide on it and for the wire.

    Attributes:
        person_id: whom it is about.
        is_merge: that person has taken over others, or resources of theirs.
        withheld: how many resources are left out of it.
    """

    __slots__ = ("_aliases", "_entries", "_read", "_tenant", "is_merge", "person_id", "withheld")

    def __init__(self, event: bytes, *, tenant: str) -> None:
        """Find out what the output holds.

        Args:
            event: a ChangedEvent, serialised.
            tenant: whose event it is.

        Raises:
            InvalidMessage: the event cannot be read, has no person, or a resource without content or
                key. What is wrong within a content shows when it is rendered.
        """
        read = opened(ShallowEvent, event)
        self.person_id: str = read.person_id
        self.is_merge = bool(read.absorbed_person_ids or read.moved_from_person_id)
        self.withheld = 0
        self._tenant = tenant
        self._read = read
        self._entries, self._aliases = entries_of(read, tenant)

    @property
    def resource_types(self) -> list[str]:
        """The FHIR types that the bundle discloses, each once, in the order of the entries."""
        return list(dict.fromkeys([each.content.fhir_type for each in self._entries]))

    @property
    def absorbed_person_ids(self) -> list[str]:
        """Whom that person has taken over with this event."""
        return list(self._read.absorbed_person_ids)

    @property
    def released_from_person_id(self) -> str:
        """Whom that person had gone under until this event; empty for nobody."""
        text: str = self._read.released_from_person_id
        return text

    def attributes(self) -> list[Attributes]:
        """What consent looks at, of each resource that is told and not deleted, in order.

        Raises:
            InvalidMessage: a content cannot be read.
        """
        links = self._links(lambda entry: entry.urn)
        told = [each for each in self._entries if not each.is_deleted]
        places = {each.urn: place for place, each in enumerate(told)}
        return [attributes_of(_resource(each, _own(each), "", links), places) for each in told]

    def without(self, places: Collection[int]) -> "Disclosure":
        """The same without some resources, by their places in `attributes`.

        What points at one of them names it by a logical reference. Deletions stay: they tell
        nothing that the receiver has not.
        """
        told = [each for each in self._entries if not each.is_deleted]
        left_out = {id(told[place]) for place in places}
        made = copy.copy(self)
        made._entries = [each for each in self._entries if id(each) not in left_out]  # noqa: SLF001 - of its own class
        if made._entries[:1] != self._entries[:1]:  # noqa: SLF001 - of its own class
            # They are other names of the patient, who is left out.
            made._aliases = []  # noqa: SLF001 - of its own class
        made.withheld = self.withheld + len(left_out)
        return made

    def canonical(self) -> CanonicalEvent:
        """What it discloses as a canonical event, for those who do not speak FHIR.

        The person is named by our own identifier beside those of the sources, and so is another one
        whom it is about: whom they absorbed, or with whom they are linked.

        Raises:
            InvalidMessage: the event cannot be read, or the patient is left out of it.
        """
        event = ChangedEvent.FromString(self._read.SerializeToString())
        told = {name for each in self._entries for name in each.names}
        if ("Patient", self.person_id) not in told:
            raise InvalidMessage("the patient is left out", reason=Reason.REASON_RENDERING_FAILED)
        own = _own_identifier(self.person_id)
        person = event.person.resource
        person.key = self.person_id
        person.person.identifiers.insert(0, own)
        others = event.absorbed_person_ids or event.linked_person_ids
        made = CanonicalEvent(
            kind=event.kind,
            trigger=event.trigger,
            event_time=event.event_time,
            subject=person.person.identifiers,
            prior=map(_own_identifier, others) if event.kind in _ABOUT_TWO else (),
            resources=[person],
        )
        if event.kind == EVENT_KIND_MERGE and not others:
            made.kind = EVENT_KIND_UPSERT  # what it did was told before
        for recorded in event.resources:
            resource = recorded.resource
            kind = resource.WhichOneof("content")
            fhir_type = FHIR_TYPES.get(kind or "", "Basic")
            if kind != "person" and not resource.deleted and (fhir_type, resource.key) in told:
                made.resources.append(resource)
        return made

    def bundle(self, *, message_id: str, sender: Sender | None = None) -> dict[str, object]:
        """See `render_bundle`."""
        links = self._links(lambda entry: entry.urn)
        entries: list[object] = [
            _deletion(each) if each.is_deleted else _update(each, links) for each in self._entries
        ]
        entries += (_put(made) for made in self._provenance(message_id, sender, links))
        return _bundle(message_id, entries)

    def bundle_bytes(self, *, message_id: str, sender: Sender | None = None) -> bytes:
        """`bundle` as JSON text, checked: what leaves is valid R4.

        Args:
            message_id: names the bundle.
            sender: where a Provenance is to say whose message it was; None for none.

        Raises:
            InvalidMessage: a content cannot be read, or an entry is not valid, which is a defect of
                what rendered it.
        """
        links = self._links(lambda entry: entry.urn)
        entries: list[object] = [
            each.text(links, _update)
            if each.recurs
            else checked_entry(_deletion(each) if each.is_deleted else _update(each, links))
            for each in self._entries
        ]
        entries += (
            checked_entry(_put(made)) for made in self._provenance(message_id, sender, links)
        )
        return orjson.dumps(_bundle(message_id, entries))

    def lines(self, *, message_id: str = "", sender: Sender | None = None) -> list[bytes]:
        """One JSON text for each resource, checked, without line ends, in the order of the entries.

        `message_id` and `sender` as for `bundle_bytes`.

        Raises:
            InvalidMessage: a content cannot be read, or a resource is not valid R4.
        """
        links = self._links(lambda entry: f"{entry.content.fhir_type}/{entry.id}")
        made = [checked(_line(each, links)) for each in self._entries]
        return made + [checked(each) for each in self._provenance(message_id, sender, links)]

    def _provenance(self, message_id: str, sender: Sender | None, links: Links) -> list[Json]:
        targets = dict.fromkeys(links.targets.values())
        if sender is None or not targets:
            return []
        if self.withheld:
            # What the message said, word for word, would tell of what is withheld.
            sender = sender._replace(tells_residue=False)
        own = links.id("Provenance", message_id)
        return [
            provenance(
                self._read, own, [{"reference": each} for each in targets], message_id, sender
            )
        ]

    def _links(self, address: Callable[[Entry], str]) -> Links:
        """Links in which every entry that is not deleted is a target."""
        entries = self._entries
        targets = dict.fromkeys(self._aliases, address(entries[0]))
        for entry in entries:
            if not entry.is_deleted:
                where = address(entry)
                for name in entry.names:
                    targets[name] = where
        return Links(self._tenant, self.person_id, targets)


def render_bundle(event: ChangedEvent, *, tenant: str, message_id: str) -> dict[str, object]:
    """A transaction Bundle of everything that the event touched, the patient first.

    The same event gives the same bundle. A deleted resource becomes a conditional delete; a deleted
    or absorbed person becomes an inactive Patient, the absorbed ones linked with their survivor.

    Raises:
        InvalidMessage: the event has no person, or a resource without content or key.
    """
    return Disclosure(event.SerializeToString(), tenant=tenant).bundle(message_id=message_id)


def bundle_bytes(event: ChangedEvent, *, tenant: str, message_id: str) -> bytes:
    """`render_bundle` as JSON text."""
    return Disclosure(event.SerializeToString(), tenant=tenant).bundle_bytes(message_id=message_id)


def resource_lines(event: ChangedEvent, *, tenant: str) -> list[bytes]:
    """One JSON text for each resource, without line ends, in the order of the bundle's entries.

    Raises:
        InvalidMessage: the event has no person, or a resource without content or key.
    """
    return Disclosure(event.SerializeToString(), tenant=tenant).lines()


def _own_identifier(person_id: str) -> Identifier:
    """Our own number of a person, as HL7 v2 writes it: under a namespace of ours."""
    authority = Authority(namespace=_NAMESPACE)
    return Identifier(value=person_id, authority=authority, type_code="PI")


def _bundle(message_id: str, entries: list[object]) -> dict[str, object]:
    return {
        "resourceType": "Bundle",
        "identifier": {"system": MESSAGE_SYSTEM, "value": message_id},
        "type": "transaction",
        "entry": entries,
    }


def _line(entry: Entry, links: Links) -> Json:
    if entry.is_deleted:
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [_deletion(entry)],
        }
    return _resource(entry, _own(entry), entry.id, links)


def _update(entry: Entry, links: Links) -> Json:
    own = _own(entry)
    if entry.content.fhir_type in UNNUMBERED:
        return _put(_resource(entry, own, entry.id, links))
    return {
        "fullUrl": entry.urn,
        "resource": _resource(entry, own, "", links),
        "request": {"method": "PUT", "url": _condition(entry, own)},
    }


def _put(resource: Json) -> Json:
    """An entry for a resource that is there under its own id, or is to be."""
    own = resource["id"]
    return {
        "fullUrl": f"urn:uuid:{own}",
        "resource": resource,
        "request": {"method": "PUT", "url": f"{resource['resourceType']}/{own}"},
    }


def _deletion(entry: Entry) -> Json:
    return {"request": {"method": "DELETE", "url": _condition(entry, _own(entry))}}


def _own(entry: Entry) -> tuple[str, str]:
    """The identifier that we know a resource by: the person id, or what its FHIR id would be."""
    if entry.content.fhir_type == "Patient":
        return PERSON_SYSTEM, entry.key
    return RESOURCE_SYSTEM, entry.id


def _condition(entry: Entry, own: tuple[str, str]) -> str:
    system, value = own
    if entry.content.fhir_type in UNNUMBERED:
        return f"{entry.content.fhir_type}/{entry.id}"
    # A person id may be any text; the id of a resource is a UUID.
    value = quote(value, safe="") if system == PERSON_SYSTEM else value
    return f"{entry.content.fhir_type}?identifier={system}|{value}"


def _resource(entry: Entry, own: tuple[str, str], resource_id: str, links: Links) -> Json:
    system, value = own
    made = rendered(entry.content, {"system": system, "value": value}, resource_id, links)
    if not entry.is_active:
        made["active"] = False
    if entry.linked:
        made["link"] = [
            {"other": links.patient(person_id), "type": kind} for kind, person_id in entry.linked
        ]
    return made
