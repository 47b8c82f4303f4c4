"""Other converters' outputs as a measure: which of their facts ours states, and how many of ours they do.

A fact is a place in a resource type and a value there, without ids, references, extensions, and what is
only about the message (Provenance, MessageHeader). Values are held against each other by what they mean:
a namespace is the same under whichever URL or URN a converter puts it, a moment in whichever zone, a
number with however many digits. Goldens are no truth: a difference counts as one unless it is listed,
with its reason, in `golden_differences.yaml`.
"""

import datetime
import importlib.resources
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from plexus.codecs.hl7v2 import Message, leaves

__all__ = ["Agreement", "Difference", "Fact", "facts", "listed", "sending_of", "values"]

Fact = tuple[str, str]
"""Path, such as Patient.name.family, and value."""

_ABOUT_MESSAGES: Final = frozenset(
    {"Provenance", "MessageHeader", "OperationOutcome", "Parameters", "Bundle"}
)
_UNSTATED: Final = frozenset(
    {"id", "extension", "modifierExtension", "resourceType", "meta", "contained", "assigner"}
)
_OURS: Final = frozenset({"urn:plexus:resource", "urn:plexus:person"})
_NAMESPACE: Final = re.compile(
    r"^(?:urn:(?:plexus:(?:authority|codesystem)|oid|uuid|id):|https?://example\.com/.*/)"
)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT")
_SPELLING: Final = re.compile(r"[\s_]+")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


class Difference(NamedTuple):
    """A difference that is meant.

    Attributes:
        golden: whose output it is against.
        side: `golden` for facts that only the golden states, `ours` for those that only we do.
        path: of the facts, as a regular expression.
        reason: why, with the row of the guide where there is one.
        elsewhere: only for values that stand somewhere else in ours.
        value: of the facts, as a regular expression; None for any.
        of_sending: only for values that the message says in its header and nowhere else.
    """

    golden: str
    side: str
    path: re.Pattern[str]
    reason: str
    elsewhere: bool
    value: re.Pattern[str] | None = None
    of_sending: bool = False

    def covers(self, path: str, value: str, *, is_said: bool, is_of_sending: bool) -> bool:
        """Whether it is about a fact; `is_said` and `is_of_sending` as `elsewhere` and `of_sending` ask."""
        return bool(
            self.path.match(path)
            and (is_said or not self.elsewhere)
            and (is_of_sending or not self.of_sending)
            and (self.value is None or self.value.search(value))
        )


def listed() -> list[Difference]:
    """The differences that are meant."""
    file = importlib.resources.files("services.cli.benchmark") / "golden_differences.yaml"
    return [
        Difference(
            golden,
            one["side"],
            re.compile(one["path"]),
            one["reason"],
            one.get("elsewhere", False),
            re.compile(one["value"]) if "value" in one else None,
            one.get("of_sending", False),
        )
        for golden, them in yaml.safe_load(file.read_text(encoding="utf-8")).items()
        for one in them
    ]


def facts(bundle: Mapping[str, Any]) -> set[Fact]:
    """What a bundle states."""
    found: set[Fact] = set()
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource") or {}
        kind = resource.get("resourceType", "")
        if kind not in _ABOUT_MESSAGES:
            found.update(_facts(kind, resource))
            for inner in resource.get("contained", ()):
                found.update(_facts(inner.get("resourceType", ""), inner))
    return found


def values(bundle: Any) -> set[str]:
    """Every text and number of a bundle, without what only names namespaces."""
    if isinstance(bundle, dict):
        return set().union(*(values(each) for each in bundle.values())) if bundle else set()
    if isinstance(bundle, list):
        return set().union(*(values(each) for each in bundle)) if bundle else set()
    return {_NAMESPACE.sub("", str(bundle).strip()).lower()}


def sending_of(message: Message) -> Callable[[str], bool]:
    """Knows the values that only the header of a message says (MSH, SFT, EVN), spelled as namespaces are."""
    head: set[str] = set()
    rest: set[str] = set()
    for leaf in leaves(message):
        found = head if leaf.location.startswith(("MSH", "SFT", "EVN")) else rest
        found.add(_SPELLING.sub("-", leaf.value.lower()))
    only = head - rest
    return lambda value: _SPELLING.sub("-", value) in only


def _facts(path: str, value: Any) -> Iterator[Fact]:
    if isinstance(value, dict):
        if _refers(value):
            return
        for name, member in value.items():
            if name in _UNSTATED or name.startswith("_") or (name == "text" and "." not in path):
                continue
            ours = name == "identifier" and "." not in path and isinstance(member, list)
            stated = (
                [each for each in member if each.get("system") not in _OURS] if ours else member
            )
            yield from _facts(f"{path}.{name}", stated)
    elif isinstance(value, list):
        for each in value:
            yield from _facts(path, each)
    elif value not in (None, ""):
        yield path, _meant(path, str(value).strip())


def _refers(value: Mapping[str, Any]) -> bool:
    """Whether it is a Reference: to an address, or a logical one."""
    return "reference" in value or ("identifier" in value and isinstance(value.get("type"), str))


def _meant(path: str, value: str) -> str:
    if path.endswith(".system"):
        return _NAMESPACE.sub("", value).lower()
    if _MOMENT.match(value):
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:
            return value
        return moment.astimezone(datetime.UTC).isoformat() if moment.tzinfo else value
    if path.endswith("uantity.value") and _NUMBER.fullmatch(value):
        return str(float(value))
    return value


@dataclass(slots=True)
class Agreement:
    """How far ours and one converter's goldens agree, over many messages.

    Attributes:
        both: facts that both state.
        golden: facts of the goldens.
        ours: facts of ours.
        meant: facts by reason, and whether it is the golden's (else ours), that a listed difference covers.
        unlisted: paths of the others, likewise.
    """

    differences: Iterable[Difference]
    both: int = 0
    golden: int = 0
    ours: int = 0
    meant: Counter[tuple[str, bool]] = field(default_factory=Counter)
    unlisted: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def add(
        self,
        golden: set[Fact],
        ours: set[Fact],
        said: set[str],
        of_sending: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Count one message; `said` are the values of all of ours, `of_sending` knows those of its header."""
        self.both += len(golden & ours)
        self.golden += len(golden)
        self.ours += len(ours)
        for is_golden, only in ((True, golden - ours), (False, ours - golden)):
            side = "golden" if is_golden else "ours"
            for path, value in only:
                plain = _NAMESPACE.sub("", value).lower()
                reason = self._reason(
                    path, side, value, is_said=plain in said, is_of_sending=of_sending(plain)
                )
                if reason:
                    self.meant[reason, is_golden] += 1
                else:
                    self.unlisted[path, is_golden] += 1

    def _reason(
        self, path: str, side: str, value: str, *, is_said: bool, is_of_sending: bool
    ) -> str:
        for each in self.differences:
            if each.side == side and each.covers(
                path, value, is_said=is_said, is_of_sending=is_of_sending
            ):
                return each.reason
        return ""

    def recall(self, *, without_meant: bool = False) -> float:
        """Share of the golden's facts that ours states."""
        whole = self.golden
        if without_meant:
            whole -= sum(n for (_, is_golden), n in self.meant.items() if is_golden)
        return self.both / whole if whole else 1.0

    def precision(self, *, without_meant: bool = False) -> float:
        """Share of our facts that the golden states."""
        whole = self.ours
        if without_meant:
            whole -= sum(n for (_, is_golden), n in self.meant.items() if not is_golden)
        return self.both / whole if whole else 1.0
