"""Keys and references of the resources of one message. How keys are made is told in `keys`."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from plexus.api.canonical.v1.datatypes_pb2 import Identifier, Reference
from plexus.api.canonical.v1.resources_pb2 import Resource
from services.transform.domain.draft import Draft
from services.transform.domain.keys import (
    BLANK,
    cited_key,
    code_part,
    identifier_parts,
    is_repeated,
    join,
    name_parts,
    observation_part,
)
from services.transform.domain.merging import absorb
from services.transform.domain.numbers import NUMBERS, name_by_numbers
from services.transform.domain.parents import link_parents
from services.transform.domain.scopes import Made, Scope
from services.transform.domain.structures import Link, Structure
from services.transform.domain.targets import message_types
from services.transform.domain.wire import delimited, tag

__all__ = ["drop", "name_resources"]

_GIVEN = frozenset({"Immunization", "MedicationAdministration", "MedicationDispense"})
_CITED = frozenset({"Device", "Location", "Organization", "Practitioner"})
# What an observation is named within, where there is no report: the same question may be asked of two orders.
_ACTS = _GIVEN | {"ServiceRequest", "MedicationRequest", "DocumentReference"}
# What is done with one of these is told by a Provenance of its scope.
_ACTED = _ACTS | {"Appointment"}


def name_resources(draft: Draft, scopes: list[Scope], structure: Structure) -> None:
    """Give every resource its key and every link its reference; drop resources that say nothing."""
    event = draft.event
    source, message_id = draft.context.source, draft.context.message_id
    subject = identifier_parts(event.subject[0]) if event.subject else (source, message_id)
    used: set[str] = set()
    counts: dict[str, int] = {}
    dropped: list[Made] = []
    for scope in scopes:
        blank = [made for made in scope.made if made.content == BLANK[made.kind]]
        dropped += blank
        for made in blank:
            scope.made.remove(made)
        namer = _Namer(source, message_id, subject, scope)
        # An observation is named within its report, so reports come first.
        results: list[Made] = []
        for made in scope.made:
            if made.kind == "Observation":
                results.append(made)
                continue
            if made.kind in _CITED and (key := cited_key(made.kind, made.content)):
                if _is_another(draft, made, key):
                    used.add(key)  # by the one that a field cites
                    made.key = made.resource.key = _unused(key, used, counts)
                elif draft.known(key) is not made.resource:
                    dropped.append(made)
                used.add(key)
                continue
            key = made.key = made.resource.key = _unused(namer.key(made), used, counts)
            if made.kind in NUMBERS:
                name_by_numbers(made.resource, made.kind, made.content)
            if made.kind == "DiagnosticReport":
                namer.report = key
                namer.within = join("Observation", key)
            elif made.kind in _ACTS and not namer.within:
                namer.within = join("Observation", key)
        for made in results:
            made.key = made.resource.key = _unused(namer.key(made), used, counts)
    drop(draft, dropped)
    by_kind = [scope.by_kind() for scope in scopes]
    for link in structure.links:
        for scope, kinds in zip(scopes, by_kind, strict=True):
            from_these = kinds.get(link.kind)
            targets = _targets(link, scope, scopes, by_kind) if from_these else []
            if from_these and targets:
                _link(from_these, link, targets)
    link_parents(scopes)


def _is_another(draft: Draft, made: Made, key: str) -> bool:
    """Whether a body or person that a segment describes contradicts the one that has its key.

    Else it is the same, such as one that a field of the message cites, and both become one.
    """
    made.key = made.resource.key = key
    known = draft.known(key)
    if known is None:
        draft.know(key, made.resource)
        return False
    tried = Resource()
    tried.CopyFrom(known)
    if not absorb(tried, made.resource):
        return True
    absorb(known, made.resource)
    return False


def drop(draft: Draft, dropped: list[Made]) -> None:
    """Take resources out of the event; by identity, for others may be equal."""
    if dropped:
        ids = {id(made.resource) for made in dropped}
        for at in range(len(draft.resources) - 1, -1, -1):
            if id(draft.resources[at]) in ids:
                del draft.resources[at]


def _targets(
    link: Link, scope: Scope, scopes: list[Scope], by_kind: list[dict[str, list[Made]]]
) -> list[Made]:
    """What the resources of a scope refer to."""
    if link.is_all:
        within = [made for s in scopes[scope.number : scope.end] for made in s.made_of(link.of)]
        within = [made for made in within if link.admits(made.segment)]
        if within:
            return within
    outer: Scope | None = scope
    while outer is not None:
        found = by_kind[outer.number].get(link.of)
        if found and link.segment:
            found = [made for made in found if link.admits(made.segment)]
        if found:
            return found
        outer = outer.outer
    return []


def _unused(key: str, used: set[str], counts: dict[str, int]) -> str:
    """The key, with its ordinal among the same of the message from the second on."""
    candidate = key
    while candidate in used:
        counts[key] = counts.get(key, 1) + 1
        candidate = f"{key}|{counts[key]}"
    used.add(candidate)
    return candidate


def _link(from_these: list[Made], link: Link, targets: list[Made]) -> None:
    if len(targets) > 1 and not is_repeated(link.kind, link.path):
        return
    field = _tag(link.kind, link.path)
    said = b"".join(
        field + delimited(Reference(type=link.of, key=target.key)) for target in targets
    )
    for made in from_these:
        made.content.MergeFromString(said)


@lru_cache
def _tag(kind: str, path: str) -> bytes:
    return tag(message_types()[kind].fields_by_name[path])


@dataclass(slots=True)
class _Namer:
    source: str
    message_id: str
    subject: tuple[str, str]
    scope: Scope
    report: str = ""
    within: str = ""
    """How the keys of observations of that report, order or act begin."""

    def key(self, made: Made) -> str:
        kind, content = made.kind, made.content
        if kind == "Observation":
            code, sub_id = observation_part(content)
            if self.within:
                return f"{self.within}|{join(code, sub_id)}"
            return join(kind, *self.subject, content.effective_time, code, sub_id)
        if kind == "Person":
            return join(kind, *self.subject)
        if kind in {"DiagnosticReport", "ServiceRequest", "MedicationRequest"}:
            return self._order_key(kind, content)
        if kind in _GIVEN:
            return self._given_key(kind, content)
        if kind == "Coverage":
            numbers = [part for i in content.identifiers for part in identifier_parts(i)]
            return join(
                kind, *self.subject, *numbers, content.subscriber_id, content.group, content.plan
            )
        if kind == "RelatedPerson":
            relation = code_part(content.relationships[0]) if content.relationships else ""
            identifier = _valued(content.identifiers)
            named = identifier_parts(identifier) if identifier else name_parts(content.names)
            # Next of kin, guarantor and insured may be one and the same; each says other things of them.
            part = () if made.segment.name == "NK1" else (made.segment.name,)
            return join(kind, *self.subject, relation, *named, *part)
        if kind == "Provenance":
            return self._act_key(content)
        if kind == "PractitionerRole":
            return join(kind, content.practitioner.key, content.organization.key)
        if kind == "CareTeam":
            return join(kind, *self.subject, made.segment.name)
        if kind == "Condition" and made.segment.name == "PRB":
            identifier = _valued(content.identifiers)
            if identifier is not None:
                return join(kind, *identifier_parts(identifier))
        if kind in {"Allergy", "Condition"}:
            since = content.recorded or content.onset if kind == "Condition" else ""
            return join(kind, *self.subject, code_part(content.code), since[:10])
        identifier = _valued(content.identifiers)
        if kind == "DocumentReference" and content.master.value:
            identifier = content.master
        if identifier is not None:
            return join(kind, *identifier_parts(identifier))
        if kind == "Encounter":
            start = content.period.start
            return join(kind, self.source, *self.subject, start or self.message_id)
        if kind == "Procedure":
            return join(kind, *self.subject, code_part(content.code), content.performed.start)
        return join(kind, self.report or join(*self.subject, self.message_id))

    def _act_key(self, content: Any) -> str:
        """What somebody did by what it was done with, by what it was and by when."""
        acted = next((m.key for m in self.scope.made if m.kind in _ACTED and m.key), "")
        when = content.recorded or content.occurred or self.message_id
        return join("Provenance", acted or self.message_id, code_part(content.activity), when)

    def _order_key(self, kind: str, content: Any) -> str:
        """Reports by the number of who fills the order, orders by that of who placed it."""
        wanted = ("FILL", "PLAC") if kind == "DiagnosticReport" else ("PLAC", "FILL")
        for type_code in wanted:
            for identifier in content.identifiers:
                if identifier.type_code == type_code and identifier.value:
                    what = content.medication if kind == "MedicationRequest" else content.code
                    return join(kind, *identifier_parts(identifier), code_part(what))
        return join(kind, self.source, self.message_id, str(self.scope.number))

    def _given_key(self, kind: str, content: Any) -> str:
        """What is given under an order: many times, and some senders number only the order."""
        what = content.vaccine if kind == "Immunization" else content.medication
        when = {
            "Immunization": lambda: content.occurrence,
            "MedicationAdministration": lambda: content.effective.start,
            "MedicationDispense": lambda: content.handed_over,
        }[kind]()
        numbers = [i for i in content.identifiers if i.value]
        number = next(
            (i for i in numbers if i.type_code == "FILL"), numbers[0] if numbers else None
        )
        named = identifier_parts(number) if number is not None else (self.source, "")
        return join(kind, *self.subject, *named, code_part(what), when)


def _valued(identifiers: Any) -> Identifier | None:
    identifier: Identifier
    for identifier in identifiers:
        if identifier.value:
            return identifier
    return None
