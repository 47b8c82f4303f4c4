"""What generated maps may call: datatypes, code tables, code systems; and under which names.

The library is made of the maps themselves (datatype sections, tables) and of the functions in
`datatypes`, `values` and `places`. `generate` asks it for names, `load` fills its namespace.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from types import CodeType
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from plexus.api.canonical.v1.datatypes_pb2 import Authority, Concept, Quantity
from plexus.codecs.hl7v2 import NULL
from plexus.errors import ConfigurationError, Reason
from services.transform.domain.citations import MessageMap
from services.transform.domain.claims import nested, parted
from services.transform.domain.conditions import Place
from services.transform.domain.datatypes import TEXTS, ConceptReader, TelecomReader
from services.transform.domain.kept import Kept
from services.transform.domain.notation import Rule, Section
from services.transform.domain.places import refer_to_place
from services.transform.domain.tables import Table
from services.transform.domain.targets import message_types
from services.transform.domain.values import (
    document,
    pointer,
    reference_range,
    structured_number,
    units,
)

__all__ = ["Library", "Reader"]

_GIVING = frozenset({"PL_Location", "RANGE_ReferenceRange"})
"""Functions that remember on their own what they made."""
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")


def _text_of(text: str) -> str:
    return "" if text == NULL else text


def _is_plain(rule: Rule) -> bool:
    """Whether the rule takes a component as it is."""
    return isinstance(rule.source, Place) and rule.datatype in {"", "ST"} and not rule.table


def _is_kept(section: Section) -> bool:
    """Whether a datatype map asks nothing of its source, and is about none of its people."""
    return section.target == "Authority" and all(map(_is_plain, section.rules))


@dataclass(frozen=True, slots=True)
class Reader:
    """How a map calls what makes a message of a value.

    Attributes:
        call: the call, with {value} and {target} to fill in.
        fills: whether it fills the target; else it gives a claim and the message serialized.
        known: name of the same for a usual text and its level, where what was made is kept.
    """

    call: str
    fills: bool
    known: str = ""


class Library:
    """Names known to maps, and what they stand for.

    Attributes:
        completing: labels of the datatype maps that some rule completes a message with.
        segment_maps: the segment maps by label.
        traced: the rules that generated code names where it tells a trace; None where it tells none.
    """

    def __init__(
        self,
        sections: Collection[Section],
        tables: dict[str, Table],
        systems: dict[str, str],
        segments: frozenset[str],
        *,
        traced: bool = False,
    ) -> None:
        """Know the datatype maps among the sections, and everything written in Python."""
        self.systems = systems
        self.segments = segments
        self.texts = frozenset({"ST", "DTM", *TEXTS})
        self.values = frozenset({"TX"})
        self._tables = tables
        self._types = message_types()
        datatypes = [section for section in sections if section.kind == "datatype"]
        self._readers: dict[tuple[str, str], str] = {
            (section.name, section.target): self.function_name(section) for section in datatypes
        }
        self._sections = {(section.name, section.target): section for section in datatypes}
        self.segment_maps = {s.label: s for s in sections if s.kind == "segment"}
        self.traced: list[Rule] | None = [] if traced else None
        self._kept = {self.function_name(section) for section in datatypes if _is_kept(section)}
        self.completing: set[str] = set()
        self.namespace: dict[str, Any] = {
            "EMPTY": frozenset({"", NULL}),
            "DATA_TYPE": Reason.REASON_DATA_TYPE,
            "TABLE_VALUE": Reason.REASON_TABLE_VALUE,
            "nested": nested,
            "parted": parted,
            "text_of": _text_of,
            "RULES": self.traced,
        }
        self.namespace |= {f"text_{name}": function for name, function in TEXTS.items()}
        self.namespace |= {f"codes_{name}": table.codes for name, table in tables.items()}
        for name, target, function in (
            ("CWE", "Concept", Kept(ConceptReader(systems), Concept)),
            ("SN", "ObservationValue", structured_number),
            ("UNITS", "Quantity", Kept(units, Quantity)),
            ("RANGE", "ReferenceRange", reference_range),
            ("ED", "Attachment", document),
            ("RP", "Attachment", pointer),
            ("PL", "Location", refer_to_place),
        ):
            self._add(name, target, function)
        uses, equipment = (
            tables.get("TelecommunicationUseCode"),
            tables.get("TelecommunicationEquipmentType"),
        )
        if uses is not None and equipment is not None:
            self._add("XTN", "Telecom", TelecomReader(uses, equipment))

    def _add(self, name: str, target: str, function: object) -> None:
        function_name = f"{name}_{target}"
        self._readers[name, target] = function_name
        self._provide(function_name, function)

    def _provide(self, name: str, function: object) -> None:
        self.namespace[name] = function
        if isinstance(function, Kept):
            self._kept.add(name)
            self.namespace[f"{name}_known"] = function.known
            self.namespace[f"{name}_read"] = function.read

    def define(self, section: Section, source: str) -> None:
        """Run the source of a map, so that other maps may call it."""
        code: CodeType = compile(source, f"<map {section.label}>", "exec")
        exec(code, self.namespace)  # noqa: S102 - made by `generate` from the checked map
        name = self.function_name(section)
        if name in self._kept:
            self._provide(name, Kept(self.namespace[name], Authority))

    @staticmethod
    def function_name(section: Section, *, completes: bool = False) -> str:
        """Name of the function of a map; there is another for messages that say something already."""
        return f"{section.name}_{section.target}{'_onto' if completes else ''}"

    def message_type(self, name: str, where: str) -> Descriptor:
        """Descriptor of a canonical message.

        Raises:
            ConfigurationError: there is none of that name.
        """
        descriptor = self._types.get(name)
        if descriptor is None:
            raise ConfigurationError(f"{where}: the canonical model has no message {name}")
        return descriptor

    def message_class(self, name: str) -> type[Message]:
        """Class of a canonical message."""
        return message_factory.GetMessageClass(self._types[name])

    def segment(self, name: str, where: str) -> str:
        """The name, if it is one of a segment.

        Raises:
            ConfigurationError: it is not.
        """
        if _SEGMENT.fullmatch(name) is None:
            raise ConfigurationError(f"{where}: {name} is no name of a segment")
        return name

    def converted(self, datatype: str) -> str:
        """Call that makes a plain value of `t`: a leaf, or for `values` a whole repetition."""
        if datatype in self.values:
            return "t.whole()"
        return {"ST": "t", "DTM": "x.time(t)"}.get(datatype, f"text_{datatype}(t)")

    def datatype(self, name: str, target: str) -> Section | None:
        """The map that makes that message of a datatype; None where none does, but Python."""
        return self._sections.get((name, target))

    def filler(self, rule: Rule, target: str) -> MessageMap | None:
        """The function that fills a message of that type for a rule, without a memory; None where it gives."""
        function = f"{rule.datatype}_{target}"
        found = self.namespace.get(f"{function}_{rule.table}" if rule.table else function)
        if function in _GIVING or found is None:
            return None
        fill: MessageMap = found.fill if isinstance(found, Kept) else found
        return fill

    def codes_name(self, table: str, where: str) -> str:
        """Name of the codes of a table.

        Raises:
            ConfigurationError: there is no such table.
        """
        if table not in self._tables:
            raise ConfigurationError(f"{where}: unknown code table {table}")
        return f"codes_{table}"

    def reader(self, rule: Rule, target: Descriptor) -> Reader:
        """What makes a message of a value.

        Raises:
            ConfigurationError: no datatype of that name makes that message.
        """
        where = rule.where
        if not rule.datatype:
            raise ConfigurationError(f"{where}: {rule.path} needs a datatype, for it is a message")
        made = rule.resource or target.name
        if rule.resource and target.name != "Reference":
            raise ConfigurationError(f"{where}: 'as' is for references, {rule.path} is none")
        if rule.resource and isinstance(rule.source, Place) and not rule.source.is_field:
            raise ConfigurationError(f"{where}: only what a segment says becomes a resource")
        function = self._readers.get((rule.datatype, made))
        if function is None:
            raise ConfigurationError(f"{where}: unknown datatype {rule.datatype} for {made}")
        if rule.table:
            if (rule.datatype, made) != ("CWE", "Concept"):
                raise ConfigurationError(f"{where}: only codes and concepts have code tables")
            self.codes_name(rule.table, where)
            function = f"CWE_Concept_{rule.table}"
            if function not in self.namespace:
                read = ConceptReader(self.systems, self._tables[rule.table])
                self._provide(function, Kept(read, Concept))
        if function in self._kept:
            return Reader(f"{function}_read({{value}})", False, f"{function}_known")
        if rule.resource and rule.datatype != "PL":
            call = f"x.refer({made!r}, {rule.datatype!r}, {function}, {{value}})"
            return Reader(call, False)
        if function in _GIVING:
            return Reader(f"{function}({{value}}, x)", False)
        if rule.completes and (rule.datatype, made) in self._sections:
            self.completing.add(f"{rule.datatype}[{made}]")
            function += "_onto"
        return Reader(f"{function}({{value}}, {{target}}, x)", True)
