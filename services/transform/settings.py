"""Settings of transform, what the mesh document says of sources, and partner profiles.

A profile is a file of its own, which a source names: YAML that people review, with mistakes named by line.

    profile:
      - name: north-adt
        messages: [ADT]             # left out: all messages
        local_segments: named       # Z segments only where `segments` names them; default any
        severity: warning           # of all rules that do not say it: warning, or error (refused)
    segments:
      - {name: PV1, usage: required, max: 1}
      - {name: GT1, usage: forbidden}
      - {name: ZPI}
      - {name: MRG, usage: required, messages: [ADT^A40], severity: error}
    fields:
      - {place: PID-3, usage: required, max: 5}
      - {place: PID-5.1, usage: required, length: 50}
      - {place: PID-8, table: [F, M, O, U]}
      - {place: PID-19, usage: forbidden, severity: error}
"""

import pathlib
from typing import Literal

import pydantic

from plexus.errors import ConfigurationError
from plexus.settings import Document, Section, ServiceSettings, load_document
from services.transform.domain.profile import FieldRule, Profile, SegmentRule

__all__ = ["Source", "TenantMaps", "TransformSettings", "load_profile"]

_MESSAGE = r"^[A-Z0-9]{3}(\^[A-Z0-9]{3})?$"
_Usage = Literal["required", "optional", "forbidden"]
_Severity = Literal["warning", "error"]
_Message = pydantic.constr(pattern=_MESSAGE)


class TransformSettings(ServiceSettings):
    """What transform is told beside what all services are."""

    terminology_folder: pathlib.Path = pathlib.Path(".plexus/terminology")
    """Folder of the releases that `plexus terms load` has loaded. They serve suggestions for unmapped
    codes only; an absent folder means that there are none."""

    reload_seconds: float = pydantic.Field(default=2.0, ge=0, le=3600)
    """How often overlays, code maps, profiles and the mesh document's sources are looked at for changes,
    in seconds. What has changed is used from the next message on; what is wrong changes nothing. 0 reads
    them at the start only."""

    unmapped_days: int = pydantic.Field(default=90, ge=1)
    """How long the worklist remembers an unmapped code that does not come any more."""


class Source(Section):
    """A system that sends, as the mesh document's `sources` lists it.

    A source that is not listed gets the defaults.
    """

    tenant: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The tenant that the source belongs to."""

    name: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The name that feeds refer to."""

    time_zone: str = ""
    """IANA name of the zone of times that are sent without one, for example Europe/Vienna. Empty
    invents none: such times keep no zone."""

    profile: str = ""
    """File with the profile that was agreed with the partner, relative to the mesh document: what its
    messages must hold and must not. Empty: HL7 is enough. See `plexus lint`."""

    default_authority: str = ""
    """Namespace of identifiers that are sent without an assigning authority. Empty makes them local
    to the source."""

    overlays: tuple[pathlib.Path, ...] = ()
    """Files that change the maps for this source, laid over them after those of its tenant. A relative
    path begins at the folder of the mesh document. See docs/maps.md."""

    code_maps: tuple[pathlib.Path, ...] = ()
    """Files that say what the local codes of the source are in a standard. A relative path begins at
    the folder of the mesh document. `plexus terms map verify` checks a file."""


class TenantMaps(Section):
    """What a tenant does otherwise with all its sources, as the mesh document's `tenants` lists it."""

    name: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The tenant."""

    overlays: tuple[pathlib.Path, ...] = ()
    """Files that change the maps for all sources of the tenant. A relative path begins at the folder of
    the mesh document. See docs/maps.md."""


class _Head(Section):
    """What the profile is about."""

    name: str = pydantic.Field(pattern=r"^[a-zA-Z0-9._-]{1,60}$")
    """Name of the profile; it stands in every issue."""

    messages: list[_Message] = pydantic.Field(default=[], max_length=200)  # type: ignore[valid-type]
    """Message types (ADT) and events (ADT^A01) that it is about. Empty: all."""

    local_segments: Literal["any", "named"] = "any"
    """Whether Z segments that `segments` does not name are a violation."""

    severity: _Severity = "warning"
    """Severity of the rules that do not say it."""


class _Rule(Section):
    usage: _Usage = "optional"
    """Whether it must come, may come, or must not come."""

    min: int = pydantic.Field(default=0, ge=0, le=10_000)
    """How often it must come at least."""

    max: int | None = pydantic.Field(default=None, ge=1, le=10_000)
    """How often it may come at most."""

    messages: list[_Message] = pydantic.Field(default=[], max_length=200)  # type: ignore[valid-type]
    """Message types and events that the rule is for. Empty: all of the profile."""

    severity: _Severity | None = None
    """What breaking the rule is. Left out: what the profile says."""

    @pydantic.model_validator(mode="after")
    def _agrees(self) -> "_Rule":
        if self.usage == "forbidden" and (self.min or self.max is not None):
            raise ValueError("what is forbidden has neither min nor max")
        if self.max is not None and self.max < self.least:
            raise ValueError("max is below min")
        return self

    @property
    def least(self) -> int:
        return max(self.min, int(self.usage == "required"))

    @property
    def most(self) -> int | None:
        return 0 if self.usage == "forbidden" else self.max


class _Segment(_Rule):
    name: str = pydantic.Field(pattern=r"^[A-Z][A-Z0-9]{2}$")
    """The segment."""


class _Field(_Rule):
    place: str = pydantic.Field(pattern=r"^[A-Z][A-Z0-9]{2}-[1-9]\d{0,2}(\.[1-9]\d?){0,2}$")
    """Field, component or subcomponent: PID-3, PID-3.4, PID-3.4.2."""

    length: int | None = pydantic.Field(default=None, ge=1)
    """Most characters of a value."""

    table: list[str] = pydantic.Field(default=[], max_length=10_000)
    """Codes that may come. Empty: any."""

    @pydantic.model_validator(mode="after")
    def _is_about_one(self) -> "_Field":
        if "." in self.place and (self.min > 1 or self.max is not None):
            raise ValueError("only fields repeat: a component has no min and no max")
        return self


def load_profile(path: pathlib.Path) -> Profile:
    """Read a profile.

    Raises:
        ConfigurationError: it cannot be read or is wrong; names file and line of every mistake.
    """
    document = load_document(path, "the profile")
    document.known({"profile", "segments", "fields"})
    heads = document.sections("profile", _Head)
    if len(heads) != 1:
        raise ConfigurationError(
            f"{path}:{document.line('profile')}: expected one entry under profile, with its name"
        )
    [head] = heads
    segments = document.sections("segments", _Segment)
    fields = document.sections("fields", _Field)
    _once(document, "segments", [(one.name, tuple(one.messages)) for one in segments])
    _once(document, "fields", [(one.place, tuple(one.messages)) for one in fields])

    def is_error(rule: _Rule) -> bool:
        return (rule.severity or head.severity) == "error"

    return Profile(
        name=head.name,
        messages=frozenset(head.messages),
        segments=tuple(
            SegmentRule(rule.name, rule.least, rule.most, is_error(rule), frozenset(rule.messages))
            for rule in segments
        ),
        fields=tuple(
            FieldRule(
                rule.place[:3],
                tuple(int(n) for n in rule.place[4:].split(".")),
                rule.least,
                rule.most,
                rule.length,
                frozenset(rule.table),
                is_error(rule),
                frozenset(rule.messages),
            )
            for rule in fields
        ),
        local=None if head.local_segments == "any" else frozenset(rule.name for rule in segments),
        is_local_error=head.severity == "error",
    )


def _once(document: Document, section: str, names: list[tuple[str, tuple[str, ...]]]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ConfigurationError(
                f"{document.path}:{document.line(section, index)}: {name[0]} has a rule already"
            )
