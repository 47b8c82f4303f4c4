"""How generated maps fetch what a rule reads: segment, repetition, leaf.

`generate` asks for it for plain values, `filling` for messages. In the generated code `s` is the
segment, `fields` its fields as written, `v` a repetition, `n` the one that the resource is made of.
"""

from services.transform.domain.claims import ALL, first
from services.transform.domain.conditions import Place
from services.transform.domain.notation import Rule, Section
from services.transform.domain.reaching import Lines

__all__ = ["Fetching"]


class Fetching:
    """Writes how the rules of one map get at their places."""

    def __init__(self, section: Section, lines: Lines) -> None:
        """Write to `lines`."""
        self._section = section
        self._lines = lines
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

    @staticmethod
    def claim(rule: Rule, segment: str, taken: str, field: int) -> str:
        """Where the rule claims what it reads of a field."""
        repetition = {"": "", "*": "r"}.get(rule.many, "n - 1")
        if not repetition:
            return f"{taken}[{field}]"
        further = f"x.row({segment}.position, {repetition})"
        return f"({further} if {repetition} else {taken})[{field}]"

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
