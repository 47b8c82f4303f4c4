"""What is wrong in a file, message by message, each with its line, place and rule.

Findings repeat no value of a message: they may be sent to a partner or put into a ticket.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR, SEVERITY_WARNING, Issue
from plexus.codecs.hl7v2 import Message, locate, read, read_batch
from plexus.codecs.hl7v2.charsets import bom_of
from plexus.errors import InvalidMessage, Reason
from services.cli.linting.standard import VERSIONS, field_findings
from services.cli.linting.structure import structure_findings
from services.transform.domain import Profile, violations

__all__ = ["Finding", "Level", "lint_file"]

Level = Literal["error", "warning", "note"]
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        file: label of the file.
        line: in the file, from 1.
        message: ordinal of the message in the file, from 1; 0 for the file itself.
        place: segment and field, such as `PID[1]-3[1].4`; empty for the message.
        level: an error breaks the standard or a rule of the profile that is an error.
        rule: short name of what was held against it.
        text: in words, without values.
    """

    file: str
    line: int
    message: int
    place: str
    level: Level
    rule: str
    text: str


def lint_file(
    label: str, content: bytes, *, version: str = "", profile: Profile | None = None
) -> Iterator[Finding]:
    """Give the findings of a file in the order of its messages.

    Args:
        label: of the file.
        content: messages, or a batch.
        version: hold against that version of HL7, whatever MSH-12 tells.
        profile: of the partner.
    """
    batch = read_batch(content)
    for issue in batch.issues:
        yield _finding(label, 1, 0, issue, "batch")
    if not batch.parts:
        yield Finding(label, 1, 0, "", "error", "reading", "There is no message.")
    mark, _ = bom_of(content)
    at = 0
    for number, part in enumerate(batch.parts, 1):
        begins = content.find(part.content[mark:], at)
        at = max(begins, at)
        line = 1 + len(_LINE_END.findall(content, 0, at))
        at += len(part.content) - mark
        yield from _lint(label, line, number, part.content, version, profile)


def _lint(
    label: str, line: int, number: int, content: bytes, version: str, profile: Profile | None
) -> Iterator[Finding]:
    try:
        message = read(content)
    except InvalidMessage as exc:
        yield Finding(label, line, number, exc.location, "error", "reading", exc.detail)
        return

    def at(place: str) -> int:
        span = locate(message, place) or locate(message, place.partition("-")[0]) or (0, 0)
        return line + len(_LINE_END.findall(content, 0, span[0]))

    for issue in message.issues:
        yield _finding(label, at(issue.location), number, issue, "reading")
    told = version or message.version
    held = _version(told)
    if held != told:
        text = f"The version is none that is known; held against {held}."
        yield Finding(label, at("MSH-12"), number, "MSH-12", "error", "version", text)
    for place, level, rule, text in _standard(message, held):
        yield Finding(label, at(place), number, place, level, rule, text)
    if profile is not None:
        for issue in violations(profile, message):
            yield _finding(label, at(issue.location), number, issue, f"profile {profile.name}")


def _standard(message: Message, version: str) -> Iterator[tuple[str, Level, str, str]]:
    yield from structure_findings(message, version)
    yield from field_findings(message, version)


def _version(told: str) -> str:
    """The version itself, or the nearest that is known and not later."""
    if told in VERSIONS:
        return told
    numbers = [int(part) for part in told.split(".") if part.isdigit()] or [9]
    known = [one for one in VERSIONS if [int(part) for part in one.split(".")] <= numbers]
    return known[-1] if known else VERSIONS[0]


def _finding(label: str, line: int, number: int, issue: Issue, rule: str) -> Finding:
    levels: dict[int, Level] = {SEVERITY_ERROR: "error", SEVERITY_WARNING: "warning"}
    level = levels.get(issue.severity, "note")
    text = issue.detail or Reason.Name(issue.reason)
    return Finding(label, line, number, issue.location, level, rule, text)
