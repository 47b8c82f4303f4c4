"""One person from the accounts of several sources.

Each source has one say: its newest account, so that what it has left out since is gone. A field
comes from the newest say that has it; so a laboratory's lean account hides no address that the
registration desk knows. Identifiers are all that anybody knows. What a merge message says
of the person counts only where its source has said nothing else, since it identifies and does not
update.
"""

from collections.abc import Iterable, Sequence

from plexus.api.canonical.v1.datatypes_pb2 import Identifier, Origin
from plexus.api.canonical.v1.resources_pb2 import Person, Resource
from services.records.domain.versions import MERGE_ACCOUNT, Version

__all__ = ["golden_person"]


def golden_person(accounts: Iterable[tuple[str, Version]]) -> Resource | None:
    """The person, from accounts by who told them, in any order; None where there are none.

    Deleted accounts say nothing, unless all are deleted: then the person is.
    """
    ordered = sorted(accounts, key=_weight, reverse=True)
    if not ordered:
        return None
    read = [
        (told_by, version, Resource.FromString(version.content)) for told_by, version in ordered
    ]
    living = [each for each in read if not each[2].deleted] or read
    says: dict[str, Resource] = {}
    for told_by, version, resource in living:
        if says.setdefault(told_by.removesuffix(MERGE_ACCOUNT), resource) is resource:
            resource.origin.CopyFrom(origin_of(version))
    first, *others = says.values()
    for other in others:
        _fill(first.person, other.person)
    _unite(first.person, [resource.person for _, _, resource in living])
    return first


def origin_of(version: Version) -> Origin:
    """Where a version comes from."""
    return Origin(source=version.source, message_id=version.message_id, time=version.time)


def _weight(account: tuple[str, Version]) -> tuple[bool, tuple[int, int, str, int]]:
    told_by, version = account
    return not told_by.endswith(MERGE_ACCOUNT), version.rank


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
