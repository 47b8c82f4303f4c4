"""How generated maps set what no field says: constants, codes, the authority of the source.

The neighbour of `generate`, which writes what is read.
"""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from plexus.api.canonical.v1.datatypes_pb2 import Coding, Concept
from plexus.errors import ConfigurationError
from services.transform.domain.library import Library
from services.transform.domain.notation import Assignment, Code, Rule
from services.transform.domain.reaching import Lines, Slots, Target
from services.transform.domain.targets import Step, resolve

__all__ = ["Constants"]

_STRING = FieldDescriptor.CPPTYPE_STRING
_BOOL = FieldDescriptor.CPPTYPE_BOOL
_UINT32 = FieldDescriptor.CPPTYPE_UINT32


class Constants:
    """Writes the constants of one map."""

    def __init__(self, library: Library, lines: Lines, slots: Slots) -> None:
        """Write to `lines`."""
        self._library = library
        self._lines = lines
        self._slots = slots

    def rule(self, rule: Rule, steps: list[Step], depth: int) -> None:
        """Write a rule whose source is a constant or something of the context.

        Raises:
            ConfigurationError: the target cannot hold it, or the context has no such thing.
        """
        if rule.datatype or rule.table or rule.resource:
            raise ConfigurationError(f"{rule.where}: a constant has no datatype, table or resource")
        target = self._slots.reach(steps)
        for line in target.reach:
            self._lines.emit(depth, line)
        source = rule.source
        if isinstance(source, str) and source.startswith('"'):
            is_shy = target.may_be_set
            self._assign(target.parent, target.last, source[1:-1], is_shy, depth, rule)
        elif isinstance(source, Code):
            self._assign(target.parent, target.last, source, True, depth, rule)
        elif source == "$authority":
            if target.last.message is None or target.last.message.name != "Authority":
                raise ConfigurationError(f"{rule.where}: {target.last.name} holds no authority")
            self._lines.emit(depth, f"x.assign({target.place})")
        else:
            raise ConfigurationError(f"{rule.where}: unknown name {source} of the context")

    def beside(
        self, rule: Rule, target: Target, steps: list[Step], constant: Assignment, depth: int
    ) -> None:
        """Set a constant on the element that the value went into, or that holds the value.

        Raises:
            ConfigurationError: there is no such element, or it has no such single field.
        """
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
        if len(steps) > 1:
            self._slots.note([*steps[:-1], *path])
        parent = ".".join([expression, *(step.name for step in path[:-1])])
        self._assign(parent, path[-1], constant.value, constant.only_if_unset, depth, rule)

    def _assign(
        self, parent: str, step: Step, value: str | Code, is_shy: bool, depth: int, rule: Rule
    ) -> None:
        """Set a field; `is_shy` leaves one that is set as it is."""
        emit = self._lines.emit
        place = f"{parent}.{step.name}"
        if isinstance(value, Code):
            if step.message is None or step.message.name != "Concept":
                raise ConfigurationError(f"{rule.where}: {step.name} holds no code")
            uri = self._library.systems.get(value.system, "")
            if not uri:
                raise ConfigurationError(f"{rule.where}: unknown code system {value.system}")
            element = f"{place}.add()" if step.is_repeated else place
            coding = Coding(system=uri, code=value.code, display=value.display)
            content = Concept(codings=[coding]).SerializeToString()
            emit(depth, f"{element}.MergeFromString({content!r})")
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
            emit(depth, f"{place}.append({literal!r})")
            return
        if is_shy:
            is_set = f"{parent}.HasField({step.name!r})" if step.field.has_presence else place
            emit(depth, f"if not {is_set}:")
            depth += 1
        emit(depth, f"{place} = {literal!r}")
