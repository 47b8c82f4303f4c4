"""Maps to Python: one function per map, with nothing left to interpret when a message comes.

The source is made from a checked map, executed once, and stays readable (`Maps.source`): each block
begins with the file, line and guide row of its rule. A segment function is `f(s, m, x, n)`:
segment, target message, `Draft`, repetition that the resource is made of. A datatype function is
`f(v, m, x)`, and returns the claim of what it read. Setters, not keyword constructors: they cost
half as much.
"""

from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from plexus.errors import ConfigurationError
from services.transform.domain.claims import FIELD_SHIFT, POSITION_SHIFT, first, whole
from services.transform.domain.conditions import Place
from services.transform.domain.library import Library
from services.transform.domain.notation import Assignment, Code, Rule, Section
from services.transform.domain.reading import Reads, arguments_of
from services.transform.domain.targets import Step, resolve

__all__ = ["generate"]

_STRING = FieldDescriptor.CPPTYPE_STRING
_BOOL = FieldDescriptor.CPPTYPE_BOOL
_UINT32 = FieldDescriptor.CPPTYPE_UINT32


def generate(section: Section, library: Library) -> str:
    """Python source of one map; needs `library.namespace` to run.

    Raises:
        ConfigurationError: a rule names what does not exist; says file and line.
    """
    return _Writer(section, library).write()


@dataclass(slots=True)
class _Target:
    """Where a value goes: statements that reach it, and what to undo if nothing came."""

    parent: str
    last: Step
    reach: list[str] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    element: str = ""


class _Writer:
    def __init__(self, section: Section, library: Library) -> None:
        self._section = section
        self._library = library
        self._is_segment = section.kind == "segment"
        self._start: Descriptor = library.message_type(section.target, section.where)
        self._lines: list[str] = []
        self._slots: dict[str, str] = {}
        self._reads = Reads(section, library, self._start)

    def write(self) -> str:
        """Give the whole function."""
        body: list[str] = []
        for rule in self._section.rules:
            self._lines = [f"    # {rule.where}  {rule.cite}"]
            self._rule(rule)
            body += self._lines
        arguments = "s, m, x, n" if self._is_segment else "v, m, x"
        head = [f"def {self._library.function_name(self._section)}({arguments}):"]
        if self._is_segment:
            head.append(f"    b = s.position << {POSITION_SHIFT}")
            head.append("    taken = x.taken")
            head.append("    fields = s.fields()")
            head.append("    count = len(fields)")
        else:
            head.append("    k = 0")
            head.append("    count = v.component_count()")
            if self._section.requires is not None:
                place = self._section.requires
                self._reads.check(place, self._section.where)
                head.append(f"    if v.get({arguments_of(place)}) in EMPTY:")
                head.append("        return 0")
        head += [f"    {name} = {read}" for read, name in self._reads.hoisted.items()]
        head += [f"    {name} = None" for name in self._slots.values()]
        for slot, name in self._slots.items():
            body.append(f"    if {name} is not None and not {name}.ListFields():")
            body.append(f"        m.{slot.split('[')[0]}.remove({name})")
        if not self._is_segment:
            body.append("    return k")
        return "\n".join([*head, *body]) + "\n"

    # -- one rule -------------------------------------------------------------------------------

    def _rule(self, rule: Rule) -> None:
        steps = resolve(self._start, rule.path, rule.where)
        depth = 1
        if rule.condition is not None:
            self._emit(depth, f"if {self._reads.condition(rule.condition, rule.where)}:")
            depth += 1
        if isinstance(rule.source, Place):
            self._read(rule, rule.source, steps, depth)
        else:
            self._constant(rule, steps, depth)

    def _constant(self, rule: Rule, steps: list[Step], depth: int) -> None:
        if rule.datatype or rule.table or rule.resource:
            raise ConfigurationError(f"{rule.where}: a constant has no datatype, table or resource")
        target = self._target(steps)
        for line in target.reach:
            self._emit(depth, line)
        source = rule.source
        assert not isinstance(source, Place)
        if isinstance(source, str) and source.startswith('"'):
            value: str | Code = source[1:-1]
        elif isinstance(source, str):
            name = source[1:]
            if name != "authority":
                raise ConfigurationError(f"{rule.where}: unknown name ${name} of the context")
            self._emit(depth, f"if not {target.parent}.{target.last.name}:")
            self._emit(depth + 1, f"{target.parent}.{target.last.name} = x.{name}")
            return
        else:
            value = source
        self._assign(target.parent, target.last, value, only_if_unset=True, depth=depth, rule=rule)

    def _read(self, rule: Rule, place: Place, steps: list[Step], depth: int) -> None:
        self._reads.check(place, rule.where)
        numbers = place.numbers
        if len(numbers) > (2 if self._is_segment else 1):
            raise ConfigurationError(f"{rule.where}: read the component {place} by its datatype")
        if not self._is_segment and rule.many:
            raise ConfigurationError(f"{rule.where}: only fields repeat")
        last = steps[-1]
        if last.message is not None:
            self._read_message(rule, place, steps, depth)
            return
        if rule.many == "*" and not last.is_repeated and not any(s.is_repeated for s in steps):
            joins = rule.datatype in self._library.values and rule.completes
            if not joins:
                raise ConfigurationError(f"{rule.where}: {rule.path} does not repeat")
        self._read_scalar(rule, place, steps, depth)

    # -- plain values ---------------------------------------------------------------------------

    def _read_scalar(self, rule: Rule, place: Place, steps: list[Step], depth: int) -> None:
        datatype = rule.datatype or "ST"
        is_whole = datatype in self._library.values
        if not is_whole and datatype not in self._library.texts:
            raise ConfigurationError(f"{rule.where}: {datatype} is no datatype of plain values")
        field_number, component = self._split(place)
        if self._is_segment:
            segment, base, depth = self._segment(place, depth)
            if is_whole or rule.many:
                depth = self._each(rule, segment, field_number, depth)
                read = "v" if is_whole else f"v.get({component})"
                at = f"{base} | {field_number << FIELD_SHIFT} | r"
            else:
                read = f"{segment}.get({field_number}{f', {component}' if component != 1 else ''})"
                at = f"{base} | {field_number << FIELD_SHIFT | 1}"
            claim = f"taken[{at}] |= {'-1' if is_whole else first(component)}"
        else:
            segment = ""
            self._emit(depth, f"if count >= {component}:")
            depth += 1
            read = f"v.component({component})" if is_whole else f"v.get({component})"
            claim = f"k |= {whole(component) if is_whole else first(component)}"
        self._emit(depth, f"t = {read}")
        self._emit(depth, "if t.text not in EMPTY:" if is_whole else "if t not in EMPTY:")
        depth += 1
        function = f"{'value' if is_whole else 'text'}_{datatype}"
        converted = "t" if datatype == "ST" else f"{function}(t, x)"
        if rule.table:
            converted = f"{self._library.codes_name(rule.table, rule.where)}.get({converted}, '')"
        checks = rule.table or datatype != "ST"
        self._emit(depth, f"w = {converted}")
        inner = depth
        if checks:
            self._emit(depth, "if w:")
            inner += 1
        target = self._target(steps)
        for line in target.reach:
            self._emit(inner, line)
        self._store(target, rule, claim, inner)
        for constant in rule.constants:
            self._with(rule, target, steps, constant, inner)
        if checks:
            reason = "TABLE_VALUE" if rule.table else "DATA_TYPE"
            self._emit(depth, "else:")
            if self._is_segment:
                self._emit(depth + 1, f"x.blame({segment}, {field_number}, {reason})")
            else:
                self._emit(depth + 1, f"x.pending = {reason}")

    def _store(self, target: _Target, rule: Rule, claim: str, depth: int) -> None:
        step = target.last
        place = f"{target.parent}.{step.name}"
        kind = step.field.cpp_type
        value = {_STRING: "w", _BOOL: "(w == 'true')", _UINT32: "int(w)"}.get(kind)
        if value is None:
            raise ConfigurationError(f"{rule.where}: {rule.path} cannot hold a text")
        if step.is_repeated:
            self._emit(depth, f"{place}.append({value})")
            self._emit(depth, claim)
            return
        if rule.completes and kind == _STRING:
            self._emit(depth, f"x.add_line({target.parent}, {step.name!r}, w)")
            self._emit(depth, claim)
            return
        unset = f"not {place}"
        if step.field.has_presence:
            unset = f"not {target.parent}.HasField({step.name!r})"
        self._emit(depth, f"if {unset}:")
        self._emit(depth + 1, f"{place} = {value}")
        self._emit(depth, f"if {place} == {value}:")
        self._emit(depth + 1, claim)

    # -- messages -------------------------------------------------------------------------------

    def _read_message(self, rule: Rule, place: Place, steps: list[Step], depth: int) -> None:
        last = steps[-1]
        assert last.message is not None
        call = self._library.reader(rule, last.message)
        field_number, component = self._split(place)
        is_component = len(place.numbers) == 2 if self._is_segment else True
        repeats = any(step.is_repeated for step in steps)
        if self._is_segment:
            if rule.many == "*" and not repeats:
                raise ConfigurationError(f"{rule.where}: {rule.path} does not repeat")
            segment, base, depth = self._segment(place, depth)
            depth = self._each(rule, segment, field_number, depth)
            at = f"taken[{base} | {field_number << FIELD_SHIFT} | r]"
            source = f"v.component({component})" if is_component else "v"
        else:
            segment, at, source = "", "k", f"v.component({component})"
            self._emit(depth, f"if count >= {component}:")
            depth += 1
        self._emit(depth, f"p = {source}")
        self._emit(depth, "if p.text not in EMPTY:")
        depth += 1
        claim = f"{at} |= nested(p, j, {component}) | 1" if is_component else f"{at} |= j"
        target = self._target(steps)
        for line in target.reach:
            self._emit(depth, line)
        where = f"{target.parent}.{last.name}"
        if last.is_repeated:
            self._emit(depth, f"e = {where}.add()")
            self._fill(rule, call, claim, [f"del {where}[-1]", *target.undo], steps, target, depth)
        elif rule.completes:
            self._emit(depth, f"e = {where}")
            self._fill(rule, call, claim, target.undo, steps, target, depth)
        else:
            self._emit(depth, f"if not {target.parent}.HasField({last.name!r}):")
            self._emit(depth + 1, f"e = {where}")
            undo = [f"{target.parent}.ClearField({last.name!r})", *target.undo]
            if len(steps) > 1 and not any(step.is_repeated or step.slot for step in steps):
                # Clearing a field makes the messages around it present, though they say nothing.
                top = steps[0].name
                undo += [f"if not m.{top}.ListFields():", f"    m.ClearField({top!r})"]
            self._fill(rule, call, claim, undo, steps, target, depth + 1)
            self._emit(depth, "else:")
            self._emit(depth + 1, f"e = type({where})()")
            self._emit(depth + 1, f"j = {call.format(value='p', target='e')}")
            self._emit(depth + 1, f"if j and e == {where}:")
            self._emit(depth + 2, claim)
        if self._is_segment:
            self._emit(depth, "if x.pending:")
            self._emit(depth + 1, f"x.blame({segment}, {field_number}, x.pending)")

    def _fill(
        self,
        rule: Rule,
        call: str,
        claim: str,
        undo: list[str],
        steps: list[Step],
        target: _Target,
        depth: int,
    ) -> None:
        self._emit(depth, f"j = {call.format(value='p', target='e')}")
        self._emit(depth, "if j:")
        for constant in rule.constants:
            self._with(rule, target, steps, constant, depth + 1)
        self._emit(depth + 1, claim)
        if undo:
            self._emit(depth, "else:")
            for line in undo:
                self._emit(depth + 1, line)

    def _with(
        self, rule: Rule, target: _Target, steps: list[Step], constant: Assignment, depth: int
    ) -> None:
        """Set a constant on the element that the value went into, or that holds the value."""
        if len(steps) > 1 and target.element:
            start, expression = steps[-2].message, target.element
        elif len(steps) == 1 and steps[0].message is not None:
            start, expression = steps[0].message, "e"
        else:
            raise ConfigurationError(f"{rule.where}: 'with' needs a message that holds the value")
        assert start is not None
        path = resolve(start, constant.path, rule.where)
        if any(step.is_repeated for step in path):
            raise ConfigurationError(f"{rule.where}: 'with' sets single fields only")
        parent = ".".join([expression, *(step.name for step in path[:-1])])
        self._assign(
            parent,
            path[-1],
            constant.value,
            only_if_unset=constant.only_if_unset,
            depth=depth,
            rule=rule,
        )

    def _assign(
        self,
        parent: str,
        step: Step,
        value: str | Code,
        *,
        only_if_unset: bool,
        depth: int,
        rule: Rule,
    ) -> None:
        place = f"{parent}.{step.name}"
        if isinstance(value, Code):
            if step.message is None or step.message.name != "Concept":
                raise ConfigurationError(f"{rule.where}: {step.name} holds no code")
            uri = self._library.systems.get(value.system, "")
            if not uri:
                raise ConfigurationError(f"{rule.where}: unknown code system {value.system}")
            element = f"{place}.add()" if step.is_repeated else place
            self._emit(depth, f"c = {element}.codings.add()")
            self._emit(
                depth, f"c.system, c.code, c.display = {uri!r}, {value.code!r}, {value.display!r}"
            )
            return
        kind = step.field.cpp_type
        literal: Any = value
        if kind == _BOOL:
            literal = value == "true"
        elif kind == _UINT32 and value.isdigit():
            literal = int(value)
        elif kind != _STRING:
            raise ConfigurationError(f"{rule.where}: {step.name} cannot hold {value!r}")
        if step.is_repeated:
            self._emit(depth, f"{place}.append({literal!r})")
            return
        if only_if_unset:
            unset = f"{parent}.HasField({step.name!r})" if step.field.has_presence else place
            self._emit(depth, f"if not {unset}:")
            depth += 1
        self._emit(depth, f"{place} = {literal!r}")

    def _target(self, steps: list[Step]) -> _Target:
        parent = "m"
        reach: list[str] = []
        undo: list[str] = []
        for number, step in enumerate(steps[:-1]):
            place = f"{parent}.{step.name}"
            if step.slot:
                name = f"e_{step.name}_{step.slot}"
                self._slots[f"{step.name}[{step.slot}]"] = name
                reach += [f"if {name} is None:", f"    {name} = {place}.add()"]
                parent = name
            elif step.is_repeated:
                name = f"q{number}"
                reach.append(f"{name} = {place}.add()")
                undo.append(f"del {place}[-1]")
                parent = name
            else:
                parent = place
        return _Target(parent, steps[-1], reach, undo, parent if len(steps) > 1 else "")

    def _segment(self, place: Place, depth: int) -> tuple[str, str, int]:
        if place.unit == self._section.name:
            number = place.numbers[0]
            self._emit(depth, f"if count > {number} and fields[{number}]:")
            return "s", "b", depth + 1
        self._emit(depth, f"z = x.seek({place.unit!r})")
        self._emit(depth, "if z is not None:")
        return "z", f"(z.position << {POSITION_SHIFT})", depth + 1

    def _each(self, rule: Rule, segment: str, field_number: int, depth: int) -> int:
        values = f"{segment}.repetitions({field_number})"
        if rule.many == "*":
            self._emit(depth, f"for r, v in enumerate({values}, 1):")
        else:
            self._emit(depth, f"r = {'n' if rule.many else '1'}")
            self._emit(depth, f"for v in {values}[r - 1 : r]:")
        return depth + 1

    def _split(self, place: Place) -> tuple[int, int]:
        """Field and component; a datatype map has components only."""
        if not self._is_segment:
            return 0, place.numbers[0]
        return place.numbers[0], place.numbers[1] if len(place.numbers) > 1 else 1

    def _emit(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)
