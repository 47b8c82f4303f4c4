"""What single entries of the mesh document cannot tell: names used twice, references, files they name.

Neighbour: `config`, which reads the entries and prints what was found.
"""

import codecs
import collections
import dataclasses
import functools
import pathlib
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any

from plexus.errors import ConfigurationError
from plexus.settings import Document
from services.consent.domain import ANY, PURPOSES, covers
from services.consent.domain.purposes import BREAK_GLASS
from services.consent.settings import (
    BreakGlassSection,
    LabelsSection,
    PolicySection,
    RecipientSection,
    StatuteSection,
)
from services.delivery.settings import Destination
from services.identity.settings import MatchingSection
from services.ingest.settings import Feed
from services.transform.domain import load_maps, read_code_map, read_overlay
from services.transform.settings import Source, TenantMaps, load_profile

__all__ = ["CrossChecks", "Findings"]


@dataclasses.dataclass(slots=True)
class Findings:
    """What was verified.

    Attributes:
        passed: what is right.
        problems: what is wrong; a service would refuse to start, or would not do what is written.
        notes: what is allowed and probably not meant.
    """

    passed: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class CrossChecks:
    """Checks between entries, which no single entry can fail."""

    document: Document
    findings: Findings
    sources: list[Source]
    tenants: list[TenantMaps]
    feeds: list[Feed]
    destinations: list[Destination]
    policies: list[PolicySection]
    recipients: list[RecipientSection]
    matching: list[MatchingSection]
    statutes: list[StatuteSection]
    break_glass: list[BreakGlassSection]
    labels: list[LabelsSection]

    def check(self, *, references: bool) -> None:
        before = len(self.findings.problems)
        self._twice("sources", self.sources, lambda one: f"{one.tenant}/{one.name}", "name")
        self._twice("tenants", self.tenants, lambda one: one.name, "name")
        self._twice("feeds", self.feeds, lambda one: one.name, "name")
        self._twice("destinations", self.destinations, lambda one: one.name, "name")
        self._twice("recipients", self.recipients, lambda one: one.name, "name")
        self._twice("destinations", self.destinations, lambda one: str(one.path or ""), "path")
        self._twice("matching", self.matching, lambda one: one.tenant, "tenant")
        self._twice("statutes", self.statutes, lambda one: f"{one.tenant}/{one.id}", "id")
        self._twice("break_glass", self.break_glass, lambda one: one.tenant, "tenant")
        self._twice("labels", self.labels, lambda one: one.tenant, "tenant")
        self._check_listeners()
        self._check_values()
        if references:  # else entries that could not be read would look as if they were missing
            self._check_references()
            self._check_policies()
        if references and len(self.findings.problems) == before:
            self.findings.passed.append(f"{self.document.path}: names, addresses and references")

    def _twice(
        self, section: str, entries: Sequence[Any], name_of: Callable[[Any], str], field: str
    ) -> None:
        first: dict[str, int] = {}
        for index, entry in enumerate(entries):
            name = name_of(entry)
            if name and name in first:
                line = self.document.line(section, first[name], field)
                self._problem(section, index, field, f"{name} is already used on line {line}")
            first.setdefault(name, index)

    def _check_listeners(self) -> None:
        ports: dict[int, list[tuple[str, int]]] = collections.defaultdict(list)
        for index, feed in enumerate(self.feeds):
            if not feed.listen:
                continue
            host, _, port = feed.listen.rpartition(":")
            if not host or not port.isdecimal() or int(port) > 65535:
                self._problem("feeds", index, "listen", "must be host:port, as 0.0.0.0:2575")
                continue
            for other, first in ports[int(port)]:
                # A wildcard takes the port on every address.
                if int(port) and (other == host or {other, host} & {"0.0.0.0", "[::]", "::"}):  # noqa: S104
                    line = self.document.line("feeds", first, "listen")
                    text = f"port {port} is already used on line {line}"
                    self._problem("feeds", index, "listen", text)
                    break
            ports[int(port)].append((host, index))

    def _check_values(self) -> None:
        zones = zoneinfo.available_timezones()
        for index, source in enumerate(self.sources):
            if source.time_zone and source.time_zone not in zones:
                self._problem("sources", index, "time_zone", "is no IANA time zone")
            folder = self.document.path.parent
            reads: list[Callable[[], object]] = [
                functools.partial(read_code_map, folder / path) for path in source.code_maps
            ]
            if source.profile:
                reads.append(functools.partial(load_profile, folder / source.profile))
            laid = [
                path for one in self.tenants if one.name == source.tenant for path in one.overlays
            ]
            if laid := [folder / path for path in (*laid, *source.overlays)]:
                reads.append(functools.partial(_lay, laid))
            for read in reads:
                try:
                    read()
                except ConfigurationError as exc:
                    self.findings.problems.extend(exc.detail.split("\n"))
        for labels in self.labels:
            try:
                labels.labeller(self.document.path.parent)
            except ConfigurationError as exc:
                self.findings.problems.append(exc.detail)
        for index, feed in enumerate(self.feeds):
            try:
                codecs.lookup(feed.default_charset or "utf-8")
            except LookupError:
                self._problem("feeds", index, "default_charset", "is no codec of Python")
        for index, one in enumerate(self.destinations):
            if one.purpose not in PURPOSES:
                text = "is no PurposeOfUse code of v3-ActReason, so nothing would be permitted"
                self._problem("destinations", index, "purpose", text)
            if one.token_file is not None:
                try:
                    if not one.token_file.read_text(encoding="utf-8").strip():
                        self._problem("destinations", index, "token_file", "is empty")
                except (OSError, UnicodeDecodeError):
                    self._problem("destinations", index, "token_file", "cannot be read")

    def _check_references(self) -> None:
        listed = {(source.tenant, source.name) for source in self.sources}
        used = {(feed.tenant, feed.source_name) for feed in self.feeds}
        for index, feed in enumerate(self.feeds):
            if (feed.tenant, feed.source_name) not in listed:
                text = f"source {feed.source_name} of {feed.tenant} is not listed: it gets defaults"
                self._note("feeds", index, "source", text)
        for index, source in enumerate(self.sources):
            if (source.tenant, source.name) not in used:
                self._note("sources", index, "name", f"no feed of {source.tenant} is of it")

    def _check_policies(self) -> None:
        for index, one in enumerate(self.destinations):
            if not any(self._permits(policy, one) for policy in self.policies):
                text = f"no policy permits {one.purpose} to {one.recipient_name}: all is withheld"
                self._note("destinations", index, "purpose", text)
        recipients = {one.recipient_name for one in self.destinations} | {ANY}
        for index, policy in enumerate(self.policies):
            if policy.recipient not in recipients:
                self._note("policies", index, "recipient", "no destination is this recipient")
        for index, recipient in enumerate(self.recipients):
            if all(one.recipient_name != recipient.name for one in self.destinations):
                self._note("recipients", index, "name", "no destination is this recipient")

    @staticmethod
    def _permits(policy: PolicySection, destination: Destination) -> bool:
        purpose = destination.purpose
        is_covered = policy.purpose == ANY and purpose != BREAK_GLASS
        return (
            policy.effect == "permit"
            and policy.tenant in {ANY, destination.tenant}
            and policy.recipient in {ANY, destination.recipient_name}
            and policy.action in {ANY, "disclose"}
            and (is_covered or covers(policy.purpose, purpose))
        )

    def _place(self, section: str, index: int, field: str) -> str:
        line = self.document.line(section, index, field)
        return f"{self.document.path}:{line}: {section}.{index}.{field}"

    def _problem(self, section: str, index: int, field: str, text: str) -> None:
        self.findings.problems.append(f"{self._place(section, index, field)}: {text}")

    def _note(self, section: str, index: int, field: str, text: str) -> None:
        self.findings.notes.append(f"{self._place(section, index, field)}: {text}")


def _lay(paths: Sequence[pathlib.Path]) -> None:
    load_maps([read_overlay(path) for path in paths])
