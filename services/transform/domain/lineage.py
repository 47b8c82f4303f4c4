"""Lineage: for every populated leaf of a message where it went, by which rule, or why it did not.

    mapped   a rule has put it into the event: to these paths, shown in FHIR at these places
    dropped  a rule says that it is left out on purpose, and why
    residue  nobody took it: it travels in the event as it was written

The accounting is that of the conversion itself: what its claims cover is mapped or dropped, all the rest
is residue. Which rule claimed it is told by traces (see `tracing`), which part of it went where is found
out by `dissecting`, and what FHIR shows of it by `plexus.codecs.fhir.renditions`. What cannot be found
out is left open: then a path ends at what holds the value, or there is no FHIR path.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.codecs.fhir.renditions import Rendition, Renditions
from plexus.codecs.hl7v2 import Leaf, Message, Value, leaves
from services.transform.domain.compiling import CompiledStructure
from services.transform.domain.conditions import Place
from services.transform.domain.context import SourceContext
from services.transform.domain.convert import Conversion, run, run_parts
from services.transform.domain.coverage import Coverage
from services.transform.domain.dissecting import Dissection, dissect, parts_of, shown_by
from services.transform.domain.draft import Draft, dropping_key
from services.transform.domain.keys import CONTENT_FIELDS
from services.transform.domain.library import Library
from services.transform.domain.load import Maps
from services.transform.domain.notation import Rule
from services.transform.domain.paths import Path, Places, scalars, spelled, within
from services.transform.domain.places import levels_of
from services.transform.domain.preview import person_of
from services.transform.domain.tracing import Trace, TracingDraft

__all__ = ["Explanation", "LeafLineage", "Outcome", "Target", "explain", "explain_parts"]

Outcome = Literal["mapped", "dropped", "residue"]

_SEPARATORS = "It says how the message is written, not what it means."
_OF_PLACES = {"identifiers", "name", "description", "types", "facts"}
_LARGE = 100_000


class Target(NamedTuple):
    """Where a leaf went.

    Attributes:
        path: in the canonical event; empty where the rule's doing is no more to be seen in it.
        fhir: where FHIR shows it.
        rules: which put it there: of the segment, then of data types within it.
    """

    path: str
    fhir: tuple[Rendition, ...]
    rules: tuple[Rule, ...]


class LeafLineage(NamedTuple):
    """What became of one leaf.

    Attributes:
        location: as `plexus.codecs.hl7v2.leaves` writes it.
        value: what it says.
        outcome: see the module.
        targets: where it went, if it is mapped.
        reason: why not, if it is not; with the rules that read its field.
        rules: that drop it, or that read its field and did not take it.
    """

    location: str
    value: str
    outcome: Outcome
    targets: tuple[Target, ...] = ()
    reason: str = ""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A message, explained."""

    message: Message
    event: CanonicalEvent
    leaves: tuple[LeafLineage, ...]

    @property
    def coverage(self) -> Coverage:
        """How many leaves went which way."""
        outcomes = [leaf.outcome for leaf in self.leaves]
        return Coverage(*(outcomes.count(each) for each in ("mapped", "dropped", "residue")))


def explain(maps: Maps, content: bytes, context: SourceContext) -> Explanation:
    """Convert a message about one person and tell what became of each of its leaves.

    Takes some hundred times as long as `convert`, so it is for looking at messages one by one.

    Raises:
        InvalidMessage: it cannot be converted; see `convert`.
    """
    traced = maps.traced()
    return _explained(traced, run(traced, content, context, TracingDraft, needs_person=False))


def explain_parts(maps: Maps, content: bytes, context: SourceContext) -> list[Explanation]:
    """As `explain`, but each part of a message about several persons by itself."""
    traced = maps.traced()
    found = run_parts(traced, content, context, TracingDraft, needs_person=False)
    return [_explained(traced, conversion) for conversion in found]


def _explained(traced: Maps, conversion: Conversion) -> Explanation:
    message, draft = conversion
    assert isinstance(draft, TracingDraft)
    compiled = traced.structure(message.code, message.trigger)
    assert compiled is not None  # else it had not been converted
    finder = _Finder(traced.library, message, draft, compiled)
    return Explanation(message, draft.event, tuple(finder.leaf(leaf) for leaf in leaves(message)))


@dataclass(slots=True)
class _Finder:
    library: Library
    message: Message
    draft: TracingDraft
    compiled: CompiledStructure
    _places: Places = field(init=False)
    _scratch: Draft = field(init=False)
    _left: frozenset[str] = field(init=False)
    _by_field: dict[tuple[str, int, int, int], list[Trace]] = field(init=False)
    _dissected: dict[tuple[str, str, str, str], Dissection] = field(init=False)
    _renditions: dict[int, Renditions] = field(init=False)
    _by_key: dict[str, int] = field(init=False)
    _values: dict[tuple[int, int], list[Value]] = field(init=False)

    def __post_init__(self) -> None:
        event = self.draft.event
        self._places = Places(event)
        self._scratch = Draft(self.message, self.draft.context)
        self._left = frozenset(location for location, _ in self.draft.left)
        self._by_field = {}
        for trace in self.draft.traces:
            segment = trace.segment
            at = (segment.name, segment.index, trace.field, trace.repetition)
            self._by_field.setdefault(at, []).append(trace)
        self._dissected = {}
        self._values = {}
        self._renditions = {}
        self._by_key = {resource.key: at for at, resource in enumerate(event.resources)}

    # -- one leaf -------------------------------------------------------------------------------

    def leaf(self, leaf: Leaf) -> LeafLineage:
        """What became of it."""
        at = _Location.of(leaf.location)
        if leaf.location in self._left:
            reason, rules = self._why_left(at)
            return LeafLineage(leaf.location, leaf.value, "residue", (), reason, rules)
        traces = [
            trace
            for trace in self._by_field.get(
                (at.segment, at.number, at.field, at.repetition - 1), ()
            )
            if _covers(trace.mask, at.component, at.sub)
        ]
        if traces:
            targets = [each for trace in traces for each in self._targets(trace, leaf, at)]
            return LeafLineage(leaf.location, leaf.value, "mapped", _merged(targets))
        key = dropping_key(leaf.location, self.draft.dropping)
        if key is None:
            return LeafLineage(leaf.location, leaf.value, "dropped", (), _SEPARATORS)
        rule = self.draft.dropping[key]
        return LeafLineage(leaf.location, leaf.value, "dropped", (), rule.cite, (rule,))

    def _why_left(self, at: "_Location") -> tuple[str, tuple[Rule, ...]]:
        steps = self.compiled.structure.steps.get(at.segment, ())
        if not steps:
            return f"{self.compiled.structure.name} has no line for {at.segment}.", ()
        place = f"{at.segment}[{at.number}]-{at.field}"
        maps = dict.fromkeys(step.map for step in steps)
        rules = tuple(
            rule
            for label in maps
            for rule in self.library.segment_maps[label].rules
            if _reads(rule, at)
        )
        for issue in self.draft.event.issues:
            if issue.location == place:
                return issue.detail, rules
        if not rules:
            return "No rule reads it.", ()
        return "The rules that read its field did not take it.", rules

    # -- where it went --------------------------------------------------------------------------

    def _targets(self, trace: Trace, leaf: Leaf, at: "_Location") -> Iterator[Target]:
        rule = trace.rule
        holder = self._places.of(trace.holder, trace.root)
        if holder is None:
            # What moves is taken out of the event, which keeps the key that the number is part of.
            moved = [key.key for key in self.draft.event.moved]
            likely = 0 if len(moved) == 1 else None
            at_key = next((n for n, key in enumerate(moved) if leaf.value in key), likely)
            yield Target("" if at_key is None else f"moved[{at_key}].key", (), (rule,))
        elif trace.name:
            path = (*holder, (trace.name, self._index(trace, leaf.value)))
            yield self._target(path, (rule,))
        else:
            yield from self._of_message(trace, holder, at)

    def _index(self, trace: Trace, value: str) -> int:
        said = getattr(trace.holder, trace.name)
        if isinstance(said, str | bool | int):
            return -1
        return next((at for at, one in enumerate(said) if one == value), -1)

    def _of_message(self, trace: Trace, holder: Path, at: "_Location") -> Iterator[Target]:
        rule = trace.rule
        value = self._repetitions(trace)[trace.repetition]
        leaf = (at.component, at.sub)
        if isinstance(rule.source, Place) and len(rule.source.numbers) > 1:
            value, leaf = value.component(at.component), (at.sub, 1)
        kind = rule.resource or trace.holder.DESCRIPTOR.name
        if rule.resource == "Location":
            yield from self._of_levels(rule, value, leaf)
            return
        if rule.resource:
            number = self._by_key.get(trace.holder.key)
            if number is None:
                yield self._target(holder, (rule,))
                return
            holder = (("resources", number), (CONTENT_FIELDS[kind], -1))
        whole = self._dissection(rule, kind, value)
        if whole is None:
            yield from self._of_what_is_given(rule, trace, holder, value.get(*leaf))
            return
        final = self._at(holder)
        parts = parts_of(whole, value, leaf, self.library, self._scratch)
        for part in parts:
            path = (*holder, *within(final, whole.made, part.path))
            yield self._target(path, (rule, *part.rules))
        if not parts:
            yield self._target(holder, (rule,))

    def _repetitions(self, trace: Trace) -> list[Value]:
        at = (trace.segment.position, trace.field)
        found = self._values.get(at)
        if found is None:
            found = self._values[at] = trace.segment.repetitions(trace.field)
        return found

    def _of_what_is_given(
        self, rule: Rule, trace: Trace, holder: Path, text: str
    ) -> Iterator[Target]:
        """For functions that give what they made: whatever in it shows the text."""
        values = scalars(trace.holder)
        for path in shown_by(text, list(values), values):
            yield self._target((*holder, *path), (rule,))

    def _of_levels(self, rule: Rule, value: Value, leaf: tuple[int, int]) -> Iterator[Target]:
        levels, _ = levels_of(value, self.draft.authority)
        mine = [level for level in levels if _covers(level.claim, *leaf)] or levels[-1:]
        for level in mine:
            number = self._by_key.get(level.key)
            if number is None:
                continue
            holder: Path = (("resources", number), ("location", -1))
            values = scalars(self._at(holder))
            named = [path for path in values if path[0][0] in _OF_PLACES]
            for path in shown_by(value.get(*leaf), named, values):
                yield self._target((*holder, *path), (rule,))

    def _dissection(self, rule: Rule, kind: str, value: Value) -> Dissection | None:
        fill = self.library.filler(rule, kind)
        if fill is None:
            return None
        at = (rule.datatype, kind, rule.table, value.text)
        found = self._dissected.get(at)
        if found is None or len(value.text) > _LARGE:
            section = self.library.datatype(rule.datatype, kind)
            found = dissect(fill, self.library.message_class(kind), value, section, self._scratch)
            self._dissected[at] = found
        return found

    def _target(self, path: Path, rules: tuple[Rule, ...]) -> Target:
        fhir: tuple[Rendition, ...] = ()
        if len(path) > 2 and path[0][0] == "resources" and self._is_shown(path):
            renditions = self._rendered(path[0][1])
            fhir = renditions.of(path[1:])
            if not fhir and path[-1][0] == "system_name" and self._at(path[:-1]).system:
                # FHIR has one place for a code system: its URI goes before the sender's name of it.
                fhir = renditions.of((*path[1:-1], ("system", -1)))
        return Target(spelled(path), fhir, rules)

    def _rendered(self, number: int) -> Renditions:
        found = self._renditions.get(number)
        if found is None:
            resource = self.draft.event.resources[number]
            tenant = self.draft.context.tenant
            person_id = person_of(self.draft.event.subject, tenant=tenant)
            found = Renditions(resource, tenant=tenant, person_id=person_id)
            self._renditions[number] = found
        return found

    def _is_shown(self, path: Path) -> bool:
        """Whether FHIR may show it: a deletion is a request, and shows nothing of what is gone."""
        return self._is_scalar(path) and not self.draft.event.resources[path[0][1]].deleted

    def _is_scalar(self, path: Path) -> bool:
        return isinstance(self._at(path), str | int | bytes)

    def _at(self, path: Path) -> Any:
        at: Any = self.draft.event
        for name, index in path:
            at = getattr(at, name)
            at = at[index] if index >= 0 else at
        return at


class _Location(NamedTuple):
    segment: str
    number: int
    field: int
    repetition: int
    component: int
    sub: int

    @classmethod
    def of(cls, location: str) -> "_Location":
        """Of the place of a leaf; `PID[1]-0`, text with the name of the segment, has no components."""
        head, _, rest = location.partition("]-")
        name, _, index = head.partition("[")
        number, _, inner = rest.partition("[")
        if not inner:
            return cls(name, int(index), int(number), 1, 1, 1)
        repetition, _, below = inner.partition("].")
        component, _, sub = below.partition(".")
        return cls(name, int(index), int(number), int(repetition), int(component), int(sub))


def _covers(mask: int, component: int, sub: int) -> bool:
    """Whether a claim covers a leaf: the component whole, or its first subcomponent."""
    bits = mask >> (2 * component)
    return bool(bits & 1 or (bits & 2 and sub == 1))


def _reads(rule: Rule, at: _Location) -> bool:
    place = rule.source
    if rule.drops or not isinstance(place, Place):
        return False
    if place.unit != at.segment or place.numbers[0] != at.field:
        return False
    return len(place.numbers) == 1 or place.numbers[1] == at.component


def _merged(targets: list[Target]) -> tuple[Target, ...]:
    """Each path once, with the rules that say it first."""
    found: dict[str, Target] = {}
    for target in targets:
        found.setdefault(target.path, target)
    if len(found) > 1:
        found.pop("", None)
    return tuple(found.values())
