"""How generated maps make messages of values: by filling one, or by taking one that was kept.

The neighbour of `generate`, which writes what becomes a plain value. A datatype function that fills
needs its target before it can tell whether there is anything to say, so what it did not fill is
taken back. One that gives what it made serialized is asked first.
"""

from google.protobuf.descriptor import Descriptor

from plexus.errors import ConfigurationError
from services.transform.domain.conditions import Place
from services.transform.domain.constants import Constants
from services.transform.domain.fetching import Claim, Fetching
from services.transform.domain.library import Library, Reader
from services.transform.domain.notation import Rule, Section
from services.transform.domain.reaching import Lines, Slots, Target
from services.transform.domain.targets import Step, resolve
from services.transform.domain.wire import tag

__all__ = ["Filling", "waiting"]


def waiting(section: Section, start: Descriptor, library: Library) -> frozenset[str]:
    """Fields of a new message whose content may wait until all rules of its map have run.

    They are those that rules only add to, or that one rule sets; that are given serialized; and
    that no condition asks for.
    """
    targets: dict[str, list[Rule]] = {}
    asked: set[str] = set()
    for rule in section.rules:
        if not rule.drops:
            targets.setdefault(_head(rule.path), []).append(rule)
        for node in rule.condition.walk() if rule.condition else ():
            if node.operator == "SET":
                asked.add(_head(node.operands[0]))
    return frozenset(
        name
        for name, rules in targets.items()
        if name not in asked and _may_wait(rules, start, library)
    )


def _head(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _may_wait(rules: list[Rule], start: Descriptor, library: Library) -> bool:
    target, *below = resolve(start, rules[0].path, rules[0].where)
    kind = target.message
    if kind is None or below or not (target.is_repeated or len(rules) == 1):
        return False
    return all(
        rule.path == target.name
        and isinstance(rule.source, Place)
        and not rule.constants
        and not library.reader(rule, kind).fills
        for rule in rules
    )


class Filling:
    """Writes the rules of one map whose targets are messages."""

    def __init__(
        self,
        library: Library,
        lines: Lines,
        slots: Slots,
        constants: Constants,
        fetching: Fetching,
        waiting: frozenset[str],
    ) -> None:
        """Write to `lines`; the content of fields in `waiting` may wait until all rules have run."""
        self._library = library
        self._emit = lines.emit
        self._slots = slots
        self._constants = constants
        self._fetching = fetching
        self._waiting = waiting
        self.gathers = False
        """Whether the function gathers what waits, in `said`."""
        self._coded = ""
        """Arguments that show a concept to the coder of the source (see `coder`); empty for others."""

    def rule(self, rule: Rule, place: Place, steps: list[Step], depth: int) -> None:
        """Write a rule that reads a place into a message.

        Raises:
            ConfigurationError: it reads all repetitions into one, or its datatype is none.
        """
        last = steps[-1]
        assert last.message is not None
        self._coded = ""
        reader = self._library.reader(rule, last.message)
        repeats = any(step.is_repeated for step in steps)
        if not self._fetching.is_segment:
            self._component(reader, rule, place, steps, depth)
            return
        if rule.many == "*" and not repeats:
            raise ConfigurationError(f"{rule.where}: {rule.path} does not repeat")
        field, component = self._fetching.split(place)
        segment, taken, depth = self._fetching.segment(place, depth)
        is_component = len(place.numbers) == 2
        bits = f"nested(p, j, {component}) | 1" if is_component else "j"
        claim = self._fetching.claim(rule, segment, taken, field, bits)
        if last.message.name == "Concept" and not rule.completes:
            self._coded = f"{str(place) + ' ' + rule.where!r}, {{}}, x.context.message_id"
        if reader.known and segment == "s" and not is_component and rule.many in {"", "*"}:
            self._known(reader, rule, field, depth)
            self._take(rule, claim, steps, depth + (rule.many == "*"))
            return
        depth = self._fetching.each(rule, segment, field, depth)
        value = "v"
        if is_component:
            self._emit(depth, f"p = v.component({component})")
            value = "p"
        self._emit(depth, f"if {value}.text not in EMPTY:")
        if reader.fills:
            self._fill(rule, reader.call.format(value=value, target="e"), claim, steps, depth + 1)
        else:
            self._emit(depth + 1, f"j, b = {reader.call.format(value=value)}")
            self._take(rule, claim, steps, depth + 1)
        if not reader.known:
            self._emit(depth + 1, "if x.pending:")
            self._emit(depth + 2, f"x.blame({segment}, {field}, x.pending)")

    def _component(
        self, reader: Reader, rule: Rule, place: Place, steps: list[Step], depth: int
    ) -> None:
        """A component of a datatype."""
        component = place.numbers[0]
        part = f"parts[{component - 1}]"
        self._emit(depth, f"if {part} not in EMPTY:")
        depth += 1
        value = f"v.component({component})"
        if reader.known:
            self._fetching.asks_usual = True
            read = reader.call.format(value=value)
            self._emit(depth, f"j, b = {reader.known}({part}, below) if usual else {read}")
            whole = 1 << 2 * component | 1
            claim = Claim("k", f"{whole} if j < 0 else nested({value}, j, {component}) | 1")
            self._take(rule, claim, steps, depth)
            return
        self._emit(depth, f"p = {value}")
        claim = Claim("k", f"nested(p, j, {component}) | 1")
        if reader.fills:
            self._fill(rule, reader.call.format(value="p", target="e"), claim, steps, depth)
        else:
            self._emit(depth, f"j, b = {reader.call.format(value='p')}")
            self._take(rule, claim, steps, depth)

    # -- what is given serialized ---------------------------------------------------------------

    def _known(self, reader: Reader, rule: Rule, field: int, depth: int) -> None:
        """Ask by the text alone where it tells what it says; else make a value of it."""
        self._fetching.asks_usual = True
        known = f"{reader.known}(fields[{field}], 0)"
        if rule.many:
            read = reader.call.partition("(")[0]
            reads = f"({known},) if usual else map({read}, s.repetitions({field}))"
            self._emit(depth, f"for r, (j, b) in enumerate({reads}):")
            return
        read = reader.call.format(value=f"s.value({field})")
        self._emit(depth, f"j, b = {known} if usual else {read}")

    def _take(self, rule: Rule, claim: Claim, steps: list[Step], depth: int) -> None:
        """Put `b`, a message that a field holds, into the target if the claim `j` is for anything."""
        self._emit(depth, "if j:")
        depth += 1
        if self._coded:
            self._emit(depth, "if x.coder is not None:")
            self._emit(depth + 1, f"b = x.coder.told({self._coded.format('b')})")
        target = self._slots.reach(steps)
        for line in target.reach:
            self._emit(depth, line)
        name, parent = target.last.name, target.parent
        take = self._fetching.take
        made = f"{target.place}{'[-1]' * target.last.is_repeated}"
        if name in self._waiting and len(steps) == 1:
            self.gathers = True
            self._emit(depth, f"said += {tag(target.last.field)!r} + b")
            take(claim, made, "", depth)
            return
        put = f"{{}}.MergeFromString({tag(target.last.field)!r} + b)"
        if target.last.is_repeated or rule.completes or not target.may_be_set:
            self._emit(depth, put.format(parent))
            if rule.constants and target.element == "":
                self._emit(depth, f"e = {made}")
            self._beside(rule, target, steps, depth)
            take(claim, made, "", depth)
            return
        self._emit(depth, f"if not {parent}.HasField({name!r}):")
        self._emit(depth + 1, put.format(parent))
        if rule.constants and target.element == "":
            self._emit(depth + 1, f"e = {target.place}")
        self._beside(rule, target, steps, depth + 1)
        take(claim, made, "", depth + 1)
        self._emit(depth, "else:")
        self._emit(depth + 1, f"e = type({parent})()")
        self._emit(depth + 1, put.format("e"))
        self._emit(depth + 1, f"if e.{name} == {target.place}:")
        take(claim, made, "", depth + 2)

    # -- what is filled -------------------------------------------------------------------------

    def _fill(self, rule: Rule, call: str, claim: Claim, steps: list[Step], depth: int) -> None:
        target = self._slots.reach(steps)
        for line in target.reach:
            self._emit(depth, line)
        where, name = target.place, target.last.name
        undo = target.undo
        if target.last.is_repeated:
            self._emit(depth, f"e = {where}.add()")
            undo = [f"del {where}[-1]", *undo]
        elif rule.completes or undo:
            # There is something to complete, or the message around it is new.
            self._emit(depth, f"e = {where}")
        else:
            if target.may_be_set:
                self._emit(depth, f"if {target.parent}.HasField({name!r}):")
                self._emit(depth + 1, f"e = type({where})()")
                self._emit(depth + 1, f"j = {call}")
                self._meet(depth + 1)
                self._emit(depth + 1, f"if j and e == {where}:")
                self._fetching.take(claim, where, "", depth + 2)
                self._emit(depth, "else:")
                depth += 1
            self._emit(depth, f"e = {where}")
            undo = [f"{target.parent}.ClearField({name!r})"]
            if len(steps) > 1 and not any(step.is_repeated or step.slot for step in steps):
                # Clearing a field makes the messages around it present, though they say nothing.
                top = steps[0].name
                undo += [f"if not m.{top}.ListFields():", f"    m.ClearField({top!r})"]
        self._emit(depth, f"j = {call}")
        self._meet(depth)
        self._emit(depth, "if j:")
        self._beside(rule, target, steps, depth + 1)
        self._fetching.take(claim, "e", "", depth + 1)
        if undo:
            self._emit(depth, "else:")
            for line in undo:
                self._emit(depth + 1, line)

    def _meet(self, depth: int) -> None:
        if self._coded:
            self._emit(depth, "if j and x.coder is not None:")
            self._emit(depth + 1, f"x.coder.meet({self._coded.format('e')})")

    def _beside(self, rule: Rule, target: Target, steps: list[Step], depth: int) -> None:
        for constant in rule.constants:
            self._constants.beside(rule, target, steps, constant, depth)
