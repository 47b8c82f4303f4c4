"""The values inside a Consent, read strictly: codings, references, periods, each with its problems.

A problem names the element and what is wrong with it, never a value of a person. Whatever cannot be
read is a problem, and a directive with a problem permits nothing: so an element that is left out is
told from one that is empty or broken.
"""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from plexus.codecs.fhir.definitions import code_system
from services.consent.domain.codes import (
    ACT_CODE,
    ACT_REASON,
    CONFIDENTIALITY,
    CONSENT_ACTION,
    LEVELS,
    RESOURCE_TYPES,
    known_types,
    reference,
    system_uri,
)
from services.consent.domain.purposes import ACTIONS, PURPOSES
from services.consent.domain.times import ALWAYS, Span, span

__all__ = ["CONFIDENTIALITY_CODES", "Coding", "Problem", "Reader"]

CONFIDENTIALITY_CODES = code_system(CONFIDENTIALITY) or frozenset(LEVELS)
_ACT_CODES = code_system(ACT_CODE) or frozenset()

# Everybody who asks is one: such a role alone says nothing about who.
_ROLES_OF_ANYBODY = frozenset({"IRCP", "PRCP"})


class Problem(NamedTuple):
    """What is wrong with one element.

    Attributes:
        path: the element, for example `provision.purpose[0]`.
        text: what is wrong, free of patient data.
    """

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


class Coding(NamedTuple):
    """A coding with its system in its one form."""

    system: str
    code: str

    @property
    def token(self) -> str:
        """`system|code`."""
        return f"{self.system}|{self.code}"


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Reads elements, and gathers what is wrong with them.

    Attributes:
        zone: of dates that name none.
    """

    zone: datetime.tzinfo
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def refuse(self, path: str, text: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(path, text))

    def items(
        self, holder: Mapping[str, Any], name: str, path: str
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The objects of a repeating element, each with its path; a broken one is a problem."""
        found = holder.get(name)
        if found is None:
            return
        if not isinstance(found, Sequence) or isinstance(found, str):
            self.refuse(f"{path}{name}", "must be a list")
            return
        for place, each in enumerate(found):
            where = f"{path}{name}[{place}]"
            if isinstance(each, Mapping):
                yield where, each
            else:
                self.refuse(where, "must be an object")

    def coding(self, found: Mapping[str, Any], path: str) -> Coding | None:
        """A coding; without a system or a code it says nothing that could be compared."""
        system, code = found.get("system"), found.get("code")
        if not isinstance(code, str) or not code.strip():
            self.refuse(f"{path}.code", "is required")
        elif not isinstance(system, str) or not system.strip():
            self.refuse(f"{path}.system", "is required")
        else:
            return Coding(system_uri(system), code.strip())
        return None

    def concept(self, found: Mapping[str, Any], path: str) -> list[Coding]:
        """The codings of a concept; at least one, else it is a problem."""
        read = [self.coding(each, where) for where, each in self.items(found, "coding", f"{path}.")]
        if not read:
            self.refuse(path, "must have a coding: text alone cannot be compared")
        return [each for each in read if each is not None]

    def purpose(self, found: Mapping[str, Any], path: str) -> str:
        """A purpose of use; empty and a problem where it is unknown."""
        coding = self.coding(found, path)
        if coding is None:
            return ""
        if coding.system != ACT_REASON or coding.code not in PURPOSES:
            self.refuse(path, "is no known purpose of use (HL7 v3-ActReason)")
        return coding.code

    def action(self, found: Mapping[str, Any], path: str) -> str:
        """An action; empty and a problem where it is unknown. Other systems are translations."""
        codings = self.concept(found, path)
        codes = {each.code for each in codings if each.system == CONSENT_ACTION}
        if len(codes) != 1 or not codes <= ACTIONS:
            self.refuse(path, "is no known action (HL7 consentaction)")
            return ""
        return codes.pop()

    def resource_class(self, found: Mapping[str, Any], path: str) -> str:
        """A resource type, as a token; other classes of content cannot be told from data."""
        coding = self.coding(found, path)
        if coding is None:
            return ""
        if coding.system != RESOURCE_TYPES:
            self.refuse(path, "is no resource type: other classes of content are not supported")
        elif coding.code not in known_types():
            self.refuse(path, "is no resource type of FHIR")
        return coding.token

    def label(self, found: Mapping[str, Any], path: str) -> Coding | None:
        """A security label."""
        coding = self.coding(found, path)
        if coding is None:
            return None
        if coding.system == CONFIDENTIALITY and coding.code not in CONFIDENTIALITY_CODES:
            self.refuse(path, "is no code of v3-Confidentiality")
        if coding.system == ACT_CODE and coding.code not in _ACT_CODES:
            self.refuse(path, "is no code of v3-ActCode")
        return coding

    def reference(self, found: Any, path: str) -> str:
        """A reference in its one form: an address, or `system|value` of an identifier."""
        if not isinstance(found, Mapping):
            self.refuse(path, "must be a reference")
            return ""
        literal = found.get("reference")
        if isinstance(literal, str) and literal.strip():
            if literal.strip().startswith("#"):
                self.refuse(f"{path}.reference", "points into the resource itself")
            return reference(literal)
        identifier = found.get("identifier")
        if isinstance(identifier, Mapping):
            system, value = identifier.get("system"), identifier.get("value")
            if isinstance(system, str) and isinstance(value, str) and system and value:
                return reference(f"{system}|{value}")
        self.refuse(path, "must have a reference, or an identifier with system and value")
        return ""

    def actor(self, found: Mapping[str, Any], path: str) -> Iterator[str]:
        """Who: a reference, or a role where R5 gives that alone."""
        if found.get("reference"):
            yield self.reference(found["reference"], f"{path}.reference")
            return
        role = found.get("role")
        if not isinstance(role, Mapping) or not role:
            self.refuse(f"{path}.reference", "is required")
            return
        codings = self.concept(role, f"{path}.role")
        if any(each.code in _ROLES_OF_ANYBODY for each in codings):
            self.refuse(f"{path}.role", "names nobody: whoever asks has this role")
        for each in codings:
            yield each.token

    def period(self, holder: Mapping[str, Any], name: str, path: str) -> Span:
        """A period, its last day included; all time where it is left out."""
        found = holder.get(name)
        if found is None:
            return ALWAYS
        where = f"{path}{name}"
        if not isinstance(found, Mapping):
            self.refuse(where, "must be an object")
            return ALWAYS
        start = self.moment(found, "start", f"{where}.") or ALWAYS
        end = self.moment(found, "end", f"{where}.") or ALWAYS
        if start[0] >= end[1]:
            self.refuse(where, "ends before it starts")
            return ALWAYS
        return start[0], end[1]

    def moment(self, holder: Mapping[str, Any], name: str, path: str) -> Span | None:
        """What a date spans; None where it is left out or broken."""
        found = holder.get(name)
        if found is None:
            return None
        try:
            if isinstance(found, str):
                return span(found.strip(), self.zone)
        except (ValueError, OverflowError):
            pass
        self.refuse(f"{path}{name}", "is no date of FHIR")
        return None
