"""Message structures: which map reads which segment, what belongs together, what refers to what.

    structure ORU_R01 for ORU^R01
    scope ORDER_OBSERVATION                         # what one order makes is apart from the others
    OBR : join ServiceRequest; new DiagnosticReport # ORU_R01 4.2.2
    OBX in SPECIMEN : new Observation               # of all groups named, the innermost decides
    NTE after OBX : join Observation                # of all anchors named, the nearest before decides
    link DiagnosticReport.results <- all Observation

Groups are those of HL7's grammar under their newest names (`plexus.codecs.hl7v2.groups`), so an
unexpected segment or order costs nothing but itself. `new X` makes a resource, `join X` completes the
scope's, or makes it; `join outer X` completes that of an enclosing scope, if there is one.
`per F` makes one for each repetition of a field (`unless` a condition), `continuing F... if` a condition goes
on with the one before if those fields are alike. A segment that no line names is residue.
`structure ADT_A06 for ADT^A06 like ADT_A01` takes over what it does not say itself; `about nobody` after
that says that its messages name no person, `about two` that a second PID names another one, `about each`
that a message may say the same of several persons, each of whom gets a part of it (`parting`). What many
structures say alike is a fragment, `fragment insurance`, with lines and links of its own: a structure takes
all of them with `include insurance`, and a line the verbs for its segment with `ORC : new X; include order`.
`docs/maps.md` tells it at length.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from plexus.codecs.hl7v2 import Segment
from plexus.errors import ConfigurationError
from services.transform.domain.conditions import Condition, Place, parse_condition, parse_place
from services.transform.domain.notation import Line, lines

__all__ = ["Fragment", "Link", "Path", "Step", "Structure", "parse_fragment", "parse_structure"]

_HEAD = re.compile(
    r"structure (?P<name>[A-Z0-9_]+) for (?P<events>[A-Z0-9^*]+(?: [A-Z0-9^*]+)*)"
    r"(?: like (?P<like>[A-Z0-9_]+))?(?: about (?P<about>nobody|two|each))?"
)
_FRAGMENT = re.compile(r"fragment (?P<name>[a-z][a-z_]*)")
_INCLUDE = re.compile(r"include (?P<names>[a-z_]+(?: [a-z_]+)*)")
_SCOPE = re.compile(r"scope (?P<groups>[A-Z0-9_.]+(?: [A-Z0-9_.]+)*)")
_LINK = re.compile(
    r"link (?P<kind>\w+)\.(?P<path>\w+) <- (?P<all>all )?(?P<of>\w+)(?: of (?P<segment>[A-Z][A-Z0-9]{2}))?"
    r"(?: where (?P<place>\S+) IN \((?P<values>[^)]*)\))?"
)
_STEP = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?: in (?P<group>[A-Z0-9_.]+))?(?: after (?P<anchors>[A-Z0-9 ]+?))?\s*:\s*(?P<verbs>.+)"
)
_VERB = re.compile(
    r"(?P<verb>new|join|join outer) (?P<kind>\w+)"
    r"(?: per (?P<per>\S+)(?: unless (?P<unless>.+?))?)?"
    r"(?: continuing (?P<continuing>[A-Z0-9\- ]+?) if (?P<alike>.+?))?"
    r"(?: if (?P<condition>.+))?"
)


Path = tuple[str, ...]
"""Names of groups, outer ones first: the last part of a group's path, or () for anywhere."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do with a segment."""

    where: str
    segment: str
    group: Path
    anchors: frozenset[str]
    is_new: bool
    is_outer: bool
    kind: str
    per: Place | None
    unless: Condition | None
    continuing: tuple[Place, ...]
    alike: Condition | None
    condition: Condition | None

    @property
    def map(self) -> str:
        """Name of the map that runs."""
        return f"{self.segment}[{self.kind}]"

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
    """A reference: field `path` of every `kind` refers to the resources `of` its scope.

    Where its scope has none, to those of the nearest scope around it that has. `is_all`: to those of
    the scopes within it too. `segment`: only to those that a segment of that name made; `place` and
    `values`: of those to the ones whose segment says one of the values there.
    """

    where: str
    kind: str
    path: str
    of: str
    is_all: bool
    segment: str = ""
    place: Place | None = None
    values: frozenset[str] = frozenset()

    def admits(self, segment: Segment) -> bool:
        """Whether it refers to what that segment made."""
        if self.segment and segment.name != self.segment:
            return False
        return self.place is None or segment.get(*self.place.numbers) in self.values


@dataclass(slots=True)
class Fragment:
    """Lines and links that structures include by its name."""

    name: str
    where: str
    steps: dict[str, list[Step]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)


_NONE: Mapping[str, Fragment] = MappingProxyType({})


@dataclass(slots=True)
class Structure:
    """One message structure.

    `scopes` has for each the place where it is named. What `is_about_nobody` is converted for who looks
    at messages, and is no part of a record. Where it `is_about_two` the second PID says only who the
    other person is. Where it `is_about_each` a message may be about several persons. What a structure that
    is like another one has `included` is taken together with that.
    """

    name: str
    where: str
    events: tuple[tuple[str, str], ...]
    scopes: list[tuple[str, Path]] = field(default_factory=list)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    like: str = ""
    is_about_nobody: bool = False
    is_about_two: bool = False
    included: list[Fragment] = field(default_factory=list)
    is_about_each: bool = False

    @property
    def is_paired(self) -> bool:
        """Whether it says of a person what other identifiers, those of MRG, were or are another one's."""
        return any(step.kind == "CanonicalEvent" for step in self.steps.get("MRG", ()))

    def take(self, other: "Structure") -> None:
        """Take from the structure that it is like what it does not say itself, segment by segment."""
        self.scopes = self.scopes or list(other.scopes)
        self.include(other)

    def include(self, *others: "Structure | Fragment") -> None:
        """Take lines and links of others, as far as nothing is said of the segment or the field yet.

        First come the fragments that it includes itself, which is done once.
        """
        others = (*self.included, *others)
        self.included = []
        for other in others:
            self.steps = {**other.steps, **self.steps}
        made = {step.kind for steps in self.steps.values() for step in steps}
        for other in others:
            known = {(link.kind, link.path) for link in self.links}
            self.links += [
                link
                for link in other.links
                if (link.kind, link.path) not in known and {link.kind, link.of} <= made
            ]


def parse_structure(name: str, text: str, fragments: Mapping[str, Fragment] = _NONE) -> Structure:
    """Parse one structure file, which may include the fragments.

    Raises:
        ConfigurationError: a line is none of the notation, or includes what is not there; says file and
            line.
    """
    structure: Structure | None = None
    for line in lines(name, text):
        if structure is None:
            structure = _head(line)
        elif found := _SCOPE.fullmatch(line.text):
            structure.scopes += [(line.where, _path(group)) for group in found["groups"].split()]
        elif found := _INCLUDE.fullmatch(line.text):
            structure.included += [
                _fragment(one, line, fragments) for one in found["names"].split()
            ]
        else:
            _read(line, structure, fragments)
    if structure is None:
        raise ConfigurationError(f"{name}:1: the structure is empty")
    if not structure.like:
        structure.include()
    return structure


def parse_fragment(name: str, text: str) -> Fragment:
    """Parse one file of a fragment. It has no scopes, and includes no other.

    Raises:
        ConfigurationError: a line is none of the notation; says file and line.
    """
    fragment: Fragment | None = None
    for line in lines(name, text):
        if fragment is not None:
            _read(line, fragment, _NONE)
        elif found := _FRAGMENT.fullmatch(line.text):
            fragment = Fragment(found["name"], line.where)
        else:
            raise ConfigurationError(f"{line.where}: expected 'fragment name' first")
    if fragment is None:
        raise ConfigurationError(f"{name}:1: the fragment is empty")
    return fragment


def _fragment(name: str, line: Line, fragments: Mapping[str, Fragment]) -> Fragment:
    if name not in fragments:
        raise ConfigurationError(f"{line.where}: there is no fragment {name} to include")
    return fragments[name]


def _read(line: Line, into: Structure | Fragment, fragments: Mapping[str, Fragment]) -> None:
    found = _LINK.fullmatch(line.text)
    if found is None:
        for step in _steps(line, fragments):
            into.steps.setdefault(step.segment, []).append(step)
        return
    into.links.append(
        Link(
            line.where,
            found["kind"],
            found["path"],
            found["of"],
            bool(found["all"]),
            found["segment"] or "",
            parse_place(found["place"], line.where) if found["place"] else None,
            frozenset(re.findall(r'"([^"]*)"', found["values"] or "")),
        )
    )


def _head(line: Line) -> Structure:
    found = _HEAD.fullmatch(line.text)
    if found is None:
        raise ConfigurationError(
            f"{line.where}: expected 'structure NAME for CODE^TRIGGER... [like NAME] [about nobody|two|each]' first"
        )
    events = []
    for event in found["events"].split():
        code, mark, trigger = event.partition("^")
        if not (code and mark and trigger):
            raise ConfigurationError(f"{line.where}: {event} is no event such as ADT^A01")
        events.append((code, trigger))
    return Structure(
        found["name"],
        line.where,
        tuple(events),
        like=found["like"] or "",
        is_about_nobody=found["about"] == "nobody",
        is_about_two=found["about"] == "two",
        is_about_each=found["about"] == "each",
    )


def _path(text: str | None) -> Path:
    return tuple(text.split(".")) if text else ()


def _steps(line: Line, fragments: Mapping[str, Fragment]) -> list[Step]:
    found = _STEP.fullmatch(line.text)
    if found is None:
        raise ConfigurationError(f"{line.where}: cannot read the line {line.text!r}")
    if not line.cite:
        raise ConfigurationError(f"{line.where}: the line cites no row of the guide")
    where = line.where
    group, anchors = _path(found["group"]), frozenset((found["anchors"] or "").split())
    steps: list[Step] = []
    for text in found["verbs"].split(";"):
        if included := _INCLUDE.fullmatch(text.strip()):
            for name in included["names"].split():
                told = _fragment(name, line, fragments).steps.get(found["segment"], ())
                steps += _placed(told, name, line, group, anchors)
            continue
        verb = _VERB.fullmatch(text.strip())
        if verb is None:
            raise ConfigurationError(
                f"{where}: expected 'new X', 'join X', 'join outer X' or 'include name', found {text.strip()!r}"
            )
        steps.append(
            Step(
                where=where,
                segment=found["segment"],
                group=group,
                anchors=anchors,
                is_new=verb["verb"] == "new",
                is_outer=verb["verb"] == "join outer",
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


def _placed(
    told: Collection[Step], name: str, line: Line, group: Path, anchors: frozenset[str]
) -> list[Step]:
    """What a fragment tells of a segment, where the line that includes it stands."""
    if not told:
        raise ConfigurationError(f"{line.where}: the fragment {name} has no line for the segment")
    if any(step.group or step.anchors for step in told):
        raise ConfigurationError(
            f"{line.where}: {name} says where the segment stands: include it by a line of its own"
        )
    return [
        replace(step, where=f"{line.where}: {step.where}", group=group, anchors=anchors)
        for step in told
    ]
