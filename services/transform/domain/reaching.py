"""Where generated maps put values: the statements that reach a target, and those that undo them.

`generate` writes what is read, this and `constants` what is written. A slot (`names[1]`) is an
element that several rules share: it is made by the first that has a value, and dropped at the end
of the function where it holds nothing after all.
"""

from dataclasses import dataclass, field

from services.transform.domain.targets import Step

__all__ = ["Lines", "Slots", "Target"]


class Lines:
    """The lines of a function in the making."""

    def __init__(self) -> None:
        """Begin without any."""
        self.all: list[str] = []

    def emit(self, depth: int, line: str) -> None:
        """Add a line, indented."""
        self.all.append("    " * depth + line)


@dataclass(slots=True)
class Target:
    """Where a value goes.

    Attributes:
        parent: expression of the message that holds the target field.
        last: the target field.
        reach: statements that make the parent.
        undo: statements that take it back if nothing came.
        element: the parent, where it is another message than that of the map; else empty.
        may_be_set: whether it can have a value already.
    """

    parent: str
    last: Step
    reach: list[str] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    element: str = ""
    may_be_set: bool = True

    @property
    def place(self) -> str:
        """Expression of the target itself."""
        return f"{self.parent}.{self.last.name}"


class Slots:
    """The targets of one map and the elements that they share."""

    def __init__(self, *, completes: bool) -> None:
        """Know of no slot yet, nor of a rule.

        Args:
            completes: the message of the map may say something already, before any rule.
        """
        self._completes = completes
        self._names: dict[str, str] = {}
        self._written: set[tuple[str, ...]] = set()

    def reach(self, steps: list[Step]) -> Target:
        """Give the target of a path, for a rule that is to set it."""
        target = self._reach(steps)
        target.may_be_set = self._may_be_set(steps)
        self.note(steps)
        return target

    def note(self, steps: list[Step]) -> None:
        """From here on the target of the path can have a value."""
        self._written.add(tuple(step.label for step in steps))

    def _may_be_set(self, steps: list[Step]) -> bool:
        if any(step.is_repeated for step in steps[:-1]):
            return False  # the element around it is added by the rule itself
        path = tuple(step.label for step in steps)
        return self._completes or any(
            path[: len(other)] == other or other[: len(path)] == path for other in self._written
        )

    def _reach(self, steps: list[Step]) -> Target:
        parent = "m"
        reach: list[str] = []
        undo: list[str] = []
        for number, step in enumerate(steps[:-1]):
            place = f"{parent}.{step.name}"
            if step.slot:
                name = f"e_{step.name}_{step.slot}"
                self._names[step.label] = name
                found = f"{place}.add()"
                if step.slot == "last":
                    found = f"{place}[-1] if {place} else {found}"
                reach += [f"if {name} is None:", f"    {name} = {found}"]
                parent = name
            elif step.is_repeated:
                name = f"q{number}"
                reach.append(f"{name} = {place}.add()")
                undo.append(f"del {place}[-1]")
                parent = name
            else:
                parent = place
        if "." in parent:
            # Every dot is a call into protobuf; nothing becomes present by being looked at.
            reach.append(f"o = {parent}")
            parent = "o"
        return Target(parent, steps[-1], reach, undo, parent if len(steps) > 1 else "")

    def begin(self) -> list[str]:
        """Give what stands at the head of the function."""
        return [f"    {name} = None" for name in self._names.values()]

    def end(self) -> list[str]:
        """Give what stands at its end."""
        lines = []
        for slot, name in self._names.items():
            lines.append(f"    if {name} is not None and not {name}.ListFields():")
            lines.append(f"        m.{slot.split('[')[0]}.remove({name})")
        return lines
