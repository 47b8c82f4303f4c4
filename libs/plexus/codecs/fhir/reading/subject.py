"""Who a FHIR message is about: the one patient in it, or the one that its resources point at.

A message is about one person, like one of HL7 v2. What points at another patient is refused, for it
would be filed under the wrong person. A patient that is replaced by another one makes it a merge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plexus.api.canonical.v1.datatypes_pb2 import Identifier
from plexus.codecs.fhir.reading.datatypes import DATATYPES
from plexus.codecs.fhir.reading.document import Document
from plexus.codecs.fhir.reading.entry import ADDRESS, CONDITION, Entry, named_by
from plexus.codecs.fhir.reading.filling import Reading, fill
from plexus.codecs.fhir.reading.tree import Tree, refuse
from plexus.errors import Reason

__all__ = ["Subject", "subject_of"]


@dataclass
class Subject:
    """Whom a message is about, or who goes under in it.

    Attributes:
        identifiers: that the person is known by.
        ids: of the Patient at the source, for who knows them by nothing else.
        entry: the Patient, or None where the message holds none.
        others: further entries that are the same Patient.
        prior: who goes under in a merge, or None.
    """

    identifiers: list[Identifier] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    entry: Entry | None = None
    others: list[Entry] = field(default_factory=list)
    prior: "Subject | None" = None

    def knows(self, other: "Subject") -> bool:
        """Whether a reference leads to this person."""
        if any(each in self.ids for each in other.ids):
            return True
        mine = {_name(each) for each in self.identifiers}
        return any(_name(each) in mine for each in other.identifiers)


def subject_of(document: Document) -> Subject:
    """Find the person, and take what says the same out of all references to them.

    Raises:
        InvalidMessage: REASON_MAPPING_FAILED where the message names nobody or several.
    """
    patients = [each for each in document.entries if each.fhir_type == "Patient"]
    going = [each for each in patients if _successor(each) is not None]
    staying = [each for each in patients if each not in going]
    found = _of_patients(staying) if staying else Subject()
    if going:
        found.prior = _of_patients(going)
        found.prior.others.insert(0, going[0])
        if not staying:
            successor = _successor(going[0])
            assert successor is not None
            _add(found, _of_reference(successor))
    for entry in document.entries:
        for reference in entry.subjects:
            _match(document, found, entry, reference)
    if not (found.identifiers or found.ids):
        raise refuse("Patient", "The message names no person.", Reason.REASON_MAPPING_FAILED)
    return found


def _of_patients(patients: Sequence[Entry]) -> Subject:
    made = _of_patient(patients[0])
    for other in patients[1:]:
        if not made.knows(also := _of_patient(other)):
            raise _several(other.place)
        _add(made, also)
        made.others.append(other)
    return made


def _of_patient(entry: Entry) -> Subject:
    made = Subject(entry=entry)
    made.identifiers += [each for each in entry.resource.person.identifiers if each.value]
    if entry.named and not made.identifiers:
        made.identifiers.append(entry.named)
    elif entry.own:
        made.identifiers.append(_identifier(*entry.own))
    if entry.id and entry.outer is entry:
        made.ids.append(entry.id)
    return made


def _successor(patient: Entry) -> Tree | None:
    links = patient.tree.get("link")
    for each in links if isinstance(links, list) else ():
        if isinstance(each, dict) and each.get("type") == "replaced-by":
            other = each.get("other")
            if isinstance(other, dict):
                return other
    return None


def _of_reference(reference: Tree) -> Subject:
    """What a reference says of where it leads, by itself."""
    made = Subject()
    address = reference.get("reference")
    if type(address) is str:
        if (match := CONDITION.search(address)) and (named := named_by(match[2])):
            made.identifiers.append(named)
        elif (match := ADDRESS.search(address)) and match[1] == "Patient":
            made.ids.append(match[2])
    known = reference.get("identifier")
    if isinstance(known, dict):
        identifier = Identifier()
        reading = Reading(lambda _: "", DATATYPES)
        fill(DATATYPES["Identifier"], "Identifier", dict(known), identifier, reading)
        if identifier.value:
            made.identifiers.append(identifier)
    return made


def _match(document: Document, found: Subject, entry: Entry, reference: Tree) -> None:
    """Hold a reference to the person against who was found. Raises InvalidMessage."""
    place = f"{entry.place}.subject"
    kind = document.type_of(reference, entry)
    if kind not in {"", "Patient"}:
        raise refuse(
            place, "It is about something else than a patient.", Reason.REASON_MAPPING_FAILED
        )
    target = document.find(reference, entry)
    said = _of_reference(reference)
    if target is not None:
        going = found.prior
        known = (found.entry, *found.others, *(going.others if going else ()))
        if target not in known:
            raise _several(place)
        if target.outer is target:
            said.ids.clear()
    elif said.identifiers or said.ids:
        if not (found.identifiers or found.ids):
            _add(found, said)
        elif not found.knows(said):
            raise _several(place)
    elif type(reference.get("reference")) is str:
        # urn:uuid that is not in the message, and the like: nobody can tell who that is.
        raise refuse(place, "It leads to nobody in the message.", Reason.REASON_MAPPING_FAILED)
    else:
        return
    _take(reference, said)


def _take(reference: Tree, said: Subject) -> None:
    """The event has a subject, which says the same; a display is kept."""
    reference.pop("reference", None)
    if reference.get("type") == "Patient":
        del reference["type"]
    known = reference.get("identifier")
    if said.identifiers and isinstance(known, dict):
        for name in ("system", "value"):
            known.pop(name, None)


def _add(to: Subject, other: Subject) -> None:
    known = {_name(each) for each in to.identifiers}
    to.identifiers += [each for each in other.identifiers if _name(each) not in known]
    to.ids += [each for each in other.ids if each not in to.ids]


def _identifier(system: str, value: str) -> Identifier:
    made = Identifier()
    source: Tree = {"system": system, "value": value}
    fill(DATATYPES["Identifier"], "Identifier", source, made, Reading(lambda _: "", DATATYPES))
    return made


def _name(identifier: Identifier) -> tuple[str, str, str]:
    authority = identifier.authority
    return (
        authority.universal_id,
        "" if authority.universal_id else authority.namespace,
        identifier.value,
    )


def _several(place: str) -> Exception:
    return refuse(
        place,
        "The message is about several persons; the sender must send one message for each.",
        Reason.REASON_MAPPING_FAILED,
    )
