"""Message structures: which map reads which segment, what belongs together, what refers to what.

    structure ORU_R01 for ORU^R01
    group starts ORC OBR holds OBX NTE SPM          # a new group at ORC, or at a further OBR
    OBR : join ServiceRequest; new DiagnosticReport # ORU_R01 4.2.2
    NTE after OBX : join Observation                # the nearest anchor before decides
    link DiagnosticReport.results <- Observation

Not a grammar: every segment finds its place by what stands before it, so an unexpected segment or
order costs nothing but itself. `new X` makes a resource, `join X` completes the group's, or makes it.
`per F` makes one for each repetition of a field (`unless` a condition), `continuing F... if` a
condition goes on with the one before if those fields are alike. A segment that no line names is residue.
"""

import re
from dataclasses import dataclass, field

from plexus.errors import ConfigurationError
from services.transform.domain.conditions import Condition, Place, parse_condition, parse_place
from services.transform.domain.notation import Line, lines

__all__ = ["Link", "Step", "Structure", "parse_structure"]

_HEAD = re.compile(r"structure (?P<name>[A-Z0-9_]+) for (?P<events>[A-Z0-9^]+(?: [A-Z0-9^]+)*)")
_GROUP = re.compile(r"group starts (?P<starts>[A-Z0-9 ]+) holds (?P<holds>[A-Z0-9 ]+)")
_LINK = re.compile(r"link (?P<kind>\w+)\.(?P<path>\w+) <- (?P<of>\w+)")
_STEP = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?: after (?P<anchors>[A-Z0-9 ]+?))?\s*:\s*(?P<verbs>.+)"
)
_VERB = re.compile(
    r"(?P<verb>new|join) (?P<kind>\w+)"
    r"(?: per (?P<per>\S+)(?: unless (?P<unless>.+?))?)?"
    r"(?: continuing (?P<continuing>[A-Z0-9\- ]+?) if (?P<alike>.+?))?"
    r"(?: if (?P<condition>.+))?"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do with a segment."""

    where: str
    segment: str
    anchors: frozenset[str]
    is_new: bool
    kind: str
    per: Place | None
    unless: Condition | None
    continuing: tuple[Place, ...]
    alike: Condition | None
    condition: Condition | None

    @property
    def makes(self) -> bool:
        """Whether it runs on resources that say nothing yet."""
        return self.is_new and self.kind != "CanonicalEvent"

    @property
    def completes(self) -> bool:
        """Whether it runs on what may say something already."""
        return not self.makes or bool(self.continuing)


@dataclass(frozen=True, slots=True)
class Link:
    """A reference: field `path` of every `kind` refers to the resources `of` its group."""

    where: str
    kind: str
    path: str
    of: str


@dataclass(slots=True)
class Structure:
    """One message structure."""

    name: str
    where: str
    events: tuple[tuple[str, str], ...]
    starts: tuple[str, ...] = ()
    holds: frozenset[str] = frozenset()
    steps: dict[str, list[Step]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)


def parse_structure(name: str, text: str) -> Structure:
    """Parse one structure file.

    Raises:
        ConfigurationError: a line is none of the notation; says file and line.
    """
    structure: Structure | None = None
    for line in lines(name, text):
        if structure is None:
            structure = _head(line)
        elif found := _GROUP.fullmatch(line.text):
            structure.starts = tuple(found["starts"].split())
            structure.holds = frozenset(found["holds"].split()) | set(structure.starts)
        elif found := _LINK.fullmatch(line.text):
            structure.links.append(Link(line.where, found["kind"], found["path"], found["of"]))
        else:
            for step in _steps(line):
                structure.steps.setdefault(step.segment, []).append(step)
    if structure is None:
        raise ConfigurationError(f"{name}:1: the structure is empty")
    return structure


def _head(line: Line) -> Structure:
    found = _HEAD.fullmatch(line.text)
    if found is None:
        raise ConfigurationError(
            f"{line.where}: expected 'structure NAME for CODE^TRIGGER...' first"
        )
    events = []
    for event in found["events"].split():
        code, mark, trigger = event.partition("^")
        if not (code and mark and trigger):
            raise ConfigurationError(f"{line.where}: {event} is no event such as ADT^A01")
        events.append((code, trigger))
    return Structure(found["name"], line.where, tuple(events))


def _steps(line: Line) -> list[Step]:
    found = _STEP.fullmatch(line.text)
    if found is None:
        raise ConfigurationError(f"{line.where}: cannot read the line {line.text!r}")
    if not line.cite:
        raise ConfigurationError(f"{line.where}: the line cites no row of the guide")
    where = line.where
    steps = []
    for text in found["verbs"].split(";"):
        verb = _VERB.fullmatch(text.strip())
        if verb is None:
            raise ConfigurationError(
                f"{where}: expected 'new X' or 'join X', found {text.strip()!r}"
            )
        steps.append(
            Step(
                where=where,
                segment=found["segment"],
                anchors=frozenset((found["anchors"] or "").split()),
                is_new=verb["verb"] == "new",
                kind=verb["kind"],
                per=parse_place(verb["per"], where) if verb["per"] else None,
                unless=parse_condition(verb["unless"], where) if verb["unless"] else None,
                continuing=tuple(
                    parse_place(part, where) for part in (verb["continuing"] or "").split()
                ),
                alike=parse_condition(verb["alike"], where) if verb["alike"] else None,
                condition=parse_condition(verb["condition"], where) if verb["condition"] else None,
            )
        )
    return steps
