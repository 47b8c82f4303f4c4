"""What became of each part of a value: found by leaving the part out and looking what is gone.

A datatype function makes one message of a value: an identifier of a CX, a concept of a CWE. Which
component went where is not told by it, and need not be: it is pure, so it is run again without the
component, and what is not there any more is where the component went. That holds for functions that
are generated from maps and for those written in Python alike. Of rules, those are named that read the
component and whose target is among what is gone.
"""

from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from plexus.codecs.fhir.systems import system_uri
from plexus.codecs.hl7v2 import Value
from services.transform.domain.citations import MessageMap
from services.transform.domain.conditions import Place
from services.transform.domain.draft import Draft
from services.transform.domain.library import Library
from services.transform.domain.notation import Rule, Section
from services.transform.domain.paths import Path, scalars

__all__ = ["Dissection", "Part", "dissect", "parts_of", "shown_by"]


_ANOTHER: Final = "another"


class Part(NamedTuple):
    """Where a leaf of a value went.

    Attributes:
        path: within what was made of the value.
        rules: of datatype maps that put it there, the outer ones first; () where Python did.
    """

    path: Path
    rules: tuple[Rule, ...]


class Dissection(NamedTuple):
    """What was made of a value, and how it is made anew."""

    fill: MessageMap
    made: Any
    values: dict[Path, Any]
    section: Section | None


def dissect(
    fill: MessageMap, kind: type[Message], value: Value, section: Section | None, draft: Draft
) -> Dissection:
    """Make a message of a value again; `draft` is one that nobody needs."""
    made = _made(fill, kind, value, draft)
    return Dissection(fill, made, scalars(made), section)


def parts_of(
    whole: Dissection, value: Value, leaf: tuple[int, int], library: Library, draft: Draft
) -> list[Part]:
    """Where the subcomponent `leaf` of the value went."""
    other = scalars(_made(whole.fill, type(whole.made), value.without(*leaf), draft))
    gone = [path for path, said in whole.values.items() if other.get(path) != said]
    if not gone:
        # What it says is understood without it, but with another word it would not be.
        other = scalars(
            _made(whole.fill, type(whole.made), value.without(*leaf, instead=_ANOTHER), draft)
        )
        gone = [path for path, said in whole.values.items() if other.get(path) != said]
    text = value.get(*leaf)
    if whole.section is None and not gone:
        # Another part implies the same system, as a unit of UCUM does; the name of it is shown all the same.
        gone = [path for path, said in whole.values.items() if said and said == system_uri(text)]
    if whole.section is None:
        return [Part(path, ()) for path in shown_by(text, gone, whole.values)]
    found = [
        Part(path, chain)
        for chain, paths in _chains(whole.section, leaf, gone, whole.values, library)
        for path in shown_by(text, paths, whole.values)
    ]
    return found or [Part(path, ()) for path in shown_by(text, gone, whole.values)]


def shown_by(text: str, paths: list[Path], values: dict[Path, Any]) -> list[Path]:
    """Those of the paths whose value shows the text; all of them where none does."""
    said = [path for path in paths if text and _shows(values[path], text)]
    return said or paths


def _shows(value: Any, text: str) -> bool:
    return isinstance(value, str) and text in value


def _chains(
    section: Section,
    leaf: tuple[int, int],
    gone: list[Path],
    values: dict[Path, Any],
    library: Library,
    above: int = 0,
) -> list[tuple[tuple[Rule, ...], list[Path]]]:
    """Rules of a datatype map that read a leaf, each with those that go on with it, and what they set."""
    component, sub = leaf
    found: list[tuple[tuple[Rule, ...], list[Path]]] = []
    for rule in section.rules:
        place = rule.source
        if not isinstance(place, Place) or place.numbers[0] != component:
            continue
        if len(place.numbers) > 1 and place.numbers[1] != sub:
            continue
        steps = [step.partition("[")[0] for step in rule.path.split(".")]
        end = above + len(steps)
        mine = [path for path in gone if [name for name, _ in path[above:end]] == steps]
        if not mine:
            # Another part says the same, so nothing is gone; what is there is told.
            mine = [] if gone else [p for p in values if [n for n, _ in p[above:end]] == steps]
        if not mine:
            continue
        inner = (
            library.datatype(rule.datatype, _kind_at(library, section, rule))
            if rule.datatype
            else None
        )
        if inner is not None:
            deeper = _chains(inner, (sub, 1), mine, values, library, end)
            if deeper:
                found += [((rule, *chain), paths) for chain, paths in deeper]
                continue
        found.append(((rule,), mine))
    return found


def _kind_at(library: Library, section: Section, rule: Rule) -> str:
    """Type of the message that the target of a rule is; empty for a plain value."""
    at = library.message_type(section.target, rule.where)
    for step in rule.path.split("."):
        kind = at.fields_by_name[step.partition("[")[0]].message_type
        if kind is None:
            return ""
        at = kind
    return str(at.name)


def _made(fill: MessageMap, kind: type[Message], value: Value, draft: Draft) -> Message:
    made = kind()
    fill(value, made, draft)
    draft.join_lines()
    draft.pending = 0
    return made
