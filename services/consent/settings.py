"""Settings of consent, and the default policies of the mesh document."""

import pathlib
import zoneinfo
from typing import Any, Literal

import pydantic

from plexus.errors import ConfigurationError
from plexus.settings import Section, ServiceSettings
from services.consent.domain import ACTIONS, ANY, PURPOSES, Labeller, read_label_rules
from services.consent.domain.elements import Reader
from services.consent.domain.statutes import Law, Statute, read_statute

__all__ = [
    "BreakGlassSection",
    "ConsentSettings",
    "LabelsSection",
    "PolicySection",
    "RecipientSection",
    "StatuteSection",
]


class ConsentSettings(ServiceSettings):
    """Settings of consent, beside the mesh document."""

    time_zone: str = "UTC"
    """IANA name of the zone in which the days of directives begin and end, for example
    Europe/Vienna."""

    decision_seconds: float = pydantic.Field(default=1.0, ge=0)
    """How long delivery relies on a decision. A change of a directive is answered this long after it
    was stored: then nothing that was decided before it can leave any more."""

    @pydantic.field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as exc:
            raise ValueError("is no time zone (IANA)") from exc
        return name


class RecipientSection(Section):
    """Who a recipient is, as `recipients` of the mesh document lists it.

    Of a recipient that is not listed nobody knows who they are: a directive that denies somebody may
    mean them, and one that permits somebody does not.
    """

    name: str = pydantic.Field(min_length=1, max_length=200)
    """As destinations name their recipient."""

    actors: tuple[str, ...] = pydantic.Field(default=(), max_length=1000)
    """References of all that it is, as directives name them: itself, the organisations above it, its
    groups. For example Organization/north, or system|value of an identifier."""


class PolicySection(Section):
    """One rule of the default policy, as `policies` of the mesh document lists it.

    Without any rule nothing is permitted.
    """

    name: str = pydantic.Field(default="", pattern=r"^([a-zA-Z][a-zA-Z0-9-]{0,39})?$")
    """Name that decisions give as their rule. Empty: the rule's place in the list, from 0."""

    tenant: str = pydantic.Field(pattern=r"^(\*|[a-z0-9-]{1,40})$")
    """The tenant whose data it is about, or `*` for all."""

    purpose: str
    """Purpose of use: a PurposeOfUse code of HL7 v3-ActReason, which also covers the codes below it
    (TREAT covers ETREAT), or `*` for all. BTG is permitted only by a rule that names it."""

    recipient: str = pydantic.Field(default=ANY, min_length=1, max_length=200)
    """Who would receive, as destinations name their recipient, or `*` for all."""

    resource_types: tuple[str, ...] = pydantic.Field(default=(ANY,), min_length=1)
    """FHIR types it is about, for example [Observation, DiagnosticReport], or `["*"]` for all."""

    action: str = "disclose"
    """What is done: a code of HL7 consentaction, or `*` for all."""

    effect: Literal["permit", "deny"]
    """A deny wins over every permit."""

    @pydantic.field_validator("purpose")
    @classmethod
    def _known_purpose(cls, purpose: str) -> str:
        if purpose != ANY and purpose not in PURPOSES:
            raise ValueError("is no PurposeOfUse code of v3-ActReason")
        return purpose

    @pydantic.field_validator("action")
    @classmethod
    def _known_action(cls, action: str) -> str:
        if action != ANY and action not in ACTIONS:
            raise ValueError(f"must be one of {', '.join(sorted(ACTIONS))} or *")
        return action

    @pydantic.field_validator("resource_types")
    @classmethod
    def _types_or_all(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if ANY in types and len(types) > 1:
            raise ValueError("* stands alone")
        if not all(kind == ANY or (kind.isascii() and kind.isalpha()) for kind in types):
            raise ValueError("FHIR types are letters only, for example Observation")
        return types


class StatuteSection(Section):
    """One rule of law, as `statutes` of the mesh document lists it. None holds by itself.

    A deny stands above what a person permits, a permit above what a person denies; needs-consent
    denies what only the policies would permit.
    """

    id: str = pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")
    """Name that decisions give."""

    version: str = pydantic.Field(default="1", pattern=r"^[A-Za-z0-9.-]{1,20}$")
    """Which wording of it."""

    tenant: str = pydantic.Field(default=ANY, pattern=r"^(\*|[a-z0-9-]{1,40})$")
    """The tenant whose data it holds for, or `*` for all."""

    basis: str = pydantic.Field(default="", max_length=200)
    """Where it is written, for example 42 CFR 2.31."""

    law: Law
    """deny, permit or needs-consent."""

    where: dict[str, Any] = pydantic.Field(default_factory=dict)
    """What it is about: the dimensions of a provision of FHIR Consent (`purpose`, `securityLabel`,
    `class`, `code`, `actor`, `action`). Empty: everything."""

    unless: tuple[str, ...] = ()
    """Purposes of use that are excepted, with those below them."""

    obligations: tuple[str, ...] = pydantic.Field(default=(), max_length=20)
    """What a disclosure owes that it touches, for example NO_REDISCLOSE."""

    @pydantic.model_validator(mode="after")
    def _understood(self) -> "StatuteSection":
        try:
            self.statute(zoneinfo.ZoneInfo("UTC"))
        except ConfigurationError as exc:
            raise ValueError(str(exc)) from exc
        return self

    def statute(self, zone: zoneinfo.ZoneInfo) -> Statute:
        """The rule. Raises ConfigurationError where it cannot be understood."""
        return read_statute(
            {
                "id": self.id,
                "version": self.version,
                "law": self.law.value,
                "where": self.where,
                "unless": self.unless,
                "obligations": self.obligations,
            },
            Reader(zone),
        )


class BreakGlassSection(Section):
    """Who may break the glass, as `break_glass` of the mesh document lists it, one for a tenant."""

    tenant: str = pydantic.Field(default=ANY, pattern=r"^(\*|[a-z0-9-]{1,40})$")
    """The tenant whose data it is about, or `*` for all that have none of their own."""

    groups: tuple[str, ...] = pydantic.Field(min_length=1, max_length=1000)
    """References of the groups whose members may, for example Group/emergency."""

    minutes: int = pydantic.Field(default=60, ge=1, le=24 * 60)
    """How long it stays broken."""

    never: tuple[str, ...] = pydantic.Field(default=(), max_length=1000)
    """Security labels, as system|code, that it never opens."""


class LabelsSection(Section):
    """Which data are sensitive, as `labels` of the mesh document lists it, one for a tenant."""

    tenant: str = pydantic.Field(default=ANY, pattern=r"^(\*|[a-z0-9-]{1,40})$")
    """The tenant whose data it is about, or `*` for all that have none of their own."""

    shipped: tuple[str, ...] = ()
    """Names of rule files that come with Plexus, for example us-sensitive."""

    files: tuple[pathlib.Path, ...] = ()
    """Rule files of one's own, from the folder of the mesh document on."""

    least_confidence: float = pydantic.Field(default=0.0, ge=0, le=1)
    """Rules that are less sure label nothing."""

    def labeller(self, folder: pathlib.Path) -> Labeller:
        """The rules. Raises ConfigurationError where a file cannot be understood."""
        rules = [read_label_rules(name) for name in self.shipped]
        rules += [read_label_rules(folder / path) for path in self.files]
        return Labeller(rules, self.least_confidence)
