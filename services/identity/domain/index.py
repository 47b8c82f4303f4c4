"""The part of the master person index that one batch works on, and what the batch changes in it.

Loaded with everything that the batch's identifiers lead to; the turns then run in order on it, so
that a later message of the batch sees what an earlier one did. The changes are written at the end.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping

from services.identity.domain.identifiers import Name, PersonIdentifier
from services.identity.domain.matching import Candidate

__all__ = ["Conflict", "Index", "Link", "LinkEvent", "NewPerson", "Relation", "Telling"]

_SEVERAL = "*"


@dataclasses.dataclass(slots=True)
class Link:
    """Which person a name leads to.

    Attributes:
        person_id: never one that was merged.
        universal_id: where the name is by namespace: the universal id that came with it; empty for
            none yet, `*` where the namespace stands for several authorities.
        came_with: the person that went under and brought it; empty where none did.
    """

    person_id: str
    universal_id: str = ""
    came_with: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Telling:
    """The message that says something."""

    tenant: str
    message_id: str
    source: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class NewPerson:
    """A person that nobody knew."""

    person_id: str
    told: Telling


@dataclasses.dataclass(frozen=True, slots=True)
class LinkEvent:
    """A change of one link: new_person, identifier_added, auto_link, merge, conflict, link, unlink or move.

    See the table.

    Attributes:
        explanation: of a link by demographics: JSON of the verdict.
    """

    kind: str
    name: Name
    from_person: str
    to_person: str
    told: Telling
    explanation: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Conflict:
    """A name that came with others of `person_id` and leads to `other_person`."""

    person_id: str
    other_person: str
    name: Name
    told: Telling


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """What a source has said last of two persons: that they are one human being, or are not.

    Attributes:
        names: by which the message knows the first.
        other_names: by which it knows the other one.
    """

    person_id: str
    other_person: str
    is_same: bool
    told: Telling
    names: tuple[Name, ...] = ()
    other_names: tuple[Name, ...] = ()


class Index:
    """Links by name, and the changes.

    Attributes:
        added: names that were unknown, with who told them first.
        changed: known names whose link is another one now.
        new_persons: in order of their first message.
        merged: survivor by the person that went under.
        restored: persons that stand again, by tenant and id, with whom they had gone under.
        events: in order.
        conflicts: in order.
        relations: in order.
        contested: names and persons that must be locked before the changes may be written.
        taken: unlinks that were taken in before, by message id; this is a replay of them.
        decided: the persons that a steward means, by the message that carries the decision: who stays,
            and the other one.
        carried_out: decisions that have taken place, by message id; this is a replay of them.
    """

    def __init__(self, links: Mapping[Name, Link]) -> None:
        self._links: dict[Name, Link] = {}
        self._names: dict[tuple[str, str], set[Name]] = {}
        self.learn(links)
        self.added: dict[Name, Telling] = {}
        self.changed: set[Name] = set()
        self.new_persons: dict[str, NewPerson] = {}
        self.merged: dict[tuple[str, str], str] = {}
        self.restored: dict[tuple[str, str], str] = {}
        self.events: list[LinkEvent] = []
        self.conflicts: list[Conflict] = []
        self.relations: list[Relation] = []
        self.contested: set[tuple[str, ...]] = set()
        self.taken: frozenset[str] = frozenset()
        self.decided: Mapping[str, tuple[str, str]] = {}
        self.carried_out: frozenset[str] = frozenset()

    def __getitem__(self, name: Name) -> Link:
        """The link of a name that is known."""
        return self._links[name]

    def learn(self, links: Mapping[Name, Link]) -> None:
        """Take in more committed links; what is known already stays as it is."""
        for name, link in links.items():
            if name not in self._links:
                self._links[name] = link
                self._names.setdefault((name.tenant, link.person_id), set()).add(name)

    def names(self, tenant: str, person_id: str) -> frozenset[Name]:
        """The names of a person, as far as they are here."""
        return frozenset(self._names.get((tenant, person_id), ()))

    def candidates(self, identifiers: Iterable[PersonIdentifier]) -> list[Candidate]:
        """The persons that the identifiers lead to, each once."""
        found: dict[str, tuple[int, list[Name]]] = {}
        for position, identifier in enumerate(identifiers):
            for name in self._leading(identifier):
                person_id = self._links[name].person_id
                found.setdefault(person_id, (position, []))[1].append(name)
        return [
            Candidate(person_id, position, tuple(names))
            for person_id, (position, names) in found.items()
        ]

    def is_ambiguous(self, identifier: PersonIdentifier) -> bool:
        """True where it has a namespace only, and that stands for several authorities."""
        if identifier.by_universal_id is not None or identifier.by_namespace is None:
            return False
        link = self._links.get(identifier.by_namespace)
        return link is not None and link.universal_id == _SEVERAL

    def add_person(self, person_id: str, told: Telling) -> None:
        """Make a person that has no identifiers yet."""
        self.new_persons[person_id] = NewPerson(person_id, told)

    def enlist(
        self,
        identifiers: Iterable[PersonIdentifier],
        person_id: str,
        told: Telling,
        explanation: str = "",
    ) -> None:
        """Let all names that are unknown lead to the person; known ones stay where they are.

        `explanation` says why, where the link is by demographics.
        """
        kind = "auto_link" if explanation else "identifier_added"
        if person_id in self.new_persons and self.new_persons[person_id].told is told:
            kind = "new_person"
        for identifier in identifiers:
            for name in identifier.names:
                if name not in self._links:
                    universal_id = (
                        identifier.universal_id if name is identifier.by_namespace else ""
                    )
                    self._links[name] = Link(person_id, universal_id)
                    self._names.setdefault((name.tenant, person_id), set()).add(name)
                    self.added[name] = told
                    self.events.append(LinkEvent(kind, name, "", person_id, told, explanation))
                elif name is identifier.by_namespace:
                    self._note_universal_id(name, identifier.universal_id)

    def merge(self, prior: str, survivor: str, told: Telling) -> None:
        """Let everything that leads to `prior` lead to `survivor`."""
        names = self._names.pop((told.tenant, prior), set())
        for name in sorted(names):
            link = self._links[name]
            link.person_id, link.came_with = survivor, prior
            self._change(name)
            self.events.append(LinkEvent("merge", name, prior, survivor, told))
        self._names.setdefault((told.tenant, survivor), set()).update(names)
        self.merged[told.tenant, prior] = survivor

    def unmerge(self, names: Iterable[Name], prior: str, survivor: str, told: Telling) -> None:
        """Let names lead to `prior` again, which had gone under: the inverse of `merge`.

        With whom each had come to `prior` is for the store to find, in the events.
        """
        for name in sorted(names):
            link = self._links[name]
            link.person_id, link.came_with = prior, ""
            self._names[told.tenant, survivor].discard(name)
            self._names.setdefault((told.tenant, prior), set()).add(name)
            self._change(name)
            self.events.append(LinkEvent("unmerge", name, survivor, prior, told))
        self.merged.pop((told.tenant, prior), None)
        self.restored[told.tenant, prior] = survivor

    def relate(
        self,
        one: tuple[str, Iterable[Name]],
        another: tuple[str, Iterable[Name]],
        told: Telling,
        *,
        is_same: bool,
    ) -> None:
        """Note whether two persons are one human being. Their identifiers stay where they are.

        Args:
            one: whom the message went to, and the names by which it knows them.
            another: the other one, likewise.
            told: the message.
            is_same: they are linked; else they are known to be two.
        """
        (person_id, names), (other, other_names) = one, another
        others = tuple(other_names)
        self.relations.append(Relation(person_id, other, is_same, told, tuple(names), others))
        kind = "link" if is_same else "unlink"
        for name in others:
            self.events.append(LinkEvent(kind, name, other, person_id, told))

    def dispute(self, person_id: str, others: Iterable[Candidate], told: Telling) -> None:
        """Note that names of other persons came with those of `person_id`. Changes no link."""
        for other in others:
            for name in other.names:
                self.conflicts.append(Conflict(person_id, other.person_id, name, told))
                self.events.append(LinkEvent("conflict", name, other.person_id, person_id, told))

    def _leading(self, identifier: PersonIdentifier) -> list[Name]:
        """The names of an identifier that are known and surely mean the same identifier."""
        by_universal_id, by_namespace = identifier
        leading: list[Name] = []
        if by_universal_id is not None and by_universal_id in self._links:
            leading.append(by_universal_id)
        if by_namespace is not None:
            link = self._links.get(by_namespace)
            if link is not None and (
                link.universal_id in {"", identifier.universal_id}
                or (by_universal_id is None and link.universal_id != _SEVERAL)
            ):
                leading.append(by_namespace)
        return leading

    def _note_universal_id(self, name: Name, universal_id: str) -> None:
        link = self._links[name]
        if universal_id and link.universal_id not in {universal_id, _SEVERAL}:
            link.universal_id = _SEVERAL if link.universal_id else universal_id
            self._change(name)

    def _change(self, name: Name) -> None:
        if name not in self.added:
            self.changed.add(name)
