"""Smallest inputs for single rules of the maps: such that a condition holds, and such that it does not.

Inputs are made from the rules themselves: the source gets a value of its datatype, and the places that
the condition names get what each of its terms asks for, in all combinations of true and false. A term
`SET path` is made true by another rule of the same map that sets the path.
"""

import itertools
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from plexus.codecs.hl7v2 import Message, read
from services.transform.domain.conditions import Condition, Place
from services.transform.domain.notation import Rule, Section
from services.transform.domain.tables import Table

__all__ = ["Inputs", "Tables", "asks_for_targets", "inputs_for", "is_sourced"]

Tables = dict[str, Table]
Leaf = tuple[str, int, int, int]
"""Segment or datatype; field (0 in a datatype); component; subcomponent."""

_MOST = 400
_DEEPEST = 3
_OTHER = ("ZZ9", "ZZ8")
_LENGTHS = ("7", "2021", "20210131", "202101311205", "20210131120530+0100")
"""Texts of several lengths, times among them."""
_ANYTHING = ("V1", "20240229", "^2.999.1^ISO", f"{'^' * 23}V24")
"""For places of which a condition asks only whether they are valued: any word, a time, an authority, and
what no data type has a place for."""
_OTHER_TRIGGER = "Z99"

SAMPLES: dict[str, tuple[str, ...]] = {
    "CNN": ("12^Doe^Jane",),
    "CWE": ("C1^Word^L",),
    "CX": ("4711",),
    "DLN": ("D4711",),
    "DR": ("20240101^20240229",),
    "DTM": ("202402291015",),
    "ED": ("^AP^PDF^A^Report",),
    "EI": ("E4711",),
    "HD": ("WEST", "^2.999.1^ISO"),
    "IS": ("W1",),
    "MA": ("M4711",),
    "MC": ("M4712",),
    "MO": ("12.50^EUR",),
    "NM": ("12.5",),
    "NR": ("3^5",),
    "PL": ("WARD^ROOM^BED",),
    "PLN": ("L4711^UPIN",),
    "RANGE": ("3-5",),
    "RPT": ("BID^^^^1^d",),
    "RP": ("urn:2.999.7^^AP^PDF",),
    "SI": ("3",),
    "SN": ("^5", "^3^-^5", "^1^:^128"),
    "SSN": ("987654321",),
    "TM": ("1015",),
    "TX": ("Some words",),
    "UNITS": ("mg/dL",),
    "XAD": ("1 Main Street^^Town",),
    "XCN": ("12^Doe^Jane",),
    "XON": ("West Clinic",),
    "XPN": ("Doe^Jane",),
    "XTN": ("555-1234",),
}
"""Values by datatype, written as fields; others where one does not show all that the datatype may say."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a map reads: leaves of segments near each other, or of one value of a datatype."""

    leaves: dict[Leaf, str] = field(default_factory=dict)
    trigger: str = _OTHER_TRIGGER
    repeated: dict[tuple[str, int], int] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    """What the target says before the map runs; only for maps that complete."""

    def text(self, place: Place) -> str:
        """The leaf that a condition reads at a place."""
        return self.leaves.get(_leaf(place), "")

    def valued(self, place: Place) -> bool:
        """Whether anything is at the place; of a component of a field its first leaf counts."""
        if place.is_field and len(place.numbers) > 1:
            return bool(self.text(place))
        return any(value and _within(leaf, place) for leaf, value in self.leaves.items())

    def count(self, place: Place) -> int:
        """How many repetitions the field has."""
        number = self.repeated.get((place.unit, place.numbers[0]), 1)
        return number if self.valued(place) else 0

    def texts(self, place: Place) -> list[str]:
        """All leaves at the place."""
        return [value for leaf, value in self.leaves.items() if _within(leaf, place)]

    def having(self, place: Place, text: str) -> "Inputs":
        """With that text at the place, as a field writes it, and nothing else there."""
        kept = self.without(place)
        depth = len(place.numbers) - (1 if place.is_field else 0)
        unit, number, component, _ = _leaf(place)
        if depth == 0:
            parts = {
                (unit, number, c, s): leaf
                for c, part in enumerate(text.split("^"), 1)
                for s, leaf in enumerate(part.split("&"), 1)
                if leaf
            }
        elif depth == 1:
            leaves = text.replace("^", "&").split("&")
            parts = {(unit, number, component, s): leaf for s, leaf in enumerate(leaves, 1) if leaf}
        else:
            # A subcomponent has no parts of its own.
            parts = {_leaf(place): text.replace("^", "")}
        return replace(self, leaves={**kept.leaves, **parts})

    def having_leaf(self, place: Place, text: str) -> "Inputs":
        """With that text as the leaf that a condition reads at the place; the rest there stays."""
        return replace(self, leaves={**self.leaves, _leaf(place): text})

    def without(self, place: Place) -> "Inputs":
        """With nothing at the place."""
        kept = {leaf: value for leaf, value in self.leaves.items() if not _within(leaf, place)}
        return replace(self, leaves=kept)

    def message(self, *units: str) -> Message:
        """A message of the segments that say something, and of those named."""
        names = dict.fromkeys([*units, *(leaf[0] for leaf in self.leaves)])
        names.pop("MSH", None)
        head = {2: "^~\\&", 9: f"ADT^{self.trigger}", 10: "C1", 11: "P", 12: "2.5.1"}
        lines = [self._segment("MSH", head, 2), *(self._segment(name, {}) for name in names)]
        return read("\r".join([*lines, ""]).encode())

    def value(self, datatype: str) -> str:
        """The value of a datatype, as a field writes it."""
        return self._written(datatype, 0)

    def _segment(self, name: str, fields: dict[int, str], start: int = 1) -> str:
        numbers = {leaf[1] for leaf in self.leaves if leaf[0] == name} | set(fields)
        written = []
        for number in range(start, max(numbers, default=start) + 1):
            text = self._written(name, number) or fields.get(number, "")
            written.append("~".join([text] * self.repeated.get((name, number), 1)))
        return "|".join([name, *written])

    def _written(self, unit: str, number: int) -> str:
        found = {
            leaf[2:]: value for leaf, value in self.leaves.items() if leaf[:2] == (unit, number)
        }
        components = []
        for component in range(1, max((c for c, _ in found), default=0) + 1):
            subs = {s: value for (c, s), value in found.items() if c == component}
            last = max(subs, default=0)
            components.append("&".join(subs.get(s, "") for s in range(1, last + 1)))
        return "^".join(components)


def _leaf(place: Place) -> Leaf:
    numbers = place.numbers if place.is_field else (0, *place.numbers)
    field_number, component, sub = (*numbers, 1, 1)[:3]
    return place.unit, field_number, component, sub


def _within(leaf: Leaf, place: Place) -> bool:
    numbers = place.numbers if place.is_field else (0, *place.numbers)
    return leaf[0] == place.unit and leaf[1 : 1 + len(numbers)] == numbers


def asks_for_targets(rule: Rule) -> bool:
    """Whether the condition asks what the target says already."""
    return rule.condition is not None and any(n.operator == "SET" for n in rule.condition.walk())


def inputs_for(section: Section, rule: Rule, tables: Tables, *, holds: bool) -> Iterator[Inputs]:
    """Inputs for a rule in which its condition is as wanted; see the module.

    Its source is valued wherever the condition does not say the contrary. Whether a term `SET` is so is known only to who runs them.
    """
    return itertools.islice(_inputs(section, rule, tables, Inputs(), holds, 0), _MOST)


def _inputs(
    section: Section, rule: Rule, tables: Tables, start: Inputs, holds: bool, depth: int
) -> Iterator[Inputs]:
    for inputs in _sourced(rule, tables, start):
        if rule.many == "*" and isinstance(rule.source, Place):
            twice = {(rule.source.unit, rule.source.numbers[0]): 2}
            inputs = replace(inputs, repeated={**inputs.repeated, **twice})  # noqa: PLW2901
        if section.requires is not None and not inputs.valued(section.requires):
            inputs = inputs.having(section.requires, "R1")  # noqa: PLW2901 - goes on from there
        if rule.condition is None:
            yield from [inputs] if holds else []
            continue
        terms = [node for node in rule.condition.walk() if not node.parts]
        for truths in itertools.product((True, False), repeat=len(terms)):
            if _truth(rule.condition, iter(truths)) is not holds:
                continue
            for found in _arranged(section, rule, tables, inputs, terms, truths, depth):
                if _is_as_wanted(found, terms, truths):
                    yield found


def is_sourced(rule: Rule, inputs: Inputs) -> bool:
    """Whether there is something at the place that the rule reads."""
    return not isinstance(rule.source, Place) or inputs.valued(rule.source)


def _sourced(rule: Rule, tables: Tables, start: Inputs) -> Iterator[Inputs]:
    place = rule.source
    if not isinstance(place, Place):
        yield start
    elif rule.table:
        for code in list(tables[rule.table].codes)[:3]:
            yield start.having(place, code)
    elif rule.datatype in {"", "ST"}:
        yield start.having(place, f"text{''.join(map(str, place.numbers))}")
    else:
        for sample in SAMPLES[rule.datatype]:
            yield start.having(place, sample)


def _truth(condition: Condition, truths: Iterator[bool]) -> bool:
    if not condition.parts:
        return next(truths) is not condition.negated
    parts = [_truth(part, truths) for part in condition.parts]
    return all(parts) if condition.operator == "AND" else any(parts)


def _arranged(
    section: Section,
    rule: Rule,
    tables: Tables,
    inputs: Inputs,
    terms: list[Condition],
    truths: tuple[bool, ...],
    depth: int,
) -> Iterator[Inputs]:
    """Inputs arranged so that each term, negations aside, is as `truths` says; places may conflict."""
    if not terms:
        yield inputs
        return
    for found in _term(section, rule, tables, inputs, terms[0], truths[0], depth):
        yield from _arranged(section, rule, tables, found, terms[1:], truths[1:], depth)


def _term(
    section: Section,
    rule: Rule,
    tables: Tables,
    inputs: Inputs,
    term: Condition,
    truth: bool,
    depth: int,
) -> Iterator[Inputs]:
    place = term.place
    if term.operator == "SET":
        if not truth:
            yield inputs
        elif depth < _DEEPEST:
            yield replace(inputs, said=(*inputs.said, term.operands[0]))
            for other in section.rules:
                if other is not rule and not other.drops and _touches(other, term.operands[0]):
                    yield from _inputs(section, other, tables, inputs, True, depth + 1)
    elif place is None:
        wanted = term.operands if truth else (_OTHER_TRIGGER,)
        yield from (replace(inputs, trigger=trigger) for trigger in wanted)
    elif term.operator == "VALUED":
        if not truth:
            yield inputs.without(place)
        elif inputs.valued(place):
            yield inputs
        else:
            yield from (inputs.having(place, text) for text in _ANYTHING)
    elif term.operator in {"EQUALS", "IN"}:
        if truth:
            yield from (inputs.having_leaf(place, text) for text in term.operands)
        else:
            codes = list(tables[rule.table].codes) if rule.table else []
            yield inputs
            yield from (inputs.having_leaf(place, code) for code in [*codes, *_OTHER])
            yield inputs.without(place)
    elif term.operator == "COUNT":
        beside = {(">", True): 1, ("<", True): -1, ("==", False): 1}
        number = int(term.operands[1]) + beside.get((term.operands[0], truth), 0)
        valued = inputs if inputs.valued(place) else inputs.having(place, _ANYTHING[0])
        repeated = {**inputs.repeated, (place.unit, place.numbers[0]): number}
        yield replace(valued, repeated=repeated) if number else inputs.without(place)
    elif term.operator == "LENGTH":
        fitting = (text for text in _LENGTHS if _compares(term, len(text)) is truth)
        yield from (inputs.having(place, text) for text in fitting)
    else:
        raise AssertionError(f"{rule.where}: teach the tests {term.operator}")


def _touches(rule: Rule, path: str) -> bool:
    mine = rule.path.partition("[")[0] if "[" in rule.path else rule.path
    return f"{mine}.".startswith(f"{path}.") or f"{path}.".startswith(f"{mine}.")


def _is_as_wanted(inputs: Inputs, terms: list[Condition], truths: tuple[bool, ...]) -> bool:
    return all(
        term.operator == "SET" or _holds(inputs, term) is truth
        for term, truth in zip(terms, truths, strict=True)
    )


def _compares(term: Condition, number: int) -> bool:
    compared = {">": operator.gt, "<": operator.lt, "==": operator.eq}[term.operands[0]]
    return bool(compared(number, int(term.operands[1])))


def _holds(inputs: Inputs, term: Condition) -> bool:
    """Whether the term holds, its negation aside."""
    if term.operator == "VALUED":
        assert term.place is not None
        return inputs.valued(term.place)
    if term.operator == "LENGTH":
        assert term.place is not None
        return _compares(term, len(inputs.text(term.place)))
    if term.operator == "COUNT":
        assert term.place is not None
        return _compares(term, inputs.count(term.place))
    read = inputs.trigger if term.place is None else inputs.text(term.place)
    return read in term.operands
