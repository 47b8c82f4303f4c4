"""The notation of the maps: from lines of text to rules. Checked for form here, for sense in `check`.

A map file holds sections; a section begins with a head and goes on with one rule a line:

    segment PID -> Person
    PID-3*   CX                        -> identifiers    # PID[Patient] PID-3 sort 3
    PID-8    via AdministrativeSex     -> gender         # PID[Patient] PID-8 sort 8
    PV1-7*   XCN as Practitioner       -> participants.actor with role = Role#ATND "attender"  # ...

    datatype CX -> Identifier requires CX.1
    CX.4     HD                        -> authority      # CX[Identifier] CX.4 sort 4

Source: a place, `*` for all repetitions, `[n]` for the repetition that the resource is made of;
`"text"`; `System#code "display"`; or `$name`, something of the context. Then the datatype (plain
text without one), the resource that a reference makes (`as`), the code table (`via`). `->` never
overwrites, `=>` completes what is there. `a[1].b` is a slot: rules with the same slot write to the
same element. `with` adds constants to the element (`?=`: where unset), `if` is a condition (see
`conditions`), and after `#` every rule says which row of the guide it follows, or why it is ours.
`drop PID-1 [if CONDITION]  # reason` says of a field, or a component of each repetition, that it is
left out on purpose. `tables` and `structures` have forms of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from plexus.errors import ConfigurationError
from services.transform.domain.conditions import Condition, Place, parse_condition, parse_place

__all__ = ["Assignment", "Code", "Line", "Rule", "Section", "lines", "parse_sections"]

_COMMENT = re.compile(r"(?:^|\s)#\s(?P<cite>.*)$")
_HEAD = re.compile(
    r"(?P<kind>segment|datatype)\s+(?P<name>[A-Z][A-Z0-9]{1,2})\s*->\s*(?P<target>\w+)"
    r"(?:\s+requires\s+(?P<requires>\S+))?"
)
_RULE = re.compile(
    r'(?P<source>\$\w+|"[^"]*"|\w+#[\w\-]+(?:\s+"[^"]*")?|[A-Z][A-Z0-9]{1,2}[-.][\d.]+(?P<many>\*|\[n\])?)'
    r"(?:\s+(?P<datatype>[A-Z][A-Z0-9]+))?"
    r"(?:\s+as\s+(?P<resource>\w+))?"
    r"(?:\s+via\s+(?P<table>\w+))?"
    r"\s*(?P<arrow>->|=>)\s*(?P<path>[a-z][\w.\[\]]*)"
    r"(?:\s+with\s+(?P<constants>.+?))?"
    r"(?:\s+if\s+(?P<condition>.+))?"
)
_DROP = re.compile(
    r"drop\s+(?P<source>[A-Z][A-Z0-9]{2}-\d+(?:\.\d+)?)(?:\s+if\s+(?P<condition>.+))?"
)
_CONSTANT = re.compile(
    r"\s*(?P<path>[a-z][\w.]*)\s*(?P<operator>\??=)\s*"
    r'(?P<value>"[^"]*"|\w+#[\w\-]+(?:\s+"[^"]*")?)\s*(?:,|$)'
)
_CODE = re.compile(r'(?P<system>\w+)#(?P<code>[\w\-]+)(?:\s+"(?P<display>[^"]*)")?')


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something, and where it stands."""

    where: str
    text: str
    cite: str


@dataclass(frozen=True, slots=True)
class Code:
    """A constant coding; `system` is a name of the table CodeSystems."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A constant set beside the value of a rule."""

    path: str
    value: str | Code
    only_if_unset: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `source` is a place, a constant or a name of the context ("$...").

    Of one that drops only `source` and `condition` say anything; `cite` is the reason.
    """

    where: str
    cite: str
    source: Place | Code | str
    many: str
    datatype: str
    resource: str
    table: str
    completes: bool
    path: str
    constants: tuple[Assignment, ...]
    condition: Condition | None
    drops: bool = False

    def signature(self) -> tuple[object, ...]:
        """What may stand only once in a section."""
        return (self.source, self.many, self.datatype, self.path, self.condition)


@dataclass(slots=True)
class Section:
    """A map: all rules from one segment or datatype to one message of the canonical model."""

    kind: str
    name: str
    target: str
    where: str
    requires: Place | None
    rules: list[Rule] = field(default_factory=list)

    @property
    def label(self) -> str:
        """For example `PID[Person]`, after the guide's way of naming its maps."""
        return f"{self.name}[{self.target}]"


def lines(name: str, text: str) -> Iterator[Line]:
    """Give the lines of a map file that say something."""
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.startswith("#"):
            continue
        found = _COMMENT.search(raw)
        body = (raw[: found.start()] if found else raw).strip()
        if body:
            yield Line(f"{name}:{number}", body, found["cite"].strip() if found else "")


def parse_sections(name: str, text: str) -> list[Section]:
    """Parse a file of segment or datatype maps.

    Raises:
        ConfigurationError: a line is none of the notation; says file and line.
    """
    sections: list[Section] = []
    for line in lines(name, text):
        head = _HEAD.fullmatch(line.text)
        if head is not None:
            requires = parse_place(head["requires"], line.where) if head["requires"] else None
            sections.append(
                Section(head["kind"], head["name"], head["target"], line.where, requires)
            )
        elif sections:
            section = sections[-1]
            rule = _parse_rule(line)
            if any(rule.signature() == other.signature() for other in section.rules):
                raise ConfigurationError(f"{line.where}: the same rule stands here twice")
            section.rules.append(rule)
        else:
            raise ConfigurationError(
                f"{line.where}: expected 'segment XXX -> Resource' or 'datatype XX -> Type' first"
            )
    return sections


def _parse_rule(line: Line) -> Rule:
    dropped = _DROP.fullmatch(line.text)
    found = _RULE.fullmatch(line.text)
    if dropped is None and found is None:
        raise ConfigurationError(f"{line.where}: cannot read the rule {line.text!r}")
    if dropped is not None:
        return _parse_drop(line, dropped)
    assert found is not None
    if not line.cite:
        raise ConfigurationError(f"{line.where}: the rule cites no row of the guide")
    source_text = found["source"]
    many = found["many"] or ""
    source: Place | Code | str
    if source_text.startswith(("$", '"')):
        source = source_text
    elif "#" in source_text:
        source = _code(source_text)
    else:
        source = parse_place(source_text.removesuffix(many), line.where)
    condition = found["condition"]
    return Rule(
        where=line.where,
        cite=line.cite,
        source=source,
        many=many,
        datatype=found["datatype"] or "",
        resource=found["resource"] or "",
        table=found["table"] or "",
        completes=found["arrow"] == "=>",
        path=found["path"],
        constants=_constants(found["constants"] or "", line.where),
        condition=parse_condition(condition, line.where) if condition else None,
    )


def _parse_drop(line: Line, found: re.Match[str]) -> Rule:
    if not line.cite:
        raise ConfigurationError(f"{line.where}: say after # why {found['source']} is dropped")
    condition = found["condition"]
    return Rule(
        where=line.where,
        cite=line.cite,
        source=parse_place(found["source"], line.where),
        many="",
        datatype="",
        resource="",
        table="",
        completes=False,
        path="",
        constants=(),
        condition=parse_condition(condition, line.where) if condition else None,
        drops=True,
    )


def _constants(text: str, where: str) -> tuple[Assignment, ...]:
    result = []
    at = 0
    while at < len(text):
        found = _CONSTANT.match(text, at)
        if found is None:
            raise ConfigurationError(f"{where}: cannot read the constants {text!r}")
        raw = found["value"]
        value = raw[1:-1] if raw.startswith('"') else _code(raw)
        result.append(Assignment(found["path"], value, found["operator"] == "?="))
        at = found.end()
    return tuple(result)


def _code(text: str) -> Code:
    found = _CODE.fullmatch(text)
    assert found is not None  # the caller's pattern holds this one
    return Code(found["system"], found["code"], found["display"] or "")
