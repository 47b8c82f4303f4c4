"""Runs of single maps, with a rule, without it, and with it whatever its condition says.

What a rule does is what is different without it: in what is written, in the resources beside it, and in
what of the message is left or dropped at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from google.protobuf.message import Message as ProtoMessage

from plexus.codecs.hl7v2 import read
from services.transform.domain import load_maps
from services.transform.domain.compiling import take_over
from services.transform.domain.draft import Draft
from services.transform.domain.generate import generate
from services.transform.domain.notation import Rule, Section, parse_sections
from services.transform.domain.structures import Structure, parse_fragment, parse_structure
from services.transform.domain.tables import parse_systems, parse_table
from services.transform.domain.targets import resolve
from tests.unit.transform.messages import CONTEXT
from tests.unit.transform.rule_inputs import Inputs, Tables

__all__ = ["MAPS", "RULES", "SECTIONS", "STRUCTURES", "TABLES", "Outcome", "Runner", "runners"]

_FOLDER = resources.files("services.transform") / "maps"
_SYSTEMS = "CodeSystems.map"


def _texts(folder: str) -> list[tuple[str, str]]:
    found = [(entry.name, entry.read_text("utf-8")) for entry in (_FOLDER / folder).iterdir()]
    return sorted(found)


def _tables() -> Tables:
    texts = dict(_texts("tables"))
    systems = parse_systems(_SYSTEMS, texts.pop(_SYSTEMS))
    tables = [parse_table(name, text, systems) for name, text in texts.items()]
    return {table.name: table for table in tables}


MAPS = load_maps()
TABLES = _tables()
SECTIONS: tuple[Section, ...] = tuple(
    section
    for folder in ("datatypes", "segments")
    for name, text in _texts(folder)
    for section in parse_sections(f"{folder}/{name}", text)
)
_FRAGMENTS = {
    fragment.name: fragment
    for fragment in (parse_fragment(name, text) for name, text in _texts("fragments"))
}
STRUCTURES: list[Structure] = [
    parse_structure(name, text, _FRAGMENTS) for name, text in _texts("structures")
]
take_over(STRUCTURES)
RULES: tuple[tuple[Section, Rule], ...] = tuple(
    (section, rule) for section in SECTIONS for rule in section.rules
)


class Outcome(NamedTuple):
    """What a map made of an input."""

    target: ProtoMessage
    others: tuple[bytes, ...]
    left: tuple[str, ...]
    dropped: tuple[str, ...]
    claim: int
    issues: tuple[str, ...]
    draft: Draft

    def says(self) -> tuple[object, ...]:
        """All of it that can be compared."""
        written = self.target.SerializeToString(deterministic=True)
        return (written, self.others, self.left, self.dropped, self.claim, self.issues)


@dataclass(frozen=True, slots=True)
class Runner:
    """A map, ready to run on inputs."""

    section: Section
    completes: bool

    def run(self, inputs: Inputs, *, instead: "tuple[Rule, ...] | None" = None) -> Outcome:
        """Run the map; with those rules `instead` of its own if they are given."""
        rules = tuple(self.section.rules) if instead is None else instead
        function = _function(self.section.label, rules, self.completes)
        if self.section.kind == "segment":
            return self._run_segment(function, inputs)
        text = inputs.value(self.section.name)
        message = read(f"MSH|^~\\&|||||||ADT^A01|C1|P|2.5.1\rZZZ|{text}\r".encode())
        draft = Draft(message, CONTEXT)
        target = _saying(self.section.target, inputs)
        claim = function(message.segments[1].value(1), target, draft)
        return _outcome(target, draft, claim)

    def _run_segment(self, function: Any, inputs: Inputs) -> Outcome:
        message = inputs.message(self.section.name)
        draft = Draft(message, CONTEXT)
        draft.near = {segment.name: segment for segment in message.segments}
        is_event = self.section.target == "CanonicalEvent"
        target = draft.event if is_event else _saying(self.section.target, inputs)
        function(draft.near[self.section.name], target, draft, 1)
        draft.join_lines()
        made = _blank(self.section.target)
        made.CopyFrom(target)
        draft.leave(message)
        return _outcome(made, draft, 0)


def _saying(kind: str, inputs: Inputs) -> ProtoMessage:
    """A target that says already what the inputs say that it does."""
    target = _blank(kind)
    for path in inputs.said:
        *above, last = resolve(MAPS.library.message_type(kind, "inputs"), path, "inputs")
        at: Any = target
        for step in above:
            at = getattr(at, step.name)
        if last.message is None:
            setattr(at, last.name, "said before")
        else:
            getattr(at, last.name).SetInParent()
    return target


def _blank(kind: str) -> ProtoMessage:
    return MAPS.library.message_class(kind)()


def _outcome(target: ProtoMessage, draft: Draft, claim: int) -> Outcome:
    others = tuple(r.SerializeToString(deterministic=True) for r in draft.event.resources)
    places = tuple(place for place, _ in draft.left)
    issues = tuple(f"{issue.location} {issue.reason}" for issue in draft.event.issues)
    issues += (str(draft.pending),)
    return Outcome(target, others, places, tuple(draft.dropped), claim, issues, draft)


@lru_cache(8)
def _function(label: str, rules: tuple[Rule, ...], completes: bool) -> Any:
    whole = next(section for section in SECTIONS if section.label == label)
    section = replace(whole, rules=list(rules))
    namespace = dict(MAPS.library.namespace)
    source = generate(section, MAPS.library, completes=completes)
    exec(compile(source, f"<map {label}>", "exec"), namespace)
    return namespace[MAPS.library.function_name(section, completes=completes)]


def runners(section: Section) -> Iterator[Runner]:
    """The functions that maps have made of a section: for what is new, for what says something already."""
    for completes in (False, True):
        name = MAPS.library.function_name(section, completes=completes)
        if name in MAPS.library.namespace:
            yield Runner(section, completes)
