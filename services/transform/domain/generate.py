"""Maps to Python: one function per map, with nothing left to interpret when a message comes.

The source is made from a checked map, executed once, and stays readable (`Maps.source`): each block
begins with the file, line and guide row of its rule. A segment function is `f(s, m, x, n)`:
segment, target message, `Draft`, repetition that the resource is made of. A datatype function is
`f(v, m, x)`, and returns the claim of what it read. `reading` writes conditions, `reaching` the way
to targets, `fetching` that to places, `filling` what becomes a message, `constants` what no field
says.

The source is written for speed: setters, not keyword constructors; fields from the split list, and
`Segment.get` only for what is more than letters and digits; a look whether there is a field before
anything else is asked of it. A new message is asked for nothing that no rule before can have said;
the function that completes one (`..._onto`) asks for all.
"""

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from plexus.errors import ConfigurationError
from services.transform.domain.claims import first, whole
from services.transform.domain.conditions import Condition, Place
from services.transform.domain.constants import Constants
from services.transform.domain.fetching import Claim, Fetching
from services.transform.domain.filling import Filling, waiting
from services.transform.domain.kept import LONGEST_SEGMENT, LONGEST_VALUE
from services.transform.domain.library import Library
from services.transform.domain.notation import Rule, Section
from services.transform.domain.reaching import Lines, Slots, Target
from services.transform.domain.reading import Reads
from services.transform.domain.targets import Step, resolve

__all__ = ["generate"]

_STRING = FieldDescriptor.CPPTYPE_STRING
_BOOL = FieldDescriptor.CPPTYPE_BOOL
_UINT32 = FieldDescriptor.CPPTYPE_UINT32


def generate(section: Section, library: Library, *, completes: bool = False) -> str:
    """Python source of one map; needs `library.namespace` to run.

    Args:
        section: the map.
        library: what it may call.
        completes: the message may say something already; else it is new.

    Raises:
        ConfigurationError: a rule names what does not exist; says file and line.
    """
    return _Writer(section, library, completes).write()


class _Writer:
    def __init__(self, section: Section, library: Library, completes: bool) -> None:
        self._section = section
        self._library = library
        self._is_segment = section.kind == "segment"
        self._start: Descriptor = library.message_type(section.target, section.where)
        self._lines = Lines()
        self._emit = self._lines.emit
        self._slots = Slots(completes=completes)
        self._constants = Constants(library, self._lines, self._slots)
        self._reads = Reads(section, library, self._start)
        self._fetching = Fetching(section, self._lines, library.traced)
        self._filling = Filling(
            library,
            self._lines,
            self._slots,
            self._constants,
            self._fetching,
            # What waits cannot be pointed at, so nothing waits where it is traced.
            frozenset()
            if completes or library.traced is not None
            else waiting(section, self._start, library),
        )
        self._guard = ""
        self._asked = ""
        self._name = library.function_name(section, completes=completes)

    def write(self) -> str:
        """Give the whole function."""
        for rule in self._section.rules:
            self._rule(rule)
        arguments = "s, m, x, n" if self._is_segment else "v, m, x"
        head = [f"def {self._name}({arguments}):"]
        if self._is_segment:
            head.append("    taken = x.taken[s.position]")
            head.append("    fields = s.fields()")
            head.append("    count = len(fields)")
            if self._fetching.asks_usual:
                head.append(f"    usual = s.is_usual and len(s.text) <= {LONGEST_SEGMENT}")
        else:
            head.append("    k = 0")
            head.append("    parts, leaves = v.split()")
            head.append("    count = len(leaves)")
            if self._fetching.asks_usual:
                head.append(f"    usual = v.is_usual and len(v.text) <= {LONGEST_VALUE}")
                head.append("    below = 2 if v.level else 1")
            if self._section.requires is not None:
                read = self._reads.required(self._section.requires, self._section.where)
                head.append(f"    if {read} in EMPTY:")
                head.append("        return 0")
        head += [f"    {name} = {read}" for read, name in self._reads.hoisted.items()]
        tail = [] if self._is_segment else ["    return k"]
        if self._filling.gathers:
            head.append('    said = b""')
            tail = ["    if said:", "        m.MergeFromString(said)", *tail]
        return (
            "\n".join([*head, *self._slots.begin(), *self._lines.all, *self._slots.end(), *tail])
            + "\n"
        )

    # -- one rule -------------------------------------------------------------------------------

    def _rule(self, rule: Rule) -> None:
        steps = [] if rule.drops else resolve(self._start, rule.path, rule.where)
        depth = 1
        if isinstance(rule.source, Place):
            self._reads.check(rule.source, rule.where)
            depth = self._guarded(rule.source, depth)
        else:
            self._guard = self._asked = ""
        self._emit(depth, f"# {rule.where}  {rule.cite}")
        if rule.condition is not None:
            self._emit(depth, f"if {self._condition(rule, rule.condition, depth)}:")
            depth += 1
        else:
            self._asked = ""
        if isinstance(rule.source, Place):
            if rule.drops:
                self._drop(rule, rule.source, depth)
            else:
                self._read(rule, rule.source, steps, depth)
        else:
            self._constants.rule(rule, steps, depth)

    def _drop(self, rule: Rule, place: Place, depth: int) -> None:
        if not self._is_segment or place.unit != self._section.name:
            raise ConfigurationError(f"{rule.where}: a map drops fields of its own segment only")
        self._fetching.drop(rule, place, depth)

    def _condition(self, rule: Rule, condition: Condition, depth: int) -> str:
        expression = self._reads.condition(condition, rule.where)
        arm = self._reads.arm(rule)
        if arm is None:
            self._asked = ""
            return expression
        question, answer = arm
        if question != self._asked:
            self._emit(depth, f"g = {question}")
            self._asked = question
        return f"g == {answer!r}"

    def _guarded(self, place: Place, depth: int) -> int:
        """Ask whether there is such a place; once for neighbours that read the same one."""
        number = place.numbers[0]
        if not self._is_segment:
            guard = f"if count >= {number}:" if number > 1 else ""
        elif place.unit == self._section.name:
            guard = f"if count > {number} and fields[{number}]:"
        else:
            guard = ""
        if guard != self._guard:
            self._asked = ""
            if guard:
                self._emit(depth, guard)
        self._guard = guard
        return depth + 1 if guard else depth

    def _read(self, rule: Rule, place: Place, steps: list[Step], depth: int) -> None:
        if not self._is_segment and len(place.numbers) == 2:
            self._read_part(rule, place, steps, depth)
            return
        if len(place.numbers) > (2 if self._is_segment else 1):
            raise ConfigurationError(f"{rule.where}: read the component {place} by its datatype")
        if not self._is_segment and rule.many:
            raise ConfigurationError(f"{rule.where}: only fields repeat")
        last = steps[-1]
        if last.message is not None:
            self._filling.rule(rule, place, steps, depth)
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
        fetching = self._fetching
        field_number, component = fetching.split(place)
        bits = "-1" if is_whole else str(first(component))
        if self._is_segment:
            segment, taken, depth = fetching.segment(place, depth)
            if is_whole or rule.many == "*":
                depth = fetching.each(rule, segment, field_number, depth)
                self._emit(depth, f"t = {'v' if is_whole else self._reads.leaf_of('v', component)}")
            elif rule.many:
                self._emit(depth, f"t = {segment}.get({field_number}, {component}, 1, n)")
            else:
                bits = fetching.plain(segment, field_number, component, depth)
            claim = fetching.claim(rule, segment, taken, field_number, bits)
        else:
            segment = ""
            if is_whole:
                self._emit(depth, f"t = v.component({component})")
                bits = str(whole(component))
            else:
                self._emit(depth, f"t = leaves[{component - 1}]")
            claim = Claim("k", bits)
        self._emit(depth, "if t.text not in EMPTY:" if is_whole else "if t not in EMPTY:")
        depth += 1
        converted = self._library.converted(datatype)
        if rule.table:
            converted = f"{self._library.codes_name(rule.table, rule.where)}.get({converted}, '')"
        checks = rule.table or datatype != "ST"
        self._emit(depth, f"w = {converted}")
        inner = depth
        if checks:
            self._emit(depth, "if w:")
            inner += 1
        target = self._slots.reach(steps)
        for line in target.reach:
            self._emit(inner, line)
        self._store(target, rule, claim, inner)
        for constant in rule.constants:
            self._constants.beside(rule, target, steps, constant, inner)
        if checks:
            reason = "TABLE_VALUE" if rule.table else "DATA_TYPE"
            self._emit(depth, "else:")
            if self._is_segment:
                self._emit(depth + 1, f"x.blame({segment}, {field_number}, {reason})")
            else:
                self._emit(depth + 1, f"x.pending = {reason}")

    def _read_part(self, rule: Rule, place: Place, steps: list[Step], depth: int) -> None:
        """A further part of a component (FN, SAD), whose first part another rule reads."""
        component, part = place.numbers
        if rule.datatype or rule.table or rule.condition or rule.many or part == 1:
            raise ConfigurationError(f"{rule.where}: {place} can be read as it is, and only so")
        read = {
            each.source.numbers[1]
            for each in self._section.rules
            if isinstance(each.source, Place)
            and each.source.numbers[0] == component
            and len(each.source.numbers) > 1
        }
        self._emit(depth, f"if parts[{component - 1}] != leaves[{component - 1}]:")
        self._emit(depth + 1, f"t = v.get({component}, {part})")
        self._emit(depth + 1, "if t not in EMPTY:")
        self._emit(depth + 2, "w = t")
        target = self._slots.reach(steps)
        for line in target.reach:
            self._emit(depth + 2, line)
        claim = Claim("k", f"parted(v.component({component}), k, {component}, {read})")
        self._store(target, rule, claim, depth + 2)

    def _store(self, target: Target, rule: Rule, claim: Claim, depth: int) -> None:
        take = self._fetching.take
        step, place = target.last, target.place
        kind = step.field.cpp_type
        value = {_STRING: "w", _BOOL: "(w == 'true')", _UINT32: "int(w)"}.get(kind)
        if value is None:
            raise ConfigurationError(f"{rule.where}: {rule.path} cannot hold a text")
        if step.is_repeated:
            self._emit(depth, f"{place}.append({value})")
            take(claim, target.parent, step.name, depth)
            return
        if rule.completes and kind == _STRING:
            self._emit(depth, f"x.add_line({target.parent}, {step.name!r}, w)")
            take(claim, target.parent, step.name, depth)
            return
        if not target.may_be_set:
            self._emit(depth, f"{place} = {value}")
            take(claim, target.parent, step.name, depth)
            return
        is_set = f"{target.parent}.HasField({step.name!r})" if step.field.has_presence else place
        self._emit(depth, f"if not {is_set}:")
        self._emit(depth + 1, f"{place} = {value}")
        take(claim, target.parent, step.name, depth + 1)
        self._emit(depth, f"elif {place} == {value}:")
        take(claim, target.parent, step.name, depth + 1)
