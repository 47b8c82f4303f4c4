"""Messages to FHIR or canonical events, one by one; what is kept of each is what the report says."""

import dataclasses
import json
import pathlib
import time
from types import TracebackType
from typing import Any, Literal, Self, TextIO

import orjson
from google.protobuf.json_format import MessageToDict

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent, Issue
from plexus.codecs.fhir import Disclosure
from plexus.codecs.hl7v2 import read
from plexus.errors import InvalidMessage, NotFound
from plexus.ids import part_name
from services.cli.converting.dialect import Dialect
from services.cli.telling import reason_name
from services.transform.domain import Coverage, as_recorded, coverage_of, run_parts

__all__ = ["Converted", "Form", "Report", "Tally", "convert_one"]

Form = Literal["fhir", "canonical"]


@dataclasses.dataclass(frozen=True, slots=True)
class Converted:
    """What became of a message.

    Attributes:
        type: as ADT^A01; empty where it cannot be read.
        data: what it was converted to, each part by itself where it is about several persons; empty if
            it was not.
        issues: what was wrong with it; of one that was not converted, why.
        coverage: of its leaves; None if it was not converted.
        seconds: that it took.
    """

    type: str
    data: tuple[bytes, ...]
    issues: tuple[dict[str, str], ...]
    coverage: Coverage | None
    seconds: float


def convert_one(content: bytes, dialect: Dialect, form: Form) -> Converted:
    """Convert a message; FHIR is held against the strict schema of R4."""
    began = time.perf_counter()
    context = dialect.context(content)
    try:
        found = run_parts(dialect.maps, content, context)
        if form == "fhir":
            data = tuple(
                _fhir(each.event, context.tenant, part_name(context.message_id, part))
                for part, each in enumerate(found, len(found) > 1)
            )
        else:
            data = tuple(_json(each.event) for each in found)
    except InvalidMessage as exc:
        issue = Issue(reason=exc.reason, location=exc.location, detail=exc.detail)
        return Converted(_type(content), (), (_told(issue),), None, time.perf_counter() - began)
    issues = tuple(_told(issue) for each in found for issue in each.event.issues)
    seconds = time.perf_counter() - began
    covered = [coverage_of(message, draft) for message, draft in found]
    coverage = Coverage(*map(sum, zip(*covered, strict=True)))
    return Converted(found[0].message.type, data, issues, coverage, seconds)


def _fhir(event: CanonicalEvent, tenant: str, message_id: str) -> bytes:
    recorded = as_recorded(event, tenant=tenant)
    return Disclosure(recorded, tenant=tenant).bundle_bytes(message_id=message_id)


def _json(event: CanonicalEvent) -> bytes:
    return orjson.dumps(MessageToDict(event, preserving_proto_field_name=True))


def _type(content: bytes) -> str:
    try:
        return read(content).type
    except InvalidMessage:
        return ""


def _told(issue: Issue) -> dict[str, str]:
    told = {
        "reason": reason_name(issue.reason),
        "location": issue.location,
        "detail": issue.detail,
    }
    return {name: text for name, text in told.items() if text}


@dataclasses.dataclass(slots=True)
class Tally:
    """What became of all messages so far.

    Attributes:
        converted, failed: numbers of messages.
        mapped, dropped, residue: numbers of leaves of those that were converted.
        types: converted and not, by message type.
        reasons: numbers of those that were not converted, by reason.
    """

    converted: int = 0
    failed: int = 0
    mapped: int = 0
    dropped: int = 0
    residue: int = 0
    types: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, one: Converted) -> None:
        """Count a message."""
        by_type = self.types.setdefault(one.type or "unreadable", [0, 0])
        by_type[not one.data] += 1
        if one.coverage is None:
            self.failed += 1
            reason = one.issues[0].get("reason", "")
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        else:
            self.converted += 1
            self.mapped += one.coverage.mapped
            self.dropped += one.coverage.dropped
            self.residue += one.coverage.residue

    @property
    def messages(self) -> int:
        """All messages."""
        return self.converted + self.failed

    @property
    def coverage(self) -> Coverage:
        """Of all leaves."""
        return Coverage(self.mapped, self.dropped, self.residue)

    def as_json(self, seconds: float) -> dict[str, Any]:
        """For the report."""
        return {
            "messages": self.messages,
            "converted": self.converted,
            "failed": self.failed,
            "seconds": round(seconds, 3),
            "coverage": self.coverage._asdict() | {"share": round(self.coverage.share, 4)},
            "types": {
                name: {"converted": done, "failed": failed}
                for name, (done, failed) in sorted(self.types.items())
            },
            "reasons": dict(sorted(self.reasons.items())),
        }


class Report:
    """A report that is written as it grows, so that it may be larger than the memory.

    It names places and rules, and repeats no value of a message.
    """

    def __init__(self, path: pathlib.Path | None) -> None:
        """Write to `path`; None writes nothing."""
        self._path = path
        self._file: TextIO | None = None
        self._before = ""

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = self._path.open("w", encoding="utf-8")
            except OSError as exc:
                raise NotFound(f"{self._path} cannot be written: {exc.strerror}") from exc
            self._file.write('{"messages": [')
        return self

    def add(self, label: str, one: Converted, output: str) -> None:
        """Tell of a message."""
        if self._file is None:
            return
        told = {
            "file": label,
            "type": one.type,
            "converted": bool(one.data),
            "output": output,
            "issues": one.issues,
            "coverage": None if one.coverage is None else one.coverage._asdict(),
            "seconds": round(one.seconds, 6),
        }
        self._file.write(f"{self._before}\n{json.dumps(told)}")
        self._before = ","

    def end(self, summary: dict[str, Any]) -> None:
        """Close the list, and tell of all of them."""
        if self._file is not None:
            self._file.write(f'\n],\n"summary": {json.dumps(summary)}}}\n')

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
