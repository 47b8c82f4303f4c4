"""From a FHIR Consent to a directive: the dialect recognised, every provision read or refused.

Three dialects say the base decision in three places (HL7 FHIR R4 and R5 Consent, IHE PCF 1.1):

    decision                at the resource (R5); provisions are exceptions, their types alternate
    provision.type          at the root provision (IHE PCF); nested types are given
    policyRule              OPTIN or OPTOUT (R4), with a root provision that has no type

A nested type that is given wins over the one that alternation implies. `compiling` reads provisions,
`elements` values.
"""

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from services.consent.domain.codes import system_uri
from services.consent.domain.compiling import UNKNOWN_MODIFIER, Compiler
from services.consent.domain.elements import Problem, Reader
from services.consent.domain.rules import Node
from services.consent.domain.times import Span

__all__ = ["Directive", "read_directive"]

ACTIVE: Final = "active"
_PRIVACY: Final = "patient-privacy"
# Consents about other things than privacy: HL7 consentscope and consentcategorycodes.
_OTHER_SCOPES: Final = frozenset({"adr", "research", "treatment"})
_OTHER_CATEGORIES: Final = _OTHER_SCOPES | {"acd", "dnr", "hcd", "polst"}
_SCOPES: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
_CATEGORIES: Final = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"


@dataclasses.dataclass(frozen=True, slots=True)
class Directive:
    """A person's directive, compiled.

    Attributes:
        consent_id: id of the resource; may be empty.
        root: the base decision, its limits and all provisions; None where nothing says the base.
        period: when it is in force at all.
        written: when it was written, as a span; None where it does not say.
        key: policies, organisations and categories. A later one with the same key replaces it; None
            where it names no policy, and nothing replaces it.
        problems: what could not be read; with any it permits nothing.
        digest: of its content, 16 hexadecimal digits.
    """

    consent_id: str
    version: str
    digest: str
    is_active: bool
    is_about_privacy: bool
    period: Span
    written: Span | None
    key: tuple[frozenset[str], ...] | None
    root: Node | None
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """`id@version`, as decisions tell it."""
        return f"{self.consent_id or self.digest}@{self.version or '1'}"

    @property
    def matters(self) -> bool:
        """False for what is as good as absent: not active, or about something else."""
        return self.is_active and self.is_about_privacy

    def edges(self) -> Iterable[int]:
        """Moments at which what it says may change."""
        if self.matters:
            yield from self.period
            for node in self.root.walk() if self.root else ():
                yield node.start
                yield node.end


def read_directive(
    resource: Any, zone: datetime.tzinfo = datetime.UTC, version: str = ""
) -> Directive:
    """Read one FHIR Consent. Never raises for what it says: that is among `problems`.

    Args:
        resource: the parsed JSON.
        zone: the tenant's, for dates without an offset.
        version: of the resource; without one, its meta.versionId.
    """
    digest = hashlib.sha256(_bytes(resource)).hexdigest()[:16]
    reader = Reader(zone)
    if not isinstance(resource, Mapping):
        reader.refuse("", "must be an object")
        resource = {"status": ACTIVE}
    if resource.get("resourceType", "Consent") != "Consent":
        reader.refuse("resourceType", "must be Consent")
    for name in ("modifierExtension", "implicitRules"):
        if resource.get(name):
            reader.refuse(name, UNKNOWN_MODIFIER)
    status = resource.get("status")
    if not isinstance(status, str):
        reader.refuse("status", "is required")
    dated = "date" if resource.get("dateTime") is None else "dateTime"
    written = reader.moment(resource, dated, "")
    period = reader.period(resource, "period", "")
    key = _key(resource, reader)
    is_about_privacy = _is_about_privacy(resource, reader)
    root = Compiler(reader).root(resource)
    if root is not None:
        period = max(period[0], root.start), min(period[1], root.end)
    meta = resource.get("meta")
    if not version and isinstance(meta, Mapping):
        version = str(meta.get("versionId") or "")
    return Directive(
        consent_id=_text(resource.get("id")),
        version=version,
        digest=digest,
        # A status that cannot be read is taken for active, so that the problem counts.
        is_active=status == ACTIVE or not isinstance(status, str),
        is_about_privacy=is_about_privacy,
        period=period,
        written=written,
        key=key,
        root=root,
        problems=tuple(dict.fromkeys(reader.problems)),
    )


def _bytes(resource: Any) -> bytes:
    try:
        return orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return repr(resource).encode("utf-8", "backslashreplace")


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _key(resource: Mapping[str, Any], reader: Reader) -> tuple[frozenset[str], ...] | None:
    policies = {
        _text(each.get("uri")).rstrip("/") for _, each in reader.items(resource, "policy", "")
    }
    basis = resource.get("policyBasis")
    if isinstance(basis, Mapping):
        policies.add(_text(basis.get("uri")).rstrip("/"))
    policies.discard("")
    owners = {
        reader.reference(each, path)
        for name in ("organization", "controller")
        for path, each in reader.items(resource, name, "")
    }
    categories = {f"{system_uri(system)}|{code}" for system, code in _categories(resource, reader)}
    if not policies:
        return None
    return frozenset(policies), frozenset(owners), frozenset(categories)


def _categories(resource: Mapping[str, Any], reader: Reader) -> list[tuple[str, str]]:
    return [
        (_text(coding.get("system")), _text(coding.get("code")))
        for path, concept in reader.items(resource, "category", "")
        for _, coding in reader.items(concept, "coding", f"{path}.")
    ]


def _is_about_privacy(resource: Mapping[str, Any], reader: Reader) -> bool:
    scope = resource.get("scope")
    if scope:
        if not isinstance(scope, Mapping):
            reader.refuse("scope", "must be an object")
            return True
        codes = {_text(coding.get("code")) for _, coding in reader.items(scope, "coding", "scope.")}
        if _PRIVACY not in codes and codes <= _OTHER_SCOPES and codes:
            return False
        if _PRIVACY not in codes:
            reader.refuse("scope", "is no known scope (HL7 consentscope)")
        return True
    found = _categories(resource, reader)
    return not found or not all(
        system_uri(system) in {_SCOPES, _CATEGORIES} and code in _OTHER_CATEGORIES
        for system, code in found
    )
