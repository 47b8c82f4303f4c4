"""How generated maps fetch what a rule reads: segment, repetition, leaf.

`generate` asks for it for plain values, `filling` for messages. In the generated code `s` is the
segment, `fields` its fields as written, `v` a repetition, `n` the one that the resource is made of.
"""

from typing import NamedTuple

from services.transform.domain.claims import ALL, first
from services.transform.domain.conditions import Place
from services.transform.domain.notation import Rule, Section
from services.transform.domain.reaching import Lines

__all__ = ["Claim", "Fetching"]


class Claim(NamedTuple):
    """How a rule claims what it reads.

    Attributes:
        at: the claims of the field, in the generated code.
        bits: what of it.
        told: rule, segment, field and repetition for a trace; empty where nothing is traced.
    """

    at: str
    bits: str
    told: str = ""


class Fetching:
    """Writes how the rules of one map get at their places."""

    def __init__(self, section: Section, lines: Lines, traced: list[Rule] | None = None) -> None:
        """Write to `lines`; `traced` takes the rules that traces name by their number, if any do."""
        self._section = section
        self._lines = lines
        self._traced = traced
        self.is_segment = section.kind == "segment"
        self.asks_usual = False
        """Whether the function needs to know if its text is written as is usual."""

    def split(self, place: Place) -> tuple[int, int]:
        """Field and component; a datatype map has components only."""
        if not self.is_segment:
            return 0, place.numbers[0]
        return place.numbers[0], place.numbers[1] if len(place.numbers) > 1 else 1

    def segment(self, place: Place, depth: int) -> tuple[str, str, int]:
        """The segment of a place, its claims, and how deep one is then."""
        if place.unit == self._section.name:
            return "s", "taken", depth
        self._lines.emit(depth, f"z = x.near.get({place.unit!r})")
        self._lines.emit(depth, "if z is not None:")
        return "z", "x.taken[z.position]", depth + 1

    def each(self, rule: Rule, segment: str, field: int, depth: int) -> int:
        """Let `v` be each repetition that the rule reads; gives how deep one is then."""
        values = f"{segment}.repetitions({field})"
        if rule.many == "*":
            self._lines.emit(depth, f"for r, v in enumerate({values}):")
            depth += 1
        elif rule.many:
            self._lines.emit(depth, f"for v in {values}[n - 1 : n]:")
            depth += 1
        else:
            self._lines.emit(depth, f"v = {segment}.value({field})")
        return depth

    def claim(self, rule: Rule, segment: str, taken: str, field: int, bits: str) -> Claim:
        """How the rule claims what it reads of a field."""
        repetition = {"": "", "*": "r"}.get(rule.many, "n - 1")
        told = (
            f"{self.number(rule)}, {segment}, {field}, {repetition or 0}"
            if self._traced is not None
            else ""
        )
        if not repetition:
            return Claim(f"{taken}[{field}]", bits, told)
        further = f"x.row({segment}.position, {repetition})"
        return Claim(f"({further} if {repetition} else {taken})[{field}]", bits, told)

    def number(self, rule: Rule) -> str:
        """How the code calls a rule that it traces."""
        assert self._traced is not None
        if not self._traced or self._traced[-1] is not rule:
            self._traced.append(rule)
        return f"RULES[{len(self._traced) - 1}]"

    def take(self, claim: Claim, holder: str, name: str, depth: int) -> None:
        """Claim, and tell the trace what holds the value now.

        Args:
            claim: of a rule.
            holder: expression of the message that a value became, or that has it in a field.
            name: that field; empty where the message itself is meant.
            depth: of the statement.
        """
        self._lines.emit(depth, f"{claim.at} |= {claim.bits}")
        if claim.told:
            self._lines.emit(depth, f"x.trace({claim.told}, {claim.bits}, m, {holder}, {name!r})")

    def drop(self, rule: Rule, place: Place, depth: int) -> None:
        """Leave out a field, or a component of each repetition, where nobody takes it."""
        where = f"s, {', '.join(map(str, place.numbers))}"
        self._lines.emit(depth, f"x.drop({where})")
        if self._traced is not None:
            self._lines.emit(depth, f"x.trace_drop({self.number(rule)}, {where})")

    def plain(self, segment: str, field: int, component: int, depth: int) -> str:
        """Let `t` be one leaf; gives what of the field is claimed by it.

        What is but letters and digits has no separators and no escapes, so it is all there is; and
        so is what reads as it is written.
        """
        if segment != "s" or component != 1:
            arguments = str(field) if component == 1 else f"{field}, {component}"
            self._lines.emit(depth, f"t = {segment}.get({arguments})")
            return str(first(component))
        self._lines.emit(depth, f"t = fields[{field}]")
        self._lines.emit(depth, f"a = {ALL}")
        self._lines.emit(depth, "if not t.isalnum():")
        self._lines.emit(depth + 1, f"t = s.get({field})")
        self._lines.emit(depth + 1, f"if t != fields[{field}]:")
        self._lines.emit(depth + 2, f"a = {first(1)}")
        return "a"
