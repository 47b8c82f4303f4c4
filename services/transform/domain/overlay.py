"""Overlays: what a tenant or a source does otherwise, laid over the maps without a copy of them.

    overlay north-adt

    in segment PID -> Person
    replace PID-8  via NorthSex -> gender          # ours: north sends numbers
    remove  PID-10* CWE -> races                   # ours: filled with the ward's code
    add     PID-12 -> birth_place                  # ours: ...

    segment ZPI -> Person                          a map that the package does not have
    ZPI-2 -> communication                         # ours: ...

    in structure ADT_*
    add ZPI : join Person                          # ours: ...

    table NorthSex
    1 -> male

    in table AdministrativeSex
    remove F

    systems
    NorthCodes = urn:north:codes

`in` changes what is there; a block without it is new. A rule is found by its source and its target, a
line of a structure by its segment and verb, a row of a table by its code: what is to be replaced or
removed must be there, what is added must not. A mistake is named by file and line. Neighbour: `load`.
"""

import fnmatch
import pathlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from plexus.codecs.terminology import NAMES
from plexus.errors import ConfigurationError
from services.transform.domain.compiling import take_over
from services.transform.domain.notation import Rule, Section, lines, parse_sections
from services.transform.domain.structures import Fragment, Step, Structure, parse_structure
from services.transform.domain.tables import Table, parse_systems, parse_table

__all__ = ["Layers", "Overlay", "parse_overlay", "read_overlay"]

_HEAD = re.compile(r"overlay (?P<name>[\w.\-]{1,60})")
_CHANGED = re.compile(r"in (?P<kind>segment|datatype|structure|table) (?P<rest>\S.*)")
_NEW = re.compile(r"(?P<kind>segment|datatype|structure|table|systems)\b.*")
_ACT = re.compile(r"(?P<act>add|replace|remove)\s+(?P<text>\S.*)")
_ACTS = ("remove", "replace", "add")


@dataclass(slots=True)
class Layers:
    """Everything that maps consist of, parsed and not yet compiled."""

    systems: dict[str, str]
    tables: dict[str, Table]
    sections: dict[str, Section]
    structures: list[Structure]
    fragments: dict[str, Fragment]


@dataclass(slots=True)
class _Block:
    """A block of the file. `texts` has its lines by act ("" for a new block), each at its number."""

    kind: str
    head: str
    number: int
    is_new: bool
    texts: dict[str, dict[int, str]] = field(default_factory=dict)

    def text(self, act: str, head: str | None = None) -> str:
        """The lines of one act under a head, at their numbers, so that mistakes are named rightly."""
        found = {self.number: self.head if head is None else head, **self.texts.get(act, {})}
        return "\n".join(found.get(number, "") for number in range(1, max(found) + 1))


@dataclass(frozen=True, slots=True)
class Overlay:
    """One overlay file.

    Attributes:
        name: what it calls itself.
        text: of the file, for the version of the maps.
    """

    name: str
    text: str
    _file: str
    _blocks: tuple[_Block, ...]

    def lay(self, layers: Layers) -> None:
        """Change the layers as the overlay says.

        Raises:
            ConfigurationError: it does not fit them; says file and line.
        """
        # What others refer to first.
        for kind in ("systems", "table", "datatype", "segment", "structure"):
            for block in self._blocks:
                if block.kind == kind:
                    self._lay(block, layers)

    def _lay(self, block: _Block, layers: Layers) -> None:
        if block.kind == "systems":
            self._lay_systems(block, layers.systems)
        elif block.kind == "table":
            self._lay_table(block, layers)
        elif block.kind == "structure":
            self._lay_structure(block, layers.structures, layers.fragments)
        elif block.is_new:
            for section in parse_sections(self._file, block.text("")):
                if section.label in layers.sections:
                    raise self._error(block.number, f"{section.label} is there: write `in` before")
                layers.sections[section.label] = section
        else:
            self._lay_section(block, layers.sections)

    def _lay_systems(self, block: _Block, systems: dict[str, str]) -> None:
        found = parse_systems(self._file, block.text("", head=""))
        for alias in found.keys() - NAMES.keys():
            if alias in systems:
                raise self._error(block.number, f"the system {alias} is known already")
            systems[alias] = found[alias]

    def _lay_table(self, block: _Block, layers: Layers) -> None:
        if block.is_new:
            table = parse_table(self._file, block.text(""), layers.systems)
            if table.name in layers.tables:
                raise self._error(block.number, f"{table.name} is there: write `in` before")
            layers.tables[table.name] = table
            return
        name = block.head.removeprefix("table ")
        known = layers.tables.get(name)
        if known is None:
            raise self._error(block.number, f"there is no table {name}")
        codes, codings = dict(known.codes), dict(known.codings)
        for number, text in block.texts.get("remove", {}).items():
            for line in lines(self._file, text):
                key = line.text.strip('"')
                if codes.pop(key, None) is None:
                    raise self._error(number, f"{name} has no code {key}")
                codings.pop(key, None)
        for act in ("replace", "add"):
            if act in block.texts:
                table = parse_table(self._file, block.text(act), layers.systems)
                for key in table.codes:
                    if (key in codes) is (act == "add"):
                        what = "has the code" if act == "add" else "has no code"
                        raise self._error(block.number, f"{name} {what} {key}")
                    codings.pop(key, None)
                codes |= table.codes
                codings |= table.codings
        layers.tables[name] = Table(name, known.system, codes, codings)

    def _lay_section(self, block: _Block, sections: Mapping[str, Section]) -> None:
        for act in _ACTS:
            if act not in block.texts:
                continue
            (told,) = parse_sections(self._file, block.text(act))
            section = sections.get(told.label)
            if section is None or section.kind != block.kind:
                raise self._error(block.number, f"there is no map {told.label}")
            for rule in told.rules:
                _change(section.rules, rule, act)

    def _lay_structure(
        self, block: _Block, structures: list[Structure], fragments: Mapping[str, Fragment]
    ) -> None:
        if block.is_new:
            new = parse_structure(self._file, block.text(""), fragments)
            if any(new.name == known.name for known in structures):
                raise self._error(block.number, f"{new.name} is there: write `in` before")
            take_over([*(known for known in structures if not known.like), new])
            structures.append(new)
            return
        patterns = block.head.removeprefix("structure ").split()
        for pattern in patterns:
            named = [s for s in structures if fnmatch.fnmatchcase(s.name, pattern)]
            if not named:
                raise self._error(block.number, f"there is no structure {pattern}")
            for structure in named:
                for act in _ACTS:
                    if act in block.texts:
                        head = f"structure {structure.name} for X^X"
                        told = parse_structure(self._file, block.text(act, head), fragments)
                        _change_structure(structure, told, act)

    def _error(self, number: int, text: str) -> ConfigurationError:
        return ConfigurationError(f"{self._file}:{number}: {text}")


def parse_overlay(name: str, text: str) -> Overlay:
    """Parse one overlay file, as far as it tells by itself; the rest is checked when it is laid.

    Raises:
        ConfigurationError: a line is none of the notation; says file and line.
    """
    own_name = ""
    blocks: list[_Block] = []
    for number, raw in enumerate(text.splitlines(), 1):
        for line in lines(name, raw):
            where = f"{name}:{number}"
            if not own_name:
                head = _HEAD.fullmatch(line.text)
                if head is None:
                    raise ConfigurationError(f"{where}: expected 'overlay NAME' first")
                own_name = head["name"]
            elif changed := _CHANGED.fullmatch(line.text):
                head_text = f"{changed['kind']} {changed['rest']}"
                blocks.append(_Block(changed["kind"], head_text, number, is_new=False))
            elif new := _NEW.fullmatch(line.text):
                blocks.append(_Block(new["kind"], line.text, number, is_new=True))
            elif not blocks:
                raise ConfigurationError(
                    f"{where}: expected a block, such as 'in segment PID -> Person'"
                )
            else:
                _keep(blocks[-1], number, raw, line.text, where)
    if not own_name:
        raise ConfigurationError(f"{name}:1: the overlay is empty")
    return Overlay(own_name, text, name, tuple(blocks))


def read_overlay(path: pathlib.Path) -> Overlay:
    """Read one overlay file.

    Raises:
        ConfigurationError: it cannot be read, or a line is none of the notation; says file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: the overlay cannot be read") from exc
    return parse_overlay(str(path), text)


def _keep(block: _Block, number: int, raw: str, text: str, where: str) -> None:
    if block.is_new:
        block.texts.setdefault("", {})[number] = raw
        return
    found = _ACT.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{where}: expected 'add', 'replace' or 'remove'")
    rest = raw.strip().removeprefix(found["act"]).lstrip()
    block.texts.setdefault(found["act"], {})[number] = rest


def _change(rules: list[Rule], rule: Rule, act: str) -> None:
    same = [
        place
        for place, known in enumerate(rules)
        if (known.source, known.many, known.path) == (rule.source, rule.many, rule.path)
    ]
    if act == "add":
        if any(rule.signature() == known.signature() for known in rules):
            raise ConfigurationError(f"{rule.where}: the rule is there: write 'replace'")
        rules.append(rule)
        return
    if not same:
        raise ConfigurationError(f"{rule.where}: there is no rule of that source and target")
    for place in reversed(same):
        del rules[place]
    if act == "replace":
        rules.insert(same[0], rule)


def _change_structure(structure: Structure, told: Structure, act: str) -> None:
    for segment, steps in told.steps.items():
        known = structure.steps.get(segment, [])
        if act == "add":
            # Lists are shared with structures that are like this one.
            structure.steps[segment] = [*known, *steps]
        elif act == "replace":
            if not known:
                raise ConfigurationError(
                    f"{steps[0].where}: {structure.name} has no line for {segment}"
                )
            structure.steps[segment] = steps
        else:
            structure.steps[segment] = _without(known, steps, structure.name)
            if not structure.steps[segment]:
                del structure.steps[segment]
    for link in told.links:
        known_links = [
            other for other in structure.links if (other.kind, other.path) == (link.kind, link.path)
        ]
        if bool(known_links) is (act == "add"):
            what = "has that link: write 'replace'" if act == "add" else "has no such link"
            raise ConfigurationError(f"{link.where}: {structure.name} {what}")
        structure.links = [other for other in structure.links if other not in known_links]
        if act != "remove":
            structure.links.append(link)
    if told.scopes:
        if act != "add":
            raise ConfigurationError(f"{told.scopes[0][0]}: scopes can be added only")
        structure.scopes = [*structure.scopes, *told.scopes]


def _without(known: Iterable[Step], removed: Iterable[Step], structure: str) -> list[Step]:
    left = list(known)
    for step in removed:
        named = _name_of(step)
        same = [one for one in left if _name_of(one) == named]
        if not same:
            raise ConfigurationError(
                f"{step.where}: {structure} has no such line for {step.segment}"
            )
        left = [one for one in left if one not in same]
    return left


def _name_of(step: Step) -> tuple[object, ...]:
    """What tells the lines for a segment apart."""
    return step.group, step.anchors, step.is_new, step.is_outer, step.kind
