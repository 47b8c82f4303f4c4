"""Structures made ready to run: their maps found, their groups looked up in HL7's grammar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plexus.codecs.hl7v2.groups import Grammar, Kind, grammar_of
from plexus.errors import ConfigurationError
from services.transform.domain.conditions import Condition, Place
from services.transform.domain.draft import Draft
from services.transform.domain.keys import CONTENT_FIELDS
from services.transform.domain.library import Library
from services.transform.domain.notation import Section
from services.transform.domain.structures import Path, Step, Structure

__all__ = ["CompiledStep", "CompiledStructure", "compile_structure", "take_over"]

_EVENT = "CanonicalEvent"

Predicate = Callable[[Draft], bool]


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A step of a structure, ready to run."""

    step: Step
    run: Callable[..., None]
    complete: Callable[..., None]
    """`run`, for a resource that says something already."""
    unless: Predicate | None
    alike: Predicate | None
    condition: Predicate | None
    clearing: tuple[tuple[int, str], ...]
    """Fields of the segment that alone make a field of the person, and that field."""


@dataclass(frozen=True, slots=True)
class CompiledStructure:
    """A structure, ready to run."""

    structure: Structure
    grammar: Grammar
    steps: tuple[Mapping[str, tuple[CompiledStep, ...]], ...]
    """By number of the group in the grammar and name of the segment; one entry if no group matters."""
    anchored: frozenset[str]
    """Segments whose steps depend on what stands before them."""
    scopes: frozenset[int]
    """Numbers of the groups that are scopes."""


def take_over(structures: list[Structure]) -> None:
    """Resolve `like`, one step deep: who is like another one must not be taken as a pattern.

    Raises:
        ConfigurationError: there is no such structure, or it is like another one itself.
    """
    patterns = {s.name: s for s in structures if not s.like}
    for structure in structures:
        if structure.like:
            pattern = patterns.get(structure.like)
            if pattern is None:
                raise ConfigurationError(
                    f"{structure.where}: {structure.like} is no structure that says all itself"
                )
            structure.take(pattern)


def compile_structure(
    structure: Structure, sections: Mapping[str, Section], library: Library
) -> CompiledStructure:
    """Make a structure ready to run.

    Raises:
        ConfigurationError: it names what is not there; says file and line.
    """
    grammar = grammar_of(structure.name)
    if grammar is None:
        raise ConfigurationError(f"{structure.where}: HL7 has no structure {structure.name}")
    steps: dict[str, list[CompiledStep]] = {}
    for segment, found in structure.steps.items():
        steps[segment] = [_compile_step(step, sections, library) for step in found]
    _check_links(structure, library)
    anchored = {
        segment for segment, found in structure.steps.items() if any(s.anchors for s in found)
    }
    scopes = {
        kind.number for where, path in structure.scopes for kind in _groups(grammar, path, where)
    }
    return CompiledStructure(
        structure, grammar, _by_group(grammar, steps), frozenset(anchored), frozenset(scopes)
    )


def _groups(grammar: Grammar, path: Path, where: str) -> list[Kind]:
    found = grammar.find(path)
    if not found:
        raise ConfigurationError(f"{where}: {grammar.name} has no group {'.'.join(path)}")
    return found


def _by_group(
    grammar: Grammar, steps: Mapping[str, list[CompiledStep]]
) -> tuple[Mapping[str, tuple[CompiledStep, ...]], ...]:
    """The steps of each segment in each group: those whose group is the innermost named."""
    everywhere = {segment: tuple(found) for segment, found in steps.items()}
    if not any(step.step.group for found in everywhere.values() for step in found):
        return (everywhere,)
    result = []
    for kind in grammar.kinds:
        here: dict[str, tuple[CompiledStep, ...]] = {}
        for segment, found in everywhere.items():
            depths = [_depth(grammar, kind, step.step) for step in found]
            deepest = max(depths)
            if deepest >= 0:
                here[segment] = tuple(
                    step for step, depth in zip(found, depths, strict=True) if depth == deepest
                )
        result.append(here)
    return tuple(result)


def _depth(grammar: Grammar, kind: Kind, step: Step) -> int:
    """How deep the group of the step is that this one is in; 0 for a step without, -1 for neither."""
    if not step.group:
        return 0
    named = set(map(id, _groups(grammar, step.group, step.where)))
    return max((depth for depth, outer in enumerate(kind.chain) if id(outer) in named), default=-1)


def _check_links(structure: Structure, library: Library) -> None:
    made = {step.kind for found in structure.steps.values() for step in found}
    for link in structure.links:
        for kind in (link.kind, link.of):
            if kind not in made:
                raise ConfigurationError(f"{link.where}: {structure.name} makes no {kind}")
        descriptor = library.message_type(link.kind, link.where).fields_by_name.get(link.path)
        if descriptor is None:
            raise ConfigurationError(f"{link.where}: {link.kind} has no field {link.path}")
        if descriptor.message_type is None or descriptor.message_type.name != "Reference":
            raise ConfigurationError(f"{link.where}: {link.kind}.{link.path} is no reference")


def _compile_step(step: Step, sections: Mapping[str, Section], library: Library) -> CompiledStep:
    section = sections.get(step.map)
    if section is None or section.kind != "segment":
        raise ConfigurationError(f"{step.where}: there is no map {step.map}")
    if step.kind != _EVENT and step.kind not in CONTENT_FIELDS:
        raise ConfigurationError(f"{step.where}: {step.kind} is no resource")
    for anchor in step.anchors:
        library.segment(anchor, step.where)
    complete = library.function_name(section, completes=step.completes)
    run = library.function_name(section) if step.makes else complete
    return CompiledStep(
        step,
        library.namespace[run],
        library.namespace[complete],
        _predicate(step.unless, step.where, library),
        _predicate(step.alike, step.where, library),
        _predicate(step.condition, step.where, library),
        _clearing(section) if step.kind == "Person" else (),
    )


def _clearing(section: Section) -> tuple[tuple[int, str], ...]:
    found = {
        (rule.source.numbers[0], rule.path)
        for rule in section.rules
        if isinstance(rule.source, Place)
        and rule.source.unit == section.name
        and len(rule.source.numbers) == 1
        and rule.path.isidentifier()
        and rule.path != "identifiers"
    }
    return tuple(sorted(found))


def _predicate(condition: Condition | None, where: str, library: Library) -> Predicate | None:
    if condition is None:
        return None

    def text(place: Place) -> str:
        return f"x.peek({place.unit!r}, {', '.join(map(str, place.numbers))})"

    def valued(place: Place) -> str:
        if len(place.numbers) > 1:
            return text(place)
        return f"x.valued({place.unit!r}, {place.numbers[0]})"

    def refuse(_: object) -> str:
        raise ConfigurationError(f"{where}: COUNT and SET have no meaning in a structure")

    for node in condition.walk():
        if node.place is not None and not node.place.is_field:
            raise ConfigurationError(f"{where}: {node.place} is no place in a segment")
    expression = condition.python(text, valued, refuse, refuse)
    predicate: Any = eval(f"lambda x: {expression}", library.namespace)  # noqa: S307 - made above
    return predicate  # type: ignore[no-any-return]
