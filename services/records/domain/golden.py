"""One person from the accounts of several sources.

Each source has one say: its newest account, so that what it has left out since is gone. A field
comes from the newest say that has it; so a laboratory's lean account hides no address that the
registration desk knows. Identifiers are all that anybody knows. What a merge, link or move says
of the person counts only where its source has said nothing else, since it identifies and does not
update. A field that a source has cleared is gone from all that was said before, by whomever: to say
that there is no value is another thing than to say nothing.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Identifier, Origin
from plexus.api.canonical.v1.resources_pb2 import Person, Resource
from services.records.domain.milestones import Rank, cleared_in
from services.records.domain.versions import MERGE_ACCOUNT, Version
from services.records.domain.wire import with_origin

__all__ = ["Golden", "golden_person"]


class Golden(NamedTuple):
    """The person as the record shows it.

    Attributes:
        content: canonical Resource without origin.
        source: whose account leads.
        message_id: that carried that account.
        time: when it was true, FHIR dateTime text.
    """

    content: bytes
    source: str
    message_id: str
    time: str

    @classmethod
    def read(cls, stored: bytes) -> "Golden":
        """From `resource`."""
        resource = Resource.FromString(stored)
        origin = Origin()
        origin.CopyFrom(resource.origin)
        resource.ClearField("origin")
        return cls(resource.SerializeToString(), origin.source, origin.message_id, origin.time)

    @property
    def resource(self) -> bytes:
        """The canonical Resource with its origin."""
        return with_origin(self.content, self.source, self.message_id, self.time)

    def says_the_same(self, other: "Golden") -> bool:
        """Whether the person is the same, wherever it comes from."""
        if self.content == other.content:
            return True
        mine, theirs = Resource.FromString(self.content), Resource.FromString(other.content)
        return (
            mine.key == theirs.key
            and mine.deleted == theirs.deleted
            and mine.person == theirs.person
        )


def golden_person(accounts: Iterable[tuple[str, Version]]) -> Golden | None:
    """The person, from accounts by who told them, in any order; None where there are none.

    Deleted accounts say nothing, unless all are deleted: then the person is.
    """
    ordered = sorted(accounts, key=_weight, reverse=True)
    if not ordered:
        return None
    cleared: dict[str, Rank] = {}
    for _, each in ordered:
        if each.milestones:
            for field, rank in cleared_in(each.milestones):
                cleared[field] = max(rank, cleared.get(field, rank))
    leading, content = _united(
        tuple(
            (told_by, each.content, _hidden(cleared, each.rank) if cleared else ())
            for told_by, each in ordered
        )
    )
    lead = ordered[leading][1]
    return Golden(content, lead.source, lead.message_id, lead.time)


@functools.lru_cache(maxsize=1024)
def _united(accounts: tuple[tuple[str, bytes, tuple[str, ...]], ...]) -> tuple[int, bytes]:
    """What ordered accounts say together, and the place of the one that leads.

    Remembered: most often a source says of a person what it has said before.

    Args:
        accounts: who told them, their content, and the fields that were cleared since.
    """
    read = [
        (place, told_by, Resource.FromString(content))
        for place, (told_by, content, _) in enumerate(accounts)
    ]
    for place, _, resource in read:
        person: Message = resource.person
        for field in accounts[place][2]:
            person.ClearField(field)
    living = [each for each in read if not each[2].deleted] or read
    says: dict[str, Resource] = {}
    for _, told_by, resource in living:
        says.setdefault(told_by.removesuffix(MERGE_ACCOUNT), resource)
    first, *others = says.values()
    for other in others:
        _fill(first.person, other.person)
    _unite(first.person, [resource.person for _, _, resource in living])
    return living[0][0], first.SerializeToString()


def origin_of(version: Version) -> Origin:
    """Where a version comes from."""
    return Origin(source=version.source, message_id=version.message_id, time=version.time)


def _weight(account: tuple[str, Version]) -> tuple[bool, Rank]:
    told_by, version = account
    return not told_by.endswith(MERGE_ACCOUNT), version.rank


def _hidden(cleared: Mapping[str, Rank], rank: Rank) -> tuple[str, ...]:
    return tuple(field for field, since in sorted(cleared.items()) if since > rank)


def _fill(person: Person, other: Person) -> None:
    present = {field.number for field, _ in person.ListFields()}
    for field, value in other.ListFields():
        if field.number in present or field.name == "identifiers":
            continue
        if field.is_repeated:
            getattr(person, field.name).extend(value)
        elif field.message_type is not None:
            getattr(person, field.name).CopyFrom(value)
        else:
            setattr(person, field.name, value)


def _unite(person: Person, all_accounts: Sequence[Person]) -> None:
    known: set[tuple[str, str]] = set()
    for identifier in person.identifiers:
        known.update(_names(identifier))
    for account in all_accounts:
        if account is person:
            continue
        for identifier in account.identifiers:
            names = _names(identifier)
            if not known.intersection(names):
                person.identifiers.append(identifier)
            known.update(names)


def _names(identifier: Identifier) -> list[tuple[str, str]]:
    """Authority and value, by each name that the authority has."""
    authority = identifier.authority
    names = {authority.universal_id.casefold(), authority.namespace.casefold()} - {""}
    return [(name, identifier.value) for name in sorted(names)] or [("", identifier.value)]
