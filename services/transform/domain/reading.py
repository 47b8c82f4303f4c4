"""How generated maps read places in conditions: each place once, at the head of the function.

`generate` writes the rules; this writes what they ask before they act.
"""

from google.protobuf.descriptor import Descriptor

from plexus.errors import ConfigurationError
from services.transform.domain.conditions import Condition, Place
from services.transform.domain.library import Library
from services.transform.domain.notation import Rule, Section
from services.transform.domain.targets import resolve

__all__ = ["Reads", "arguments_of"]


def arguments_of(place: Place) -> str:
    """Arguments for `get`."""
    return ", ".join(map(str, place.numbers))


class Reads:
    """Expressions for the places of one map. `hoisted` gives a variable name by expression."""

    def __init__(self, section: Section, library: Library, start: Descriptor) -> None:
        """Read for that map, whose target is `start`."""
        self._section = section
        self._library = library
        self._start = start
        self._is_segment = section.kind == "segment"
        self.hoisted: dict[str, str] = {}

    def condition(self, condition: Condition, where: str) -> str:
        """Python of a condition.

        Raises:
            ConfigurationError: it asks for a place or target that there is not.
        """
        for node in condition.walk():
            if node.place is not None:
                self.check(node.place, where)
            elif not self._is_segment and not node.parts and node.operator != "SET":
                raise ConfigurationError(f"{where}: a datatype knows no TRIGGER")
        return condition.python(
            self._text,
            self._valued,
            lambda place: self._count(place, where),
            lambda path: self._is_set(path, where),
        )

    def arm(self, rule: Rule) -> tuple[str, str] | None:
        """Question and answer for a rule that completes one of several that exclude each other.

        None where it asks for more than that, or does more. So the answer stays the same.
        """
        condition = rule.condition
        if condition is None or condition.operator != "SET" or condition.negated:
            return None
        path = condition.operands[0]
        if not rule.completes or not f"{rule.path}.".startswith(f"{path}."):
            return None
        steps = resolve(self._start, path, rule.where)
        oneof = steps[-1].field.containing_oneof
        if oneof is None or any(step.field.is_repeated for step in steps):
            return None
        parent = ".".join(["m", *(step.name for step in steps[:-1])])
        return f"{parent}.WhichOneof({oneof.name!r})", steps[-1].name

    def check(self, place: Place, where: str) -> None:
        """See that the map can read the place.

        Raises:
            ConfigurationError: the segment is unknown, or the component is of another datatype.
        """
        if self._is_segment:
            if not place.is_field or place.unit not in self._library.segments:
                raise ConfigurationError(f"{where}: unknown segment in {place}")
        elif place.is_field or place.unit != self._section.name:
            raise ConfigurationError(
                f"{where}: {place} is no component of the datatype {self._section.name}"
            )

    def required(self, place: Place, where: str) -> str:
        """Expression of the leaf that a datatype cannot do without.

        Raises:
            ConfigurationError: it is of another datatype.
        """
        self.check(place, where)
        return self._leaf(place)

    @staticmethod
    def leaf_of(value: str, component: int) -> str:
        """Expression of one leaf of a repetition, which has one component at least."""
        return f"{value}.leaves()[0]" if component == 1 else f"{value}.get({component})"

    def _leaf(self, place: Place) -> str:
        number = place.numbers[0]
        if len(place.numbers) > 1:
            return f"v.get({arguments_of(place)})"
        return (
            "leaves[0]" if number == 1 else f"(leaves[{number - 1}] if count >= {number} else '')"
        )

    def _text(self, place: Place) -> str:
        if not self._is_segment:
            return self._hoist(f"text_of({self._leaf(place)})")
        arguments = arguments_of(place)
        if place.unit != self._section.name:
            return f"x.peek({place.unit!r}, {arguments})"
        read = f"text_of(s.get({arguments}))"
        if len(place.numbers) == 1:
            number = place.numbers[0]
            # `s.get` is for what is more than letters and digits.
            raw = f"fields[{number}]"
            there = f"{raw} if {raw}.isalnum() else {read}"
            read = f"({there}) if count > {number} and {raw} else ''"
        return self._hoist(read)

    def _valued(self, place: Place) -> str:
        if len(place.numbers) > 1:
            return self._text(place)
        number = place.numbers[0]
        if not self._is_segment:
            part = (
                "parts[0]" if number == 1 else f"(parts[{number - 1}] if count >= {number} else '')"
            )
            return f"{self._hoist(part)} not in EMPTY"
        if place.unit != self._section.name:
            return f"x.valued({place.unit!r}, {number})"
        raw = self._hoist(f"fields[{number}] if count > {number} else ''")
        return f"{raw} not in EMPTY"

    def _count(self, place: Place, where: str) -> str:
        if not self._is_segment or place.unit != self._section.name:
            raise ConfigurationError(f"{where}: COUNT is for fields of {self._section.name}")
        return f"s.repetition_count({place.numbers[0]})"

    def _is_set(self, path: str, where: str) -> str:
        steps = resolve(self._start, path, where)
        if any(step.field.is_repeated for step in steps[:-1]):
            raise ConfigurationError(f"{where}: SET cannot look into the repeated {path}")
        parent = ".".join(["m", *(step.name for step in steps[:-1])])
        last = steps[-1]
        if last.field.has_presence:
            return f"{parent}.HasField({last.name!r})"
        return f"{parent}.{last.name}"

    def _hoist(self, read: str) -> str:
        return self.hoisted.setdefault(read, f"h{len(self.hoisted)}")
