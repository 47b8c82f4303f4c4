"""Target paths of rules, checked against the protobuf descriptors of the canonical model."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.errors import ConfigurationError

__all__ = ["Step", "message_types", "resolve"]

_STEP = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(?:\[(?P<slot>\d+|last)\])?")


@dataclass(frozen=True, slots=True)
class Step:
    """One field of a path; `slot` names the element of a repeated field that rules share.

    Slot `last` is the element that is last already, for what several segments tell of one thing.
    """

    field: FieldDescriptor
    slot: str

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.field.name

    @property
    def label(self) -> str:
        """Name of the field, with its slot."""
        return f"{self.name}[{self.slot}]" if self.slot else self.name

    @property
    def is_repeated(self) -> bool:
        """Whether a value adds an element."""
        return self.field.is_repeated and not self.slot

    @property
    def message(self) -> Descriptor | None:
        """Type of the field where it is a message."""
        return self.field.message_type


def message_types() -> dict[str, Descriptor]:
    """All messages of the canonical model that a map may fill, by name."""
    found: dict[str, Descriptor] = {}

    def visit(descriptor: Descriptor) -> None:
        if descriptor.name in found:
            return
        found[descriptor.name] = descriptor
        for child in descriptor.fields:
            if child.message_type is not None:
                visit(child.message_type)

    visit(CanonicalEvent.DESCRIPTOR)
    visit(Resource.DESCRIPTOR)
    return found


def resolve(start: Descriptor, path: str, where: str) -> list[Step]:
    """Follow a path from a message.

    Raises:
        ConfigurationError: a field does not exist, a scalar is walked through, a slot is misused.
    """
    return list(_steps(start, path, where))


def _steps(start: Descriptor, path: str, where: str) -> Iterator[Step]:
    at: Descriptor | None = start
    for number, part in enumerate(path.split(".")):
        found = _STEP.fullmatch(part)
        if found is None:
            raise ConfigurationError(f"{where}: cannot read {part!r} in the target {path}")
        if at is None:
            raise ConfigurationError(f"{where}: the target {path} goes through a plain value")
        field = at.fields_by_name.get(found["name"])
        if field is None:
            raise ConfigurationError(f"{where}: {at.name} has no field {found['name']}")
        slot = found["slot"] or ""
        if slot and (number or not field.is_repeated or field.message_type is None):
            raise ConfigurationError(
                f"{where}: a slot belongs to a repeated message at the head of the target {path}"
            )
        yield Step(field, slot)
        at = field.message_type
