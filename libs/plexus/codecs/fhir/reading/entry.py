"""One resource of a FHIR message: how it is called there, and what it becomes.

A type that has a table is read by it; any other one travels as Opaque, unharmed. Our own identifier
is no identifier of the sender's: it is taken out, and names the resource when it comes back.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from plexus.api.canonical.v1.datatypes_pb2 import Identifier, Reference
from plexus.api.canonical.v1.resources_pb2 import Opaque, Resource
from plexus.codecs.fhir.opaque import CONTENT_URL, SUBJECTS
from plexus.codecs.fhir.reading.datatypes import DATATYPES
from plexus.codecs.fhir.reading.filling import Reading, fill
from plexus.codecs.fhir.reading.tables import TABLES
from plexus.codecs.fhir.reading.tree import Tree, leaves, written
from plexus.codecs.fhir.resources import CONTENT_FIELDS
from plexus.codecs.fhir.systems import PERSON_SYSTEM, RESOURCE_SYSTEM

__all__ = ["ADDRESS", "CONDITION", "FHIR_JSON", "Entry", "condition", "named_by", "request_of"]

ADDRESS: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?$")
CONDITION: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)\?(.+)$")

_FIELDS: Final[Mapping[str, str]] = dict(CONTENT_FIELDS) | {"Patient.contact": "related_person"}
FHIR_JSON: Final = "application/fhir+json"
_OWN: Final = frozenset({PERSON_SYSTEM, RESOURCE_SYSTEM})


class Own(NamedTuple):
    """What a mesh like this one calls a resource."""

    system: str
    value: str


class Entry:
    """One resource.

    Attributes:
        tree: what is left of it.
        shape: its table: the FHIR type, or the element that it stood as.
        fhir_type: of the resource.
        place: where it stood in the message.
        outer: what it is contained in; itself where it stands alone.
        base: what its full URL has before type and id.
        id: given by its sender; "" where none was.
        own: given by a mesh like this one, or None.
        named: by what identifier its sender wants it found, or None.
        is_deleted: it is no more.
        time: of its last change; FHIR instant text, or "".
        resource: what it becomes, without a key.
        references, subjects: see `Reading`.
    """

    def __init__(self, tree: Tree, shape: str, place: str, wrapped: Tree) -> None:
        """Look at a resource and at the entry that it is wrapped in."""
        self.tree = tree
        self.shape = shape
        self.fhir_type = "RelatedPerson" if shape == "Patient.contact" else shape
        self.place = place
        self.outer = self
        self.is_deleted = False
        self.table = TABLES.get(shape)
        self.resource = Resource()
        self.references: Sequence[tuple[Reference, Tree]] = ()
        self.subjects: Sequence[Tree] = ()
        self._full_url = _text(wrapped.get("fullUrl"))
        method, url = request_of(wrapped)
        known = ADDRESS.search(url) if method in {"PUT", "PATCH", "DELETE"} else None
        full = ADDRESS.search(self._full_url)
        self.base = self._full_url[: full.start(1)] if full else ""
        self.id = _text(tree.get("id")) or (known or full or ("", "", ""))[2]
        query = CONDITION.search(url)
        self.named = named_by(
            query[2] if query else _text(_of(wrapped, "request").get("ifNoneExist"))
        )
        self.own = self._take_own()
        self.time = _text(_of(tree, "meta").get("lastUpdated"))

    def put_within(self, outer: "Entry") -> None:
        """It stood within another one, and has no name outside."""
        self.outer = outer
        self.time = outer.time

    def addresses(self) -> Iterator[str]:
        """All that references may call it."""
        if self.outer is not self:
            yield f"{self.outer.place}#{self.id}"
            return
        if self._full_url:
            yield self._full_url.partition("/_history/")[0]
        if self.id:
            yield f"{self.fhir_type}/{self.id}"
        if self.own:
            yield condition(self.fhir_type, *self.own)
        identifiers = self.tree.get("identifier")
        for each in identifiers if isinstance(identifiers, list) else ():
            if isinstance(each, dict) and each.get("value"):
                yield condition(self.fhir_type, each.get("system"), each["value"])

    def read(self, type_of: Callable[[Tree], str]) -> Sequence[tuple[str, str, Tree]]:
        """Make the resource. Returns what are resources of their own: shape, place and tree of each."""
        self.resource.deleted = self.is_deleted
        if self.is_deleted:
            getattr(self.resource, _FIELDS.get(self.fhir_type, "opaque")).SetInParent()
            if self.table is None:
                self.resource.opaque.type = self.fhir_type
            return ()
        if self.table is None:
            self._carry(type_of)
            return ()
        meta = _of(self.tree, "meta")
        if self.time and meta.get("lastUpdated") == self.time:
            del meta["lastUpdated"]
        self.tree.pop("resourceType", None)
        reading = Reading(type_of, DATATYPES)
        content = getattr(self.resource, _FIELDS[self.shape])
        content.SetInParent()
        fill(self.table, self.shape, self.tree, content, reading)
        self.references, self.subjects = reading.references, reading.subjects
        return reading.lifted

    def take_id(self) -> str:
        """The id, which is said elsewhere from now on."""
        if self.table is not None:
            self.tree.pop("id", None)
        return self.id

    def leave(self) -> None:
        """What nobody has read becomes residue."""
        if self.table is None or self.is_deleted:
            return
        for location, value in leaves(self.tree, self.shape):
            self.resource.residue.add(location=location, value=value)

    def _carry(self, type_of: Callable[[Tree], str]) -> None:
        content = self.resource.opaque
        if not self._unwrap(content):
            content.type = self.fhir_type
            content.content_type = FHIR_JSON
            content.content = written(self.tree)
        self.subjects = [
            value
            for name, value in self.tree.items()
            if name in SUBJECTS and isinstance(value, dict) and type_of(value) == "Patient"
        ]

    def _unwrap(self, content: Opaque) -> bool:
        """A Basic that we have made of something opaque is that again."""
        extensions = self.tree.get("extension")
        if self.fhir_type != "Basic" or not isinstance(extensions, list) or len(extensions) != 1:
            return False
        held = extensions[0].get("valueAttachment") if isinstance(extensions[0], dict) else None
        if not isinstance(held, dict) or extensions[0].get("url") != CONTENT_URL:
            return False
        made = Resource().document_reference.contents.add()
        reading = Reading(lambda _: "", DATATYPES)
        fill(DATATYPES["Attachment"], "Attachment", dict(held), made, reading)
        content.type = _text(_of(self.tree, "code").get("text"))
        content.content_type, content.content = made.content_type, made.data
        return bool(made.data)

    def _take_own(self) -> Own | None:
        identifiers = self.tree.get("identifier")
        found: Own | None = None
        if not isinstance(identifiers, list):
            identifiers = []
        for each in list(identifiers):
            if found or not isinstance(each, dict) or set(each) != {"system", "value"}:
                continue
            system, value = _text(each["system"]), _text(each["value"])
            if system in _OWN and value:
                found = Own(system, value)
                identifiers.remove(each)
        if found and not identifiers:
            del self.tree["identifier"]
        if self.named and not found and self.named.authority.universal_id in _OWN:
            # Of a deletion nothing else is known.
            found = Own(self.named.authority.universal_id, self.named.value)
        return found


def condition(fhir_type: str, system: Any, value: Any) -> str:
    """A conditional reference by identifier (R4 3.1.0.11.2), not percent-encoded."""
    return f"{fhir_type}?identifier={system or ''}|{value}"


def named_by(query: str) -> Identifier | None:
    """The identifier that a search for one resource asks for, where it asks for nothing else."""
    asked = parse_qsl(query, max_num_fields=8) if query.count("&") < 8 else []
    if len(asked) != 1 or asked[0][0] != "identifier":
        return None
    system, bar, value = asked[0][1].rpartition("|")
    made = Identifier()
    source: Tree = {"value": value} | ({"system": system} if bar and system else {})
    fill(DATATYPES["Identifier"], "Identifier", source, made, Reading(lambda _: "", DATATYPES))
    return made if made.value else None


def request_of(wrapped: Tree) -> tuple[str, str]:
    """Method and URL of what a transaction or a history wants done with an entry."""
    request = _of(wrapped, "request")
    return _text(request.get("method")), _text(request.get("url"))


def _of(tree: Tree, name: str) -> dict[str, Any]:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if type(value) is str else ""
