"""What an output holds: the patient, whom they absorbed, then each resource once.

A feed says the same of a patient with each update (who they are, next of kin, coverage, the visit),
and names the same few wards and physicians all day. Such entries are recognised by their bytes and
kept, with the text that they were rendered as. That text follows from the resource, from whom it is
about, and from where in the output its references lead; what it was told of the last is kept with it
and asked again. Neighbour: `bundle`, which makes outputs of entries.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from plexus.api.canonical.v1.resources_pb2 import Opaque, Person
from plexus.codecs.fhir.elements import Json
from plexus.codecs.fhir.people import patient
from plexus.codecs.fhir.references import Links, Target
from plexus.codecs.fhir.resources import Content, content_of
from plexus.codecs.fhir.shallow import opened
from plexus.codecs.fhir.validation import checked_entry
from plexus.errors import InvalidMessage, Reason
from plexus.ids import resource_id

__all__ = ["Entry", "entries_of"]

# Contents of which the same is said again and again. Results are news each time.
_RECURRING: Final = frozenset(
    {
        "account",
        "allergy",
        "care_team",
        "condition",
        "coverage",
        "device",
        "encounter",
        "location",
        "organization",
        "practitioner",
        "related_person",
    }
)
# Of these an entry tells the same whomever it is sent along with.
_ABOUT_NOBODY: Final = frozenset({"Device", "Location", "Organization", "Practitioner"})
_NOBODY: Final = Content("Patient", Person, b"", patient)
_MOST_BYTES: Final = 1024
# One is some 2 KB.
_MOST_KEPT: Final = 16_384


class _Asked(Mapping[Target, str]):
    """The targets of an output, and what was asked of them."""

    def __init__(self, targets: Mapping[Target, str]) -> None:
        self._targets = targets
        self.answers: dict[Target, str] = {}

    def __getitem__(self, target: Target) -> str:
        self.answers[target] = answer = self._targets.get(target, "")
        return answer

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


class _Rendered(NamedTuple):
    person_id: str
    answers: tuple[tuple[Target, str], ...]
    text: orjson.Fragment


class Entry:
    """One resource of an output.

    Attributes:
        content: what is rendered.
        key: canonical key, or the person id of a Patient.
        id: its FHIR id.
        names: what references call it.
        is_deleted: it is to be deleted.
        is_active: False for a Patient that is no more.
        linked: patients to link with: R4 link type and person id.
        recurs: it is likely to be needed again.
    """

    __slots__ = (
        "_rendered",
        "content",
        "id",
        "is_active",
        "is_deleted",
        "key",
        "linked",
        "names",
        "recurs",
        "urn",
    )

    def __init__(
        self,
        tenant: str,
        key: str,
        content: Content,
        names: tuple[Target, ...],
        *,
        is_deleted: bool = False,
        is_active: bool = True,
        linked: tuple[Target, ...] = (),
        recurs: bool = False,
    ) -> None:
        self.content = content
        self.key = key
        self.id = resource_id(tenant, content.fhir_type, key)
        self.urn = f"urn:uuid:{self.id}"
        self.names = names
        self.is_deleted = is_deleted
        self.is_active = is_active
        self.linked = linked
        self.recurs = recurs
        self._rendered: _Rendered | None = None

    def text(self, links: Links, render: Callable[["Entry", Links], Json]) -> orjson.Fragment:
        """`render(self, links)` as JSON text, checked, as it is known for an entry that recurs.

        Args:
            links: of the output.
            render: makes the entry from these two and nothing else.

        Raises:
            InvalidMessage: what was rendered is not valid R4.
        """
        known = self._rendered
        targets = links.targets
        if known is not None and known.person_id in {"", links.person_id}:
            for target, answer in known.answers:
                if targets.get(target, "") != answer:
                    break
            else:
                return known.text
        person_id = "" if self.content.fhir_type in _ABOUT_NOBODY else links.person_id
        asked = _Asked(targets)
        made = checked_entry(render(self, Links(links.tenant, person_id, asked)))
        self._rendered = _Rendered(person_id, tuple(asked.answers.items()), made)
        return made


class _Kept:
    """The entries that were asked for last. Holds patient data, in memory only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[tuple[str, str, str], Entry] = OrderedDict()

    def entry(self, tenant: str, kind: str, key: str, data: bytes, resource: Any) -> Entry:
        """The entry of a recurring resource.

        Args:
            tenant: whose it is.
            kind: of the content, as `Resource` names it.
            key: of the entry.
            data: of the content; what differs in it is another entry, and replaces this one.
            resource: has the content; None for a person as their record has them.
        """
        name = (tenant, kind, key)
        entry = self._entries.get(name)
        if entry is None or entry.content.data != data:
            made = _NOBODY._replace(data=data) if resource is None else content_of(resource)
            entry = Entry(tenant, key, made, ((made.fhir_type, key),), recurs=True)
            if len(data) > _MOST_BYTES:
                return entry
            self._entries[name] = entry
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        self._entries.move_to_end(name)
        return entry


_kept: Final = _Kept(_MOST_KEPT)


def entries_of(event: Any, tenant: str) -> tuple[list[Entry], list[Target]]:
    """What the output of a `ShallowEvent` holds, and further names of its first entry, the patient.

    R4 fails a transaction in which two entries name the same resource.

    Raises:
        InvalidMessage: the event has no person, or a resource without content or key.
    """
    if not event.person_id:
        raise InvalidMessage(
            "a changed event needs a person", reason=Reason.REASON_RENDERING_FAILED
        )
    found: dict[Target, Entry] = {}
    aliases: list[Target] = []
    # A slice is twice as fast as iterating the container.
    for recorded in event.resources[:]:
        resource = recorded.resource
        kind, key = resource.WhichOneof("content"), resource.key
        if kind in _RECURRING and key and not resource.deleted:
            entry = _kept.entry(tenant, kind, key, getattr(resource, kind), resource)
            found[entry.names[0]] = entry
            continue
        content = content_of(resource)
        target = (content.fhir_type, key)
        if content.fhir_type == "Patient":
            # How one source knows the person; the record's own view of them is sent.
            aliases.append(target)
            continue
        names: tuple[Target, ...] = (target,)
        if content.fhir_type == "Basic":
            names = (target, (opened(Opaque, content.data).type, key))
        found[target] = Entry(tenant, key, content, names, is_deleted=resource.deleted)
    if key := event.person.resource.key:
        aliases.append(("Patient", key))
    return [*_patients(event, tenant), *found.values()], aliases


def _patients(event: Any, tenant: str) -> Iterator[Entry]:
    person_id = event.person_id
    resource = event.person.resource
    if resource.deleted:
        names = (("Patient", person_id),)
        yield Entry(tenant, person_id, _NOBODY, names, is_active=False)
    else:
        # No bytes where no source has described the person.
        linked = [each for each in dict.fromkeys(event.linked_person_ids) if each != person_id]
        if linked:
            content = _NOBODY._replace(data=resource.person)
            links = tuple(("seealso", each) for each in linked)
            yield Entry(tenant, person_id, content, (("Patient", person_id),), linked=links)
        else:
            yield _kept.entry(tenant, "person", person_id, resource.person, None)
    # The survivor gets no link "replaces": only the merge's own message could tell it, and the next
    # one about the person would take it away again.
    for each in dict.fromkeys(event.absorbed_person_ids):
        if each and each != person_id:
            yield Entry(
                tenant,
                each,
                _NOBODY,
                (("Patient", each),),
                is_active=False,
                linked=(("replaced-by", person_id),),
            )
