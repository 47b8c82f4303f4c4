"""An explanation as lines for people, and as JSON."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from services.cli.telling import paint, plain
from services.transform.domain import Explanation, LeafLineage, Target
from services.transform.domain.keys import CONTENT_FIELDS

__all__ = ["as_json", "lines"]

_COLOURS = {"mapped": "green", "dropped": "cyan", "residue": "yellow"}
_LONGEST = 60
_KINDS = {field: kind for kind, field in CONTENT_FIELDS.items()}
_RESOURCE = re.compile(r"resources\[(\d+)\]\.(\w+)")


def lines(
    explained: Explanation, version: str, *, only: Collection[str] = (), values: bool = True
) -> Iterator[str]:
    """Tell it segment by segment, leaf by leaf.

    Args:
        explained: the message.
        version: of the maps.
        only: outcomes that are told; all where there are none.
        values: tell what the leaves say; control characters are shown, long ones cut.
    """
    message, coverage = explained.message, explained.coverage
    told = paint(message.type, "", bold=True)
    yield f"{told}  HL7 {plain(message.version) or '?'}  maps {version}"
    yield (
        f"{sum(coverage)} leaves: {coverage.mapped} mapped, {coverage.dropped} dropped,"
        f" {coverage.residue} residue ({coverage.share:.0%} mapped)"
    )
    names = _names(explained.event)
    segment = ""
    for leaf in explained.leaves:
        if only and leaf.outcome not in only:
            continue
        head, _, place = leaf.location.partition("-")
        if head != segment:
            segment = head
            yield ""
            yield paint(segment, "", bold=True)
        yield from _leaf(leaf, place, names, values=values)


def _leaf(leaf: LeafLineage, place: str, names: dict[int, str], *, values: bool) -> Iterator[str]:
    outcome = paint(f"{leaf.outcome:<8}", _COLOURS[leaf.outcome])
    value = f"  {_shown(leaf.value)}" if values else ""
    yield f"  {place:<12} {outcome}{value}"
    indent = " " * 15
    for target in leaf.targets:
        shown = ", ".join(dict.fromkeys(each.path for each in target.fhir))
        to = paint(f" → {shown}", "green") if shown else ""
        yield f"{indent}{_canonical(target, names)}{to}"
        rules = ", ".join(rule.where for rule in target.rules)
        cite = target.rules[-1].cite if target.rules else ""
        yield f"{indent}{paint(f'{rules}  {cite}', 'bright_black')}"
    if leaf.reason:
        rules = ", ".join(rule.where for rule in leaf.rules)
        yield f"{indent}{leaf.reason}{paint(f'  {rules}', 'bright_black') if rules else ''}"


def _shown(value: str) -> str:
    text = plain(value[: _LONGEST + 1])
    return text if len(value) <= _LONGEST else f"{text[:_LONGEST]}… ({len(value):,} characters)"


def _names(event: CanonicalEvent) -> dict[int, str]:
    """What each resource is called: its type, and its number among those of the type."""
    counts: dict[str, int] = {}
    names: dict[int, str] = {}
    for at, resource in enumerate(event.resources):
        kind = _KINDS.get(resource.WhichOneof("content") or "", "?")
        names[at] = f"{kind}[{counts.get(kind, 0)}]"
        counts[kind] = counts.get(kind, 0) + 1
    return names


def _canonical(target: Target, names: dict[int, str]) -> str:
    found = _RESOURCE.match(target.path)
    if found is None:
        return target.path or "(nothing of it is left in the event)"
    return names[int(found[1])] + target.path[found.end() :]


def as_json(explained: Explanation, version: str, *, values: bool = True) -> dict[str, Any]:
    """Tell all of it."""
    coverage = explained.coverage
    return {
        "type": explained.message.type,
        "maps_version": version,
        "coverage": coverage._asdict() | {"share": round(coverage.share, 4)},
        "issues": [
            MessageToDict(issue, preserving_proto_field_name=True)
            for issue in explained.event.issues
        ],
        "leaves": [_leaf_json(leaf, values=values) for leaf in explained.leaves],
    }


def _leaf_json(leaf: LeafLineage, *, values: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"location": leaf.location, "outcome": leaf.outcome}
    if values:
        told["value"] = leaf.value
    if leaf.targets:
        told["targets"] = [
            {
                "path": target.path,
                "fhir": [each._asdict() for each in target.fhir],
                "rules": [{"where": rule.where, "cite": rule.cite} for rule in target.rules],
            }
            for target in leaf.targets
        ]
    if leaf.reason:
        told["reason"] = leaf.reason
    if leaf.rules:
        told["rules"] = [{"where": rule.where, "cite": rule.cite} for rule in leaf.rules]
    return told
