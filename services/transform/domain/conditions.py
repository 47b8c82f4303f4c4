"""Conditions of rules: the guide's computable operators, parsed and turned into Python.

    condition = term { AND term } { OR ... }, parentheses allowed
    term      = PLACE [NOT] VALUED | PLACE [NOT] EQUALS "x" | PLACE [NOT] IN ("x", "y")
              | PLACE LENGTH|COUNT GREATER THAN|LESS THAN|EQUALS n
              | TRIGGER ... (MSH-9.2) | [NOT] SET target.path

A place is `PID-3`, `PID-3.4` or `PID-3.4.2` in a segment map and `CX.4` in a datatype map. The HL7
null is not VALUED. `notation` parses rules, `generate` asks for the Python of a condition.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from plexus.errors import ConfigurationError

__all__ = ["Condition", "Place", "parse_condition", "parse_place"]

_TOKEN = re.compile(
    r'\s*(?:(?P<string>"[^"]*")|(?P<word>[A-Za-z][\w.\-\[\]]*)|(?P<number>\d+)|(?P<mark>[(),]))'
)
_PLACE = re.compile(r"(?P<unit>[A-Z][A-Z0-9]{1,2})(?P<mark>[-.])(?P<n>\d+(?:\.\d+){0,2})")
_COMPARISONS = {"GREATER": ">", "LESS": "<", "EQUALS": "=="}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the input: `unit` is a segment (field first) or a datatype (component first)."""

    unit: str
    is_field: bool
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        mark = "-" if self.is_field else "."
        return f"{self.unit}{mark}{'.'.join(map(str, self.numbers))}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One node: a term, or AND / OR over `parts`."""

    operator: str
    place: Place | None = None
    operands: tuple[str, ...] = ()
    negated: bool = False
    parts: tuple["Condition", ...] = ()

    def walk(self) -> Iterator["Condition"]:
        """This node and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def python(
        self,
        text: Callable[[Place], str],
        valued: Callable[[Place], str],
        count: Callable[[Place], str],
        is_set: Callable[[str], str],
    ) -> str:
        """As a Python expression, given how to read a place and how to ask for a target."""
        if self.parts:
            joined = f" {self.operator.lower()} ".join(
                part.python(text, valued, count, is_set) for part in self.parts
            )
            return f"({joined})"
        if self.operator == "SET":
            return self._negate(is_set(self.operands[0]))
        if self.operator == "VALUED":
            return self._negate("True" if self.place is None else valued(self.place))
        read = "x.trigger" if self.place is None else text(self.place)
        if self.operator == "EQUALS":
            return f"({read} {'!=' if self.negated else '=='} {self.operands[0]!r})"
        if self.operator == "IN":
            return f"({read} {'not in' if self.negated else 'in'} {self.operands!r})"
        subject = f"len({read})"
        if self.operator == "COUNT" and self.place is not None:
            subject = count(self.place)
        return f"({subject} {self.operands[0]} {self.operands[1]})"

    def _negate(self, expression: str) -> str:
        return f"(not {expression})" if self.negated else f"({expression})"


def parse_place(text: str, where: str) -> Place:
    """Parse `PID-3.4` or `CX.4.2`.

    Raises:
        ConfigurationError: it is neither.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{where}: {text!r} is no place such as PID-3.1 or CX.4")
    numbers = tuple(int(n) for n in found["n"].split("."))
    is_field = found["mark"] == "-"
    if 0 in numbers or len(numbers) > (3 if is_field else 2):
        raise ConfigurationError(f"{where}: {text!r} counts from 1 and has too many levels or a 0")
    return Place(found["unit"], is_field, numbers)


def parse_condition(text: str, where: str) -> Condition:
    """Parse what stands after `if`.

    Raises:
        ConfigurationError: the syntax is not that of the module docstring; names `where`.
    """
    parser = _Parser(text, where)
    condition = parser.any_of()
    if parser.peek():
        raise parser.error(f"unexpected {parser.peek()!r}")
    return condition


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._text = text
        self._words: list[str] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.error(f"cannot read {text[at:].strip()!r}")
            self._words.append(found[0].strip())
            at = found.end()
        self._at = 0

    def error(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._where}: condition {self._text.strip()!r}: {what}")

    def peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def take(self) -> str:
        word = self.peek()
        self._at += 1
        return word

    def expect(self, *wanted: str) -> str:
        word = self.take()
        if word not in wanted:
            raise self.error(f"expected {' or '.join(wanted)}, found {word or 'the end'!r}")
        return word

    def any_of(self) -> Condition:
        parts = [self.all_of()]
        while self.peek() == "OR":
            self.take()
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Condition("OR", parts=tuple(parts))

    def all_of(self) -> Condition:
        parts = [self.term()]
        while self.peek() == "AND":
            self.take()
            parts.append(self.term())
        return parts[0] if len(parts) == 1 else Condition("AND", parts=tuple(parts))

    def term(self) -> Condition:
        word = self.take()
        if word == "(":
            inside = self.any_of()
            self.expect(")")
            return inside
        negated = word == "NOT"
        if negated or word == "SET":
            if negated:
                self.expect("SET")
            return Condition("SET", operands=(self.take(),), negated=negated)
        place = None if word == "TRIGGER" else parse_place(word, self._where)
        negated = self.peek() == "NOT"
        if negated:
            self.take()
        operator = self.expect("VALUED", "EQUALS", "IN", *(() if negated else ("LENGTH", "COUNT")))
        if operator == "EQUALS":
            return Condition(operator, place, (self.string(),), negated)
        if operator == "IN":
            self.expect("(")
            operands = [self.string()]
            while self.expect(",", ")") == ",":
                operands.append(self.string())
            return Condition(operator, place, tuple(operands), negated)
        if operator in {"LENGTH", "COUNT"}:
            comparison = self.expect(*_COMPARISONS)
            if comparison != "EQUALS":
                self.expect("THAN")
            number = self.take()
            if not number.isdigit():
                raise self.error(f"expected a number, found {number!r}")
            return Condition(operator, place, (_COMPARISONS[comparison], number))
        return Condition(operator, place, (), negated)

    def string(self) -> str:
        word = self.take()
        if not word.startswith('"'):
            raise self.error(f"expected a quoted string, found {word or 'the end'!r}")
        return word[1:-1]
