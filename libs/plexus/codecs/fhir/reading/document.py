"""A FHIR R4 message as it comes: one resource, or a Bundle of any kind.

`read_document` divides it into entries (see `entry`), finds out who it is about, and reads each entry
into a canonical resource. Keys are the caller's to give, who knows the source: so references are
resolved in a second step, and what then is left of the tree becomes residue.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from plexus.codecs.fhir.definitions import is_resource_type
from plexus.codecs.fhir.reading.entry import ADDRESS, CONDITION, Entry, condition, request_of
from plexus.codecs.fhir.reading.tree import Tree, leaves, parse, refuse
from plexus.errors import Reason

__all__ = ["ENTRY_LIMIT", "Document", "read_document"]

ENTRY_LIMIT: Final = 1000
"""Resources in one message, contained ones included."""

# Who speaks and how the search went: the letter's envelope, and no part of a record.
_ABOUT_THE_MESSAGE: Final = frozenset({"MessageHeader", "OperationOutcome"})
_KINDS: Final = frozenset(
    {"batch", "collection", "document", "history", "message", "searchset", "transaction"}
)


class Document:
    """A message, divided.

    Attributes:
        type: what it calls itself: `Bundle/transaction`, or the type of its only resource.
        control_id: what its sender calls it; "" where it has no name.
        time: of the Bundle, or of the last change of its only resource; FHIR instant text or "".
        entries: its resources, in order; those that are contained in others after these.
    """

    def __init__(self, root: Tree) -> None:
        """Divide the tree. Raises InvalidMessage."""
        self.entries: list[Entry] = []
        self._by_address: dict[str, Entry] = {}
        self._wrapper: list[tuple[str, str]] = []
        fhir_type = _type_of(root, "")
        if fhir_type == "Bundle":
            self._divide(root)
        else:
            self.type = fhir_type
            self.control_id = _name_of_version(root)
            self._add(root, fhir_type, "", {})
        self.time = self._time(root)
        for entry in list(self.entries):
            self._lift_contained(entry)
        for entry in self.entries:
            for address in entry.addresses():
                self._by_address.setdefault(address, entry)
        # Reading brings up further entries, and reads them in their turn.
        for entry in self.entries:
            for shape, place, tree in entry.read(functools.partial(self.type_of, within=entry)):
                self._add(tree, shape, f"{entry.place}.{place}", {})
                self.entries[-1].put_within(entry)

    # -- what it holds --------------------------------------------------------------------------

    def find(self, reference: Tree, within: Entry) -> Entry | None:
        """The entry that a FHIR reference leads to, by address, by condition or by identifier."""
        address = reference.get("reference")
        if type(address) is str and address:
            if address.startswith("#"):
                return self._by_address.get(f"{within.outer.place}{address}")
            plain = address.partition("/_history/")[0]
            for known in (plain, within.base + plain, unquote(plain)):
                if known in self._by_address:
                    return self._by_address[known]
            return None
        named = reference.get("identifier")
        kind = reference.get("type")
        if isinstance(named, dict) and isinstance(kind, str):
            return self._by_address.get(condition(kind, named.get("system"), named.get("value")))
        return None

    def type_of(self, reference: Tree, within: Entry) -> str:
        """The FHIR type of what a reference leads to; "" where nothing tells."""
        found = self.find(reference, within)
        if found is not None:
            return found.fhir_type
        stated = reference.get("type")
        address = reference.get("reference")
        match = None
        if type(address) is str:
            match = ADDRESS.search(address) or CONDITION.search(address)
        name = match[1] if match else stated
        return name if isinstance(name, str) and is_resource_type(name) else ""

    def wrapper(self) -> Iterator[tuple[str, str]]:
        """Place and text of all leaves that are about the message and not about a resource."""
        yield from self._wrapper

    # -- dividing -------------------------------------------------------------------------------

    def _divide(self, bundle: Tree) -> None:
        kind = bundle.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise refuse(
                "Bundle.type",
                "Bundles of this type are not taken in.",
                Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
            )
        self.type = f"Bundle/{kind}"
        self.control_id = _name_of_bundle(bundle)
        entries = bundle.get("entry", [])
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise refuse("Bundle.entry", "It is no list of objects.", Reason.REASON_DATA_TYPE)
        resources = [each.pop("resource", None) for each in entries]
        self._wrapper += leaves(bundle, "Bundle")
        for at, (each, resource) in enumerate(zip(entries, resources, strict=True)):
            place = f"Bundle.entry[{at}]"
            if resource is None:
                self._add_deletion(each, place)
                continue
            fhir_type = _type_of(resource, f"{place}.resource")
            if fhir_type in _ABOUT_THE_MESSAGE:
                self._wrapper += leaves(resource, f"{place}.resource")
            else:
                self._add(resource, fhir_type, f"{place}.resource", each)

    def _add(self, tree: Tree, fhir_type: str, place: str, wrapped: Tree) -> None:
        if len(self.entries) >= ENTRY_LIMIT:
            raise refuse(
                place, f"There are more than {ENTRY_LIMIT} resources.", Reason.REASON_TOO_LARGE
            )
        self.entries.append(Entry(tree, fhir_type, place or fhir_type, wrapped))

    def _add_deletion(self, wrapped: Tree, place: str) -> None:
        method, url = request_of(wrapped)
        match = ADDRESS.search(url) or CONDITION.search(url)
        # A search that found nothing, or a read: they say nothing of a record.
        if method == "DELETE" and match and is_resource_type(match[1]):
            self._add({}, match[1], place, wrapped)
            self.entries[-1].is_deleted = True

    def _lift_contained(self, outer: Entry) -> None:
        contained = outer.tree.get("contained")
        # What no table knows travels as a whole, with what it contains.
        if not isinstance(contained, list) or outer.table is None:
            return
        for at, each in enumerate(contained):
            place = f"{outer.place}.contained[{at}]"
            # A Medication is read along with what it is part of.
            if not isinstance(each, dict) or each.get("resourceType") == "Medication":
                continue
            self._add(each, _type_of(each, place), place, {})
            self.entries[-1].put_within(outer)
            contained[at] = None

    def _time(self, root: Tree) -> str:
        if self.type.startswith("Bundle/"):
            return _text(root.get("timestamp")) or _text(_meta(root).get("lastUpdated"))
        return self.entries[0].time


def read_document(content: bytes) -> Document:
    """Divide a message.

    Raises:
        InvalidMessage: REASON_UNREADABLE where it is no JSON object; REASON_UNSUPPORTED_MESSAGE_TYPE
            where that is no resource of R4; REASON_TOO_LARGE. Names the place.
    """
    return Document(parse(content))


def _type_of(tree: Any, place: str) -> str:
    name = tree.get("resourceType") if isinstance(tree, dict) else None
    if not isinstance(name, str) or not is_resource_type(name):
        raise refuse(
            f"{place}.resourceType".lstrip("."),
            "It is no resource type of FHIR R4.",
            Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
        )
    return name


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _meta(tree: Tree) -> Mapping[str, Any]:
    meta = tree.get("meta")
    return meta if isinstance(meta, dict) else {}


def _name_of_version(tree: Tree) -> str:
    """A resource that has changed is another message."""
    known = _text(tree.get("id")), _text(_meta(tree).get("versionId"))
    return "/".join((str(tree["resourceType"]), *known)) if all(known) else ""


def _name_of_bundle(bundle: Tree) -> str:
    named = bundle.get("identifier")
    value = _text(named.get("value")) if isinstance(named, dict) else ""
    return value or _text(bundle.get("id"))
